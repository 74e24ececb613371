package queryparams

import (
	"strings"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// plain says which bytes a query may hold as they are: unreserved characters
// (RFC 3986, section 2.3) and those that a query keeps readable and that no
// parser takes for a delimiter.
var plain = func() (t [256]bool) {
	for b := range t {
		c := byte(b)
		t[b] = isAlnum(c) || strings.IndexByte(":,/?@!$()*-._~", c) >= 0
	}
	return t
}()

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// appendEscaped appends s so that it reads back as s; delim, if not zero, is
// escaped too. A space becomes a plus.
func appendEscaped(b []byte, s string, delim byte) []byte {
	for i := range len(s) {
		b = appendByte(b, s[i], delim)
	}
	return b
}

func appendByte(b []byte, c, delim byte) []byte {
	switch {
	case plain[c] && c != delim:
		return append(b, c)
	case c == ' ':
		return append(b, '+')
	}
	return append(b, '%', upperHex[c>>4], upperHex[c&15])
}

// escapeTail escapes b[from:] in place. Most texts need no escape.
func escapeTail(b []byte, from int, delim byte) []byte {
	for i := from; i < len(b); i++ {
		if !plain[b[i]] || b[i] == delim {
			rest := string(b[i:])
			return appendEscaped(b[:i], rest, delim)
		}
	}
	return b
}

func escape(s string) string { return string(appendEscaped(nil, s, 0)) }

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// escapeAt is the byte that the escape at s[i] stands for.
func escapeAt(s string, i int) (byte, bool) {
	if i+2 >= len(s) {
		return 0, false
	}
	hi, ok1 := unhex(s[i+1])
	lo, ok2 := unhex(s[i+2])
	return hi<<4 | lo, ok1 && ok2
}

// appendUnescaped decodes percent-escapes and plus signs. A broken escape is
// kept literally, and bad is the offset of the first one, or -1. nonPrintable tells
// whether an escape stood for a control character or a byte above ASCII.
func appendUnescaped(b []byte, s string) (out []byte, bad int, nonPrintable bool) {
	bad = -1
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if e, ok := escapeAt(s, i); ok {
				c = e
				i += 2
				nonPrintable = nonPrintable || classes[e]&hasNonPrintable != 0
			} else if bad < 0 {
				bad = i
			}
		}
		b = append(b, c)
	}
	return b, bad, nonPrintable
}

// unescapedLen is the length of what appendUnescaped appends.
func unescapedLen(s string) int {
	n := len(s)
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		if _, ok := escapeAt(s, i); ok {
			n -= 2
			i += 2
		}
	}
	return n
}

// shortText is the length up to which texts are decoded on the stack first.
const shortText = 128

// roomFor returns short, a buffer of shortText bytes, if the decoded s fits into it, or a
// new buffer that is large enough: growing a buffer costs several times as much.
func roomFor(short []byte, s string) []byte {
	if len(s) <= shortText {
		return short
	}
	return make([]byte, 0, unescapedLen(s))
}

// unescape is appendUnescaped to a new string.
func unescape(s string) (text string, bad int, nonPrintable bool) {
	var short [shortText]byte
	b, bad, nonPrintable := appendUnescaped(roomFor(short[:0], s), s)
	return string(b), bad, nonPrintable
}

// unescapeLenient decodes as the WHATWG URL standard does: broken escapes are
// literal, and each maximal broken part of a UTF-8 sequence is one U+FFFD.
func unescapeLenient(s string) string {
	var short [shortText]byte
	b, _, _ := appendUnescaped(roomFor(short[:0], s), s)
	if utf8.Valid(b) {
		return string(b)
	}
	size := 0
	for rest := b; len(rest) > 0; {
		r, n := nextRune(rest)
		size += utf8.RuneLen(r)
		rest = rest[n:]
	}
	var text strings.Builder
	text.Grow(size)
	for rest := b; len(rest) > 0; {
		r, n := nextRune(rest)
		text.WriteRune(r)
		rest = rest[n:]
	}
	return text.String()
}

// nextRune is utf8.DecodeRune, but a broken sequence is one rune.
func nextRune(b []byte) (r rune, n int) {
	r, n = utf8.DecodeRune(b)
	if r == utf8.RuneError && n == 1 {
		n = brokenPart(b)
	}
	return r, n
}

// brokenPart is the length of the longest start of b, at least one byte, that
// begins a well-formed UTF-8 sequence without completing it.
func brokenPart(b []byte) int {
	longest := min(len(b), utf8.UTFMax)
	for n := 1; n <= longest; n++ {
		if utf8.FullRune(b[:n]) { // no further byte could complete it
			return max(1, n-1)
		}
	}
	return longest
}

// isControl reports whether r is a control character that is refused in texts. A tab
// is accepted: visitors paste it from tables.
func isControl(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7f }

// readable reports whether strict reading accepts the text.
func readable(text []byte, control bool) bool {
	ascii := true
	for _, c := range text {
		if c >= utf8.RuneSelf {
			ascii = false
		} else if !control && isControl(rune(c)) {
			return false
		}
	}
	return ascii || utf8.Valid(text)
}
