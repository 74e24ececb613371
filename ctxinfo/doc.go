// Package ctxinfo tells a handler who is asking, and how that is known: the
// client's address, scheme and host, the visitor's locale, time zone and
// theme, whether the page is in a frame, cookies, headers and request id. It is
// what st.context is to Streamlit.
//
//	info := ctxinfo.Must(ctxinfo.New(ctxinfo.Config{
//		Proxies:      ctxinfo.Behind(ctxinfo.Prefixes("10.0.3.0/28")),
//		AllowedHosts: []string{"example.com"},
//	}))
//	e.Use(echov4.Use(info)) // or with other plugins, in one middleware
//
//	in := ctxinfo.From(c)
//	in.IP(); in.Locale(); in.Theme(); in.Source(ctxinfo.FacetIP)
//
// Promises:
//   - nothing that a client sends is believed about the client's address, the
//     scheme, the host or the request id, unless it comes through a proxy that
//     Config.Proxies names. One decision covers all of them: the peer of the
//     connection is checked first, then the list of hops from right to left;
//   - what is malformed ends the walk at the last verified hop and is reported
//     by [Info.Anomalies]. No text of a header ever stands in for an address;
//   - every value has a [Source]: the header, cookie or default that it came
//     from, and whether the program or a trusted proxy vouches for it. Locale,
//     theme, time zone and embedding are wishes of the visitor, never grounds
//     for access;
//   - Begin parses nothing; a facet is worked out when it is first read. The
//     work per facet is bounded, whatever a client sends;
//   - an [Info] is immutable, safe for concurrent use, and may outlive the
//     request;
//   - a response carries Vary for exactly the headers whose facets were read
//     to make it, and Cache-Control: private if the address or a cookie was
//     among them. What is read for a log shapes no response;
//   - in logs and JSON an Info shows no cookie, no credentials, no query, and
//     of addresses no more than Config.Privacy allows.
//
// What no header tells (time zone, theme in most browsers) the next request
// knows from the element that [Script] makes for the page's head; [Info.PreferenceCookie]
// holds a visitor's own choice. Both are cookies, and pages work
// without them. Behind a content delivery network see [Cloudflare] and its
// siblings. What the visitor's software says of itself, where it is, and what
// htmx says is in package client; for tests there is package ctxinfotest.
//
// Inside a cached load whose result all visitors share, [FromContext] returns
// an Info that knows nothing, and the load fails: pass what it needs as part
// of its key.
package ctxinfo
