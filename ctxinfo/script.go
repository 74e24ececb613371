package ctxinfo

import (
	_ "embed" // the script
	"html/template"
	"strings"
)

//go:embed script.js
var script string

// Script returns a script element that sends the next request the facts that no
// header carries: time zone, language, theme, reduced motion and contrast, in a
// cookie named ctx. Put it into the head of each page; pages also work without
// it. nonce is the nonce of the page's Content-Security-Policy, or empty if it
// has none.
//
// The script writes the cookie when the page loads, and again when the visitor's
// colours, motion or contrast change, or the page comes back into view in another
// time zone or language. It then dispatches the event ctx:change on the window,
// so that a page can reload itself. To requests of htmx (versions 1 to 4) it adds
// [EmbeddedHeader]; other scripts may add this header to their requests.
//
// The cookie lasts until the browser is closed. It is SameSite=Lax, Secure over
// HTTPS, and Partitioned in a frame, so that it works where third-party cookies
// do not. A script of your own may write it instead:
// 1&tz=Asia/Kolkata&lang=en-IN&theme=dark&motion=reduce&contrast=more. The
// leading 1 is the version; at most 256 bytes are read; a field that is not valid
// is ignored, and the others still count. Script writes the last three as
// css=1110: one digit for each of the media queries prefers-color-scheme: dark,
// prefers-reduced-motion, prefers-contrast: more and prefers-contrast: less. The
// text is static, under 600 bytes. It contains nothing of a request but the
// nonce, which is escaped.
func Script(nonce string) template.HTML {
	attr := ""
	if nonce != "" {
		attr = ` nonce="` + template.HTMLEscapeString(nonce) + `"`
	}
	return template.HTML("<script" + attr + ">" + strings.TrimSpace(script) + "</script>")
}
