package syntax

import "strings"

// Structured fields (RFC 9651), as far as client hints and fetch metadata use
// them: items and lists of items, parameters included. A field that is
// malformed anywhere counts as absent, as section 4.2 has it.

// maxItem bounds a field that is one item.
const maxItem = 256

// Kind is the type of a bare item.
type Kind uint8

// The kinds of bare items.
const (
	Other Kind = iota // numbers, dates, bytes and display strings: none of our fields is one
	String
	Token
	Bool
)

// Item reads a field that is one item. Its parameters are checked and
// dropped. The text of a boolean is "0" or "1".
func Item(s string) (text string, kind Kind) {
	if len(s) > maxItem {
		return "", Other
	}
	text, kind, rest, ok := CutBare(strings.TrimLeft(s, " "))
	if !ok {
		return "", Other
	}
	if rest, ok = CutParams(rest, nil); !ok || strings.Trim(rest, " ") != "" {
		return "", Other
	}
	return text, kind
}

// Word is the text of a field that is one string or token, as proxies and
// browsers mix them; empty for anything else.
func Word(s string) string {
	if text, kind := Item(s); kind == String || kind == Token {
		return text
	}
	return ""
}

// True reads a field that is one boolean.
func True(s string) (value, ok bool) {
	text, kind := Item(s)
	return text == "1", kind == Bool
}

// NextMember passes over what separates the members of a list or dictionary, s being
// what is behind one of them. It returns the next one and what follows it; or that
// there are no more. It fails where something else stands, or a comma at the end.
func NextMember(s string) (next string, more, ok bool) {
	if s = TrimOWS(s); s == "" {
		return "", false, true
	}
	if s[0] != ',' {
		return "", false, false
	}
	next = TrimOWS(s[1:])
	return next, true, next != ""
}

// CutBare reads a bare item at the start of s.
func CutBare(s string) (text string, kind Kind, rest string, ok bool) {
	if s == "" {
		return "", Other, "", false
	}
	switch c := s[0]; {
	case c == '"':
		text, rest, ok = cutString(s)
		return text, String, rest, ok
	case IsAlpha(c) || c == '*':
		n := Span(s, func(c byte) bool { return IsTokenChar(c) || c == ':' || c == '/' })
		return s[:n], Token, s[n:], true
	case c == '?':
		if len(s) < 2 || s[1] != '0' && s[1] != '1' {
			return "", Other, "", false
		}
		return s[1:2], Bool, s[2:], true
	case c == ':':
		n := Span(s[1:], func(c byte) bool { return IsAlnum(c) || c == '+' || c == '/' || c == '=' })
		rest, ok = strings.CutPrefix(s[1+n:], ":")
		return "", Other, rest, ok
	case c == '@':
		if rest, ok = cutNumber(s[1:]); ok && strings.Contains(s[:len(s)-len(rest)], ".") {
			ok = false
		}
		return "", Other, rest, ok
	case c == '%':
		rest, ok = cutDisplay(s[1:])
		return "", Other, rest, ok
	default:
		rest, ok = cutNumber(s)
		return "", Other, rest, ok
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
				text = Unescape(text)
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
	integer := Span(s, IsDigit)
	rest = s[integer:]
	if !strings.HasPrefix(rest, ".") {
		return rest, integer >= 1 && integer <= 15
	}
	frac := Span(rest[1:], IsDigit)
	return rest[1+frac:], integer >= 1 && integer <= 12 && frac >= 1 && frac <= 3
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
			if len(s) < i+3 || strings.IndexByte(HexDigits, s[i+1]) < 0 || strings.IndexByte(HexDigits, s[i+2]) < 0 {
				return "", false
			}
			i += 2
		case c < ' ' || c > '~':
			return "", false
		}
	}
	return "", false
}

// CutParams reads the parameters at the start of s and tells each of them, if
// each is given.
func CutParams(s string, each func(key, text string, kind Kind)) (rest string, ok bool) {
	for strings.HasPrefix(s, ";") {
		s = strings.TrimLeft(s[1:], " ")
		n := Span(s, func(c byte) bool { return IsLower(c) || IsDigit(c) || strings.IndexByte("_-.*", c) >= 0 })
		if n == 0 || !IsLower(s[0]) && s[0] != '*' {
			return "", false
		}
		key, text, kind := s[:n], "1", Bool // without a value it is true
		if s = s[n:]; strings.HasPrefix(s, "=") {
			if text, kind, s, ok = CutBare(s[1:]); !ok {
				return "", false
			}
		}
		if each != nil {
			each(key, text, kind)
		}
	}
	return s, true
}

// Keyword reads a header that holds one short word in lower case, a token, and
// returns "" for any other.
func Keyword(s string) string {
	v, kind := Item(s)
	if kind != Token || len(v) > 32 || Span(v, func(c byte) bool { return IsLower(c) || c == '-' }) != len(v) {
		return ""
	}
	return v
}
