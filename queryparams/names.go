package queryparams

import (
	"strings"
)

// find looks up a raw key. A key that cannot be decoded belongs to no leaf.
func (p *plan) find(key string, flags uint8) (target, spelling, bool) {
	if flags&(hasEscape|hasNonPrintable) == 0 {
		return p.lookup(key)
	}
	if p.cfg.Lenient {
		return p.lookup(unescapeLenient(key))
	}
	if len(p.open) == 0 && len(key) > len("%41")*p.longest {
		return target{}, 0, false
	}
	var buf [shortText]byte
	b, bad, _ := appendUnescaped(roomFor(buf[:0], key), key)
	if bad >= 0 {
		return target{}, 0, false
	}
	if t, ok := p.byName[string(b)]; ok || len(p.open) == 0 && p.folded == nil {
		return t, t.how, ok
	}
	return p.lookup(string(b))
}

// lookup finds what a decoded name means.
func (p *plan) lookup(name string) (target, spelling, bool) {
	if t, ok := p.byName[name]; ok {
		return t, t.how, true
	}
	if i, ok := p.findOpen(name, strings.HasPrefix); ok {
		return target{leaf: i, group: -1}, spelledAlias, true
	}
	if p.folded == nil {
		return target{}, 0, false
	}
	if t, ok := p.folded[lowerASCII(name)]; ok {
		return t, t.how | spelledFolded, true
	}
	i, ok := p.findOpen(name, hasPrefixFold)
	return target{leaf: i, group: -1}, spelledAlias | spelledFolded, ok
}

// leafOf returns the leaf that name means, also inside of a list of structs, or nil if there
// is none.
func (p *plan) leafOf(name string) *leaf {
	t, _, known := p.lookup(name)
	if !known || t.group >= 0 {
		return nil
	}
	l := &p.leaves[t.leaf]
	if l.shape != shapeStructs {
		return l
	}
	_, field, ok := cutIndex(name[len(l.name):])
	if !ok {
		return nil
	}
	return l.sub.leafOf(field)
}

// findOpen finds the leaf that owns a name such as name[key], name[0] or
// name[0][field].
func (p *plan) findOpen(name string, hasPrefix func(s, prefix string) bool) (int, bool) {
	if len(p.open) == 0 || strings.IndexByte(name, '[') < 0 {
		return 0, false
	}
	for _, i := range p.open {
		l := &p.leaves[i]
		if !hasPrefix(name, l.name) {
			continue
		}
		rest := name[len(l.name):]
		if rest == "" || rest[0] != '[' {
			continue
		}
		_, after, isIndex := cutIndex(rest)
		switch {
		case l.shape == shapeMap && rest[len(rest)-1] == ']':
			return i, true
		case l.shape == shapeList && isIndex && after == "":
			return i, true
		case l.shape == shapeStructs && isIndex && (after == "" || after[0] == '['):
			return i, true
		}
	}
	return 0, false
}

// cutIndex cuts [n] off, a number without a sign and needless zeros.
func cutIndex(s string) (n int, after string, ok bool) {
	s, ok = strings.CutPrefix(s, "[")
	digits, after, closed := strings.Cut(s, "]")
	if !ok || !closed || digits == "" || len(digits) > maxIndexDigits || digits[0] == '0' && len(digits) > 1 {
		return 0, "", false
	}
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 {
			return 0, "", false
		}
		n = n*10 + int(d)
	}
	return n, after, true
}

// maxIndexDigits is more than any list has elements.
const maxIndexDigits = 9

// hasPrefixFold is strings.HasPrefix but for the case of ASCII letters.
func hasPrefixFold(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(s[i]) != lower(prefix[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func lowerASCII(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				b[i] = lower(b[i])
			}
			return string(b)
		}
	}
	return s
}
