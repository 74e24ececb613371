package respcache

import (
	"context"
	"crypto/tls"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/uses"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/internal/wire"
)

// forwarded are headers from which ctxinfo may take host, scheme and prefix of a request.
// Whether it trusts them depends on the peer, which is not part of a key.
var forwarded = []string{"Forwarded", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto"}

// keyFormat is the version of keys.
const keyFormat = 1

// appendKey appends the parts of r that are in the key: everything that a handler sees.
func (c *Cache) appendKey(b []byte, r *http.Request) []byte {
	path, query := r.URL.EscapedPath(), c.visibleQuery(r.URL.RawQuery)
	b = append(b, keyFormat)
	b = wire.AppendText(b, strings.ToLower(r.Host))
	b = wire.AppendText(b, scheme(r))
	b = wire.AppendText(b, path)
	b = wire.AppendText(b, query)
	if sameURI(r, path) {
		b = wire.AppendText(b, "")
	} else {
		b = wire.AppendText(b, r.RequestURI) // the path was rewritten or stripped, and the handler sees both
	}
	for _, name := range c.headers {
		b = wire.AppendTexts(b, r.Header[name])
	}
	if scope.HeldIn(r.Context(), scope.Info) == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	for _, name := range forwarded {
		b = wire.AppendTexts(b, r.Header[name])
	}
	return b
}

func scheme(r *http.Request) string {
	if r.TLS != nil || scope.HTTPS(r) {
		return "https"
	}
	return "http"
}

// sameURI reports whether the handler gets the URL that the client asked for. path is the
// escaped path that the handler gets.
func sameURI(r *http.Request, path string) bool {
	uri := r.RequestURI
	if r.URL.Host != "" { // the absolute form, whose host is that of the request
		if at := strings.Index(uri, r.URL.Host); at >= 0 {
			uri = uri[at+len(r.URL.Host):]
		}
	}
	if uri == "" {
		return true
	}
	rest, ok := strings.CutPrefix(uri, path)
	if !ok {
		return false
	}
	query, has := strings.CutPrefix(rest, "?")
	return query == r.URL.RawQuery && (has || rest == "")
}

// visibleQuery returns the parts of a raw query that are in the key, neither decoded nor
// sorted, because a handler may check a signature of them.
func (c *Cache) visibleQuery(raw string) string {
	if c.query == nil || raw == "" {
		return raw
	}
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err == nil && slices.Contains(c.query, name) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// derive returns the key that consists of key and the values of the facts in varyOn. session
// is the digest of the session. The result never equals a key of appendKey: all of those have
// the same number of parts, and this one has more. normal, unless nil, normalizes the values of
// headers.
func derive(key string, varyOn []string, r *http.Request, session string, normal func(name string, values []string) []string) string {
	b := append(make([]byte, 0, len(key)+128), key...)
	for _, fact := range varyOn {
		b = wire.AppendText(b, fact)
		switch fact {
		case wholeQuery:
			b = wire.AppendText(b, r.URL.RawQuery)
		case wholeSession:
			b = wire.AppendText(b, session)
		default:
			values := r.Header[fact]
			if normal != nil {
				values = normal(fact, values)
			}
			b = wire.AppendTexts(b, values)
		}
	}
	return string(b)
}

// The facts that are not names of headers.
const (
	wholeQuery   = "?" // all parameters were read, also those not in the key
	wholeSession = ";" // the session was read
)

// bypass returns why a request must not be answered from the cache, or "".
func (c *Cache) bypass(r *http.Request) reason {
	switch {
	case len(r.Header["Authorization"]) > 0:
		return "authorization"
	case r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		return "client certificate"
	case len(r.Header["Upgrade"]) > 0:
		return "upgrade"
	case len(r.Header["Origin"]) > 0 && !slices.Contains(c.headers, "Origin"):
		return "origin"
	case len(r.Header["Cookie"]) > 0 && c.unknownCookie(r):
		return "cookie"
	case !c.cfg.Keys.Session && opened(r.Context()):
		return "the session was read before"
	case visit.Identified(r.Context()):
		return "the visitor is known"
	}
	for name := range r.Header {
		if credential(name) && !slices.Contains(c.headers, name) {
			return "credentials"
		}
	}
	return ""
}

// credential reports whether a header other than Authorization and Cookie commonly identifies
// the client: set by the client itself, or by a proxy that has authenticated it. An
// outer middleware may have read it and passed the user on by c.Set or by the context.
func credential(name string) bool {
	switch name {
	case "Proxy-Authorization", "Api-Key", "Apikey", "X-Api-Key", "X-Apikey", "X-Api-Token", "X-Auth-Key", "X-Auth-Token",
		"X-Access-Token", "X-Id-Token", "X-Session-Id", "X-Session-Token", "X-User-Token",
		"Remote-User", "Remote-Email", "Remote-Groups", "X-Remote-User", "X-Remote-Email", "X-Remote-Group",
		"X-User", "X-User-Id", "X-User-Email", "X-Authenticated-User", "X-Webauth-User", "X-Vouch-User", "Tailscale-User-Login",
		"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token",
		"X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username", "X-Auth-Request-Access-Token",
		"X-Authentik-Username", "X-Pomerium-Jwt-Assertion", "Cf-Access-Jwt-Assertion", "Cf-Access-Authenticated-User-Email",
		"X-Goog-Iap-Jwt-Assertion", "X-Goog-Authenticated-User-Email", "X-Goog-Authenticated-User-Id", "X-Amzn-Oidc-Data", "X-Amzn-Oidc-Identity",
		"X-Amzn-Oidc-Accesstoken", "X-Ms-Client-Principal", "X-Ms-Client-Principal-Id", "X-Ms-Client-Principal-Name",
		"X-Client-Cert", "X-Ssl-Client-Cert", "X-Ssl-Cert", "X-Forwarded-Client-Cert", "Client-Cert", "X-Amzn-Mtls-Clientcert":
		return true
	}
	return false
}

// opened reports whether the session of ctx has been read.
func opened(ctx context.Context) bool {
	s, ok := scope.HeldIn(ctx, scope.Session).(visit.Opener)
	return ok && s.Opened()
}

// summary reads the session of ctx and returns a digest of it, or why there is none.
func summary(ctx context.Context) (sum string, why reason) {
	s, ok := scope.HeldIn(ctx, scope.Session).(visit.Summarizer)
	if !ok {
		return "", "there is no session"
	}
	sum, text := s.Summarize(ctx)
	return sum, reason(text)
}

// unknownCookie reports whether r has a cookie that is neither the toolkit's nor ignored.
func (c *Cache) unknownCookie(r *http.Request) bool {
	session, _ := scope.HeldIn(r.Context(), scope.Session).(visit.Carrier)
	info, _ := scope.HeldIn(r.Context(), scope.Info).(visit.Carrier)
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(strings.TrimSpace(pair), "=")
			switch {
			case name == "" && strings.TrimSpace(pair) == "":
			case session != nil && session.Carries(name):
			case info != nil && info.Carries(name):
			case !c.ignores(name):
				return true
			}
		}
	}
	return false
}

func (c *Cache) ignores(cookie string) bool {
	return slices.ContainsFunc(c.ignored, func(pattern string) bool {
		if begin, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(cookie, begin)
		}
		return cookie == pattern
	})
}

// visible returns the request for a handler whose response may be stored: a copy of r that
// contains only what is in the key.
func (c *Cache) visible(ctx context.Context, r *http.Request) *http.Request {
	v := r.WithContext(ctx)
	v.Host = strings.ToLower(r.Host)
	v.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: c.visibleQuery(r.URL.RawQuery)}
	if sameURI(r, r.URL.EscapedPath()) {
		v.RequestURI = v.URL.RequestURI()
	}
	v.Proto, v.ProtoMajor, v.ProtoMinor, v.Close = "HTTP/1.1", 1, 1, false
	v.Header = make(http.Header, len(c.headers))
	for _, name := range c.headers {
		if values := r.Header[name]; values != nil {
			v.Header[name] = slices.Clone(values)
		}
	}
	v.Body, v.GetBody, v.ContentLength, v.TransferEncoding, v.Trailer = http.NoBody, nil, 0, nil, nil
	v.Form, v.PostForm, v.MultipartForm = nil, nil, nil
	v.RemoteAddr = ""
	if r.TLS != nil {
		v.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	return v
}

// shown returns left, the request that the handler has set last, for outer middlewares: with
// the parts that visible has hidden.
func shown(left, visible, r *http.Request) *http.Request {
	if left == visible {
		return r
	}
	out := left.WithContext(leftContext{r.Context(), left.Context()})
	out.Host, out.URL, out.RequestURI, out.Header, out.RemoteAddr, out.TLS = r.Host, r.URL, r.RequestURI, r.Header, r.RemoteAddr, r.TLS
	return out
}

// leftContext is the context for outer middlewares after the handler has returned. It has the
// values of left, the last context that the handler has set, and ends with the request, not
// with the handler.
type leftContext struct {
	context.Context
	left context.Context
}

// Value implements context.Context.
func (c leftContext) Value(key any) any {
	switch key.(type) {
	case recordingKey, uses.RecorderKey, uses.LoadingKey: // recording has ended
		return c.Context.Value(key)
	}
	if visit.Cancels(key) {
		return c.Context.Value(key)
	}
	return c.left.Value(key)
}

// urlTag is the prefix of the tags that responses have for their URLs.
const urlTag = "url:"

// maxFolders is how many folders of a path have tags. A deeper folder is dropped by the tag
// of the last of these.
const maxFolders = 16

// urlTags returns the tags of responses to r: for the path alone, for the path with its
// query, and for its folders. Spellings of one URL have different keys, but the same tags.
func (c *Cache) urlTags(r *http.Request) []string {
	var tags []string
	for _, path := range pathsOf(r) {
		tags = append(tags, urlTag+path, urlTag+path+"?"+c.queryTag(r.URL.RawQuery))
		for folders := range folders(path) {
			tags = append(tags, urlTag+path[:folders]+"*")
		}
	}
	return tags
}

// folders yields the lengths of the folders of a path by which responses can be
// dropped.
func folders(path string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, n := 0, 0; i < len(path) && n < maxFolders; i++ {
			if path[i] == '/' {
				if n++; !yield(i + 1) {
					return
				}
			}
		}
	}
}

// urlsOf returns the URLs with which r may have reached the server. If an outer middleware has
// changed the URL, the one that the client requested comes first.
func urlsOf(r *http.Request) []*url.URL {
	here := *r.URL
	if sameURI(r, r.URL.EscapedPath()) {
		return []*url.URL{&here}
	}
	requested, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return []*url.URL{&here}
	}
	return []*url.URL{requested, &here}
}

// pathsOf returns the unescaped path of r, and, if an outer middleware has changed it, also the
// path that the client requested.
func pathsOf(r *http.Request) []string {
	paths := []string{rooted(r.URL.Path)}
	for _, u := range urlsOf(r) {
		if path := rooted(u.Path); path != paths[0] {
			paths = append(paths, path)
		}
	}
	return paths
}

// rooted returns path with a slash at the beginning.
func rooted(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

// queryTag returns the query for the tag of a URL: the parameters that are in keys, in one
// spelling.
func (c *Cache) queryTag(raw string) string {
	raw = c.visibleQuery(raw)
	values, err := url.ParseQuery(raw)
	if err != nil {
		return raw
	}
	return values.Encode()
}

// tagOf returns the tag of the responses of path, which is a URL or a folder.
func (c *Cache) tagOf(path string) string {
	path, query, one := strings.Cut(path, "?")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	if one {
		return urlTag + path + "?" + c.queryTag(query)
	}
	if folder, ok := strings.CutSuffix(path, "/*"); ok {
		n := 0
		for n = range folders(folder + "/") { // n becomes the length of the last one
		}
		return urlTag + path[:n] + "*"
	}
	return urlTag + path
}
