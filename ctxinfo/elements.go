package ctxinfo

import (
	"encoding/binary"
	"net/netip"
)

// elements yields the elements of a list header from right to left, the last
// line first, with bounded work for each.
type elements struct {
	lines     []string
	rest      string
	open      bool // rest is a line that still has an element
	forwarded bool
	used      int // bytes of the elements that next returned
}

// tooLong reports whether there is more after n elements, and it is too much.
func (e *elements) tooLong(n int) bool {
	return (n >= maxHops || e.used > maxList) && e.advance()
}

// next4 returns the next element if it is a plain IPv4 address, the usual case,
// in one pass over it; otherwise it leaves e as it was, for next.
func (e *elements) next4() (netip.Addr, bool) {
	if e.forwarded || !e.advance() {
		return netip.Addr{}, false
	}
	s := e.rest
	i := len(s) - 1
	for i >= 0 && s[i] == ' ' && len(s)-i < maxAddr {
		i--
	}
	// From the right: digits of growing unit, a dot after every octet.
	var bits, octet, unit, digit uint32 = 0, 0, 1, 0
	shift := 0
	for ; i >= 0; i-- {
		if c := uint32(s[i]) - '0'; c <= 9 && unit <= 100 {
			digit = c
			octet += c * unit
			unit *= 10
			continue
		}
		if s[i] != '.' || shift == 24 || octet > 255 || unit == 1 || unit > 10 && digit == 0 {
			break
		}
		bits |= octet << shift
		shift += 8
		octet, unit = 0, 1
	}
	if shift != 24 || octet > 255 || unit == 1 || unit > 10 && digit == 0 {
		return netip.Addr{}, false
	}
	for i >= 0 && s[i] == ' ' && len(s)-i < maxAddr {
		i--
	}
	if i >= 0 && s[i] != ',' || len(s)-1-i > maxAddr {
		return netip.Addr{}, false
	}
	e.cut(i)
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], bits|octet<<24)
	return netip.AddrFrom4(b), true
}

// cut ends the part of the line that is still to be read before its comma.
func (e *elements) cut(comma int) {
	if comma < 0 {
		e.open = false
		return
	}
	e.rest = e.rest[:comma]
}

// advance opens the next line if none is open, and reports whether there is one.
func (e *elements) advance() bool {
	if !e.open && len(e.lines) > 0 {
		last := len(e.lines) - 1
		e.rest, e.lines, e.open = e.lines[last], e.lines[:last], true
	}
	return e.open
}

// next returns the trimmed element before the ones already returned.
func (e *elements) next() (raw string, more bool, bad anomaly) {
	if !e.advance() {
		return "", false, 0
	}
	var comma int
	var ok bool
	if e.forwarded {
		comma, ok = lastUnquotedComma(e.rest)
	} else {
		comma, ok = lastComma(e.rest)
	}
	if !ok {
		return "", true, anomalyMalformed
	}
	e.used += len(e.rest) - comma
	raw = trimOWS(e.rest[comma+1:])
	e.cut(comma)
	return raw, true, 0
}

// lastComma returns the index of the last comma, -1 if there is none, and
// false if the element after it is too long to be an address.
func lastComma(s string) (int, bool) {
	last := len(s) - 1
	for i := last; i >= max(0, last-maxAddr); i-- {
		if s[i] == ',' {
			return i, true
		}
	}
	return -1, last < maxAddr
}
