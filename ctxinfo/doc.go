// Package ctxinfo tells a handler the facts of a request, each with its source: the
// client's address, scheme and host, the visitor's locale, time zone and theme,
// whether the page is in a frame, cookies, headers and the request id. It is
// Streamlit's st.context.
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
//   - headers about the client's address, the scheme, the host and the request id
//     count only if they come through a proxy that Config.Proxies names. The peer
//     of the connection is checked first, then the list of hops from right to
//     left;
//   - at a malformed entry of that list, the last verified hop counts, and
//     [Info.Anomalies] reports the entry. An address is never just the text of a
//     header;
//   - every value has a [Source]: the header, cookie or default that it came
//     from, and whether it is trusted. Visitors choose locale, theme, time zone
//     and embedding themselves: do not decide about access by them;
//   - Begin parses nothing; a value is computed when it is first read. The work
//     for each value is bounded, whatever a client sends;
//   - an [Info] is immutable, safe for concurrent use, and may outlive the
//     request;
//   - the response's Vary lists exactly the headers that the handler's reads
//     depend on, and its Cache-Control is private if it read the address or a
//     cookie. Reads for a log ([Info.ForLog]) do not count;
//   - in logs and JSON an Info shows no cookie, no credentials and no query, and
//     addresses only as Config.Privacy allows.
//
// Browsers send no header for the time zone, and most of them none for the theme.
// Put the element of [Script] into the page's head: it stores them in a cookie for
// the next request. [Info.PreferenceCookie] stores a visitor's own choice. Pages
// work without both. Behind a content delivery network use its preset, such as
// [Cloudflare]. User agent, location and the headers of htmx are in package client;
// package ctxinfotest makes requests for tests.
//
// In a load whose result all visitors share, [FromContext] returns an empty Info,
// and the load fails: put what it needs into its key.
package ctxinfo
