package metrics

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Text is s as exporters can send it: in UTF-8, with other bytes as in a literal of Go,
// so that different names stay different. What is no UTF-8 would make a whole scrape or
// export fail.
func Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[0])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}
