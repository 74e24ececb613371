// Package syntax reads what header fields are made of.
package syntax

import "strings"

// HexDigits are those of lower case.
const HexDigits = "0123456789abcdef"

// IsToken reports whether s is a token of RFC 9110, section 5.6.2.
func IsToken(s string) bool {
	for i := range len(s) {
		if !IsTokenChar(s[i]) {
			return false
		}
	}
	return s != ""
}

// IsTokenChar reports whether c may be in a token.
func IsTokenChar(c byte) bool {
	return IsAlnum(c) || c != 0 && strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// IsAlnum reports whether c is a letter or a digit of ASCII.
func IsAlnum(c byte) bool { return IsDigit(c) || IsAlpha(c) }

// Unescape takes the backslashes out of the text of a quoted string.
func Unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// TrimOWS takes spaces and tabs off both ends.
func TrimOWS(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// JoinLines makes one line of a list header's lines (RFC 9110, section 5.3), as
// many as fit into limit bytes, and reports whether all did.
func JoinLines(lines []string, limit int) (joined string, complete bool) {
	if len(lines) == 1 {
		return lines[0], len(lines[0]) <= limit
	}
	fit, size := 0, 0
	for _, line := range lines {
		if size += len(line) + 1; size > limit {
			break
		}
		fit++
	}
	return strings.Join(lines[:fit], ","), fit == len(lines)
}

// Span is how many bytes at the start of s are among those wanted.
func Span(s string, wanted func(byte) bool) int {
	n := 0
	for n < len(s) && wanted(s[n]) {
		n++
	}
	return n
}

// IsDigit reports whether c is a digit of ASCII.
func IsDigit(c byte) bool { return c >= '0' && c <= '9' }

// IsLower reports whether c is a lower-case letter of ASCII.
func IsLower(c byte) bool { return c >= 'a' && c <= 'z' }

// IsAlpha reports whether c is a letter of ASCII.
func IsAlpha(c byte) bool { return IsLower(c) || c >= 'A' && c <= 'Z' }
