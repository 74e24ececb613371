package ctxinfo

import (
	_ "embed" // the script
	"html/template"
	"strings"
)

//go:embed script.js
var script string

// Script returns the script element that tells the next request what no header
// does: time zone, language, theme, reduced motion and contrast, in
// [ScriptCookie]. Put
// it into the head of each page; pages work without it. nonce is that of the
// page's Content-Security-Policy, empty for none.
//
// It writes the cookie, and again when the visitor's colours, motion or contrast change,
// or the page comes back into view in another time zone or language; then it
// dispatches the event ctx:change on the window, for pages that want to load
// themselves anew. To requests of htmx (versions 1 to 4) it adds
// [EmbeddedHeader]; what other scripts fetch is left alone: they may add it
// themselves. The cookie lives as long as the browser
// runs, is SameSite=Lax, Secure over HTTPS, and in a frame Partitioned, so that
// it works where third-party cookies do not. The text is static (under 600
// bytes): nothing of a request is in it but the nonce, which is escaped.
func Script(nonce string) template.HTML {
	attr := ""
	if nonce != "" {
		attr = ` nonce="` + template.HTMLEscapeString(nonce) + `"`
	}
	return template.HTML("<script" + attr + ">" + strings.TrimSpace(script) + "</script>")
}
