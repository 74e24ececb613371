package queryparams

// Flags of a key or a value, found while scanning it.
const (
	hasEscape       uint8 = 1 << iota // a percent sign or a plus
	hasNonPrintable                   // a raw control character or a byte above ASCII
	noEquals                          // the pair has no equals sign (values only)
	isAmp                             // classes only: the end of a pair
	isEquals                          // classes only: the end of a key
)

// classes is what each byte means to the scanner.
var classes = func() (t [256]uint8) {
	for b := range t {
		if b < 0x20 || b >= 0x7f {
			t[b] = hasNonPrintable
		}
	}
	t['%'], t['+'] = hasEscape, hasEscape
	t['&'] = isAmp
	t['='] = isEquals
	return t
}()

// pair is one key=value of a raw query, by byte offsets.
type pair struct {
	key, keyEnd, val, valEnd int
	keyFlags, valFlags       uint8
}

// scanner walks a raw query once, from left to right. Empty pairs are skipped.
type scanner struct {
	raw   string
	lim   *Limits
	pos   int
	pairs int
}

// next finds the next pair. When a limit is exceeded it returns its code, and
// p tells the key if there is one.
func (s *scanner) next(p *pair) (Code, bool) {
	raw := s.raw
	i := s.pos
	for i < len(raw) && raw[i] == '&' {
		i++
	}
	if i >= len(raw) {
		s.pos = i
		return "", false
	}
	if s.pairs++; s.pairs > s.lim.MaxPairs {
		return CodeLimitPairs, false
	}
	p.key = i
	var flags uint8
	for ; i < len(raw); i++ {
		c := classes[raw[i]]
		if c&(isAmp|isEquals) != 0 {
			break
		}
		flags |= c
	}
	p.keyEnd, p.keyFlags = i, flags
	if i < len(raw) && raw[i] == '=' {
		i++
		p.val, flags = i, 0
		for ; i < len(raw); i++ {
			c := classes[raw[i]]
			if c&isAmp != 0 {
				break
			}
			flags |= c
		}
		flags &^= isEquals
	} else {
		p.val, flags = i, noEquals
	}
	p.valEnd, p.valFlags = i, flags
	s.pos = i
	switch {
	case p.keyEnd-p.key > s.lim.MaxKeyLen:
		return CodeLimitKey, false
	case p.valEnd-p.val > s.lim.MaxValueLen:
		return CodeLimitValue, false
	}
	return "", true
}
