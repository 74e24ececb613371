package ctxinfo

import "strings"

// Structured fields (RFC 9651), as far as client hints and fetch metadata use
// them: items and lists of items, parameters included. A field that is
// malformed anywhere counts as absent, as section 4.2 has it.

// maxItem bounds a field that is one item.
const maxItem = 256

// sfKind is the type of a bare item.
type sfKind uint8

const (
	sfOther sfKind = iota // numbers, dates, bytes and display strings: none of our fields is one
	sfString
	sfToken
	sfBool
)

// sfItem reads a field that is one item. Its parameters are checked and
// dropped. The text of a boolean is "0" or "1".
func sfItem(s string) (text string, kind sfKind) {
	if len(s) > maxItem {
		return "", sfOther
	}
	text, kind, rest, ok := cutBare(strings.TrimLeft(s, " "))
	if !ok {
		return "", sfOther
	}
	if rest, ok = cutParams(rest, nil); !ok || strings.Trim(rest, " ") != "" {
		return "", sfOther
	}
	return text, kind
}

// sfWord is the text of a field that is one string or token, as proxies and
// browsers mix them; empty for anything else.
func sfWord(s string) string {
	if text, kind := sfItem(s); kind == sfString || kind == sfToken {
		return text
	}
	return ""
}

// sfTrue reads a field that is one boolean.
func sfTrue(s string) (value, ok bool) {
	text, kind := sfItem(s)
	return text == "1", kind == sfBool
}

// cutBare reads a bare item at the start of s.
func cutBare(s string) (text string, kind sfKind, rest string, ok bool) {
	if s == "" {
		return "", sfOther, "", false
	}
	switch c := s[0]; {
	case c == '"':
		text, rest, ok = cutString(s)
		return text, sfString, rest, ok
	case isAlpha(c) || c == '*':
		n := span(s, func(c byte) bool { return isTokenChar(c) || c == ':' || c == '/' })
		return s[:n], sfToken, s[n:], true
	case c == '?':
		if len(s) < 2 || s[1] != '0' && s[1] != '1' {
			return "", sfOther, "", false
		}
		return s[1:2], sfBool, s[2:], true
	case c == ':':
		n := span(s[1:], func(c byte) bool { return isAlnum(c) || c == '+' || c == '/' || c == '=' })
		rest, ok = strings.CutPrefix(s[1+n:], ":")
		return "", sfOther, rest, ok
	case c == '@':
		if rest, ok = cutNumber(s[1:]); ok && strings.Contains(s[:len(s)-len(rest)], ".") {
			ok = false
		}
		return "", sfOther, rest, ok
	case c == '%':
		rest, ok = cutDisplay(s[1:])
		return "", sfOther, rest, ok
	default:
		rest, ok = cutNumber(s)
		return "", sfOther, rest, ok
	}
}

// cutString reads a string at the start of s: printable ASCII, in which quotes
// and backslashes, and nothing else, are escaped.
func cutString(s string) (text, rest string, ok bool) {
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", "", false
			}
		case c == '"':
			if text = s[1:i]; strings.IndexByte(text, '\\') >= 0 {
				text = unescape(text)
			}
			return text, s[i+1:], true
		case c < ' ' || c > '~':
			return "", "", false
		}
	}
	return "", "", false
}

// cutNumber passes over an integer or a decimal.
func cutNumber(s string) (rest string, ok bool) {
	s = strings.TrimPrefix(s, "-")
	whole := span(s, isDigit)
	rest = s[whole:]
	if !strings.HasPrefix(rest, ".") {
		return rest, whole >= 1 && whole <= 15
	}
	frac := span(rest[1:], isDigit)
	return rest[1+frac:], whole >= 1 && whole <= 12 && frac >= 1 && frac <= 3
}

// cutDisplay passes over a display string behind its percent sign.
func cutDisplay(s string) (rest string, ok bool) {
	if s, ok = strings.CutPrefix(s, `"`); !ok {
		return "", false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[i+1:], true
		case c == '%':
			if len(s) < i+3 || strings.IndexByte(hexDigits, s[i+1]) < 0 || strings.IndexByte(hexDigits, s[i+2]) < 0 {
				return "", false
			}
			i += 2
		case c < ' ' || c > '~':
			return "", false
		}
	}
	return "", false
}

// cutParams reads the parameters at the start of s and tells each of them, if
// each is given.
func cutParams(s string, each func(key, text string, kind sfKind)) (rest string, ok bool) {
	for strings.HasPrefix(s, ";") {
		s = strings.TrimLeft(s[1:], " ")
		n := span(s, func(c byte) bool { return isLower(c) || isDigit(c) || strings.IndexByte("_-.*", c) >= 0 })
		if n == 0 || !isLower(s[0]) && s[0] != '*' {
			return "", false
		}
		key, text, kind := s[:n], "1", sfBool // without a value it is true
		if s = s[n:]; strings.HasPrefix(s, "=") {
			if text, kind, s, ok = cutBare(s[1:]); !ok {
				return "", false
			}
		}
		if each != nil {
			each(key, text, kind)
		}
	}
	return s, true
}

// span is how many bytes at the start of s are among those wanted.
func span(s string, wanted func(byte) bool) int {
	n := 0
	for n < len(s) && wanted(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isAlpha(c byte) bool { return isLower(c) || c >= 'A' && c <= 'Z' }
