package queryparams

import (
	"math"
	"math/bits"
	"reflect"
	"strings"
)

// The quick way reads the queries that nearly all requests have: parameters
// that come once, unescaped names, values without faults. Each value goes
// straight from the query into its field. Whatever is out of the ordinary ends
// it, and the general way reads the query from its start: so faults, their
// order and everything rare have one implementation, which also is the oracle
// of the tests.

// quickKind says how the quick way reads a leaf.
type quickKind uint8

const (
	quickNever  quickKind = iota // the general way has to
	quickSingle                  // by the codec
	quickText
	quickBool
	quickInt
	quickTexts // []string without rules
)

// quickLeaf is what the quick way knows of a leaf.
type quickLeaf struct {
	key    string // the name as Encode writes it, with its equals sign
	kind   quickKind
	lo, hi int64 // the least and the most of an integer, or the lengths of a text in bytes
}

// quickPlan is the quick way of a plan; nil if it has none.
type quickPlan struct {
	leaves []quickLeaf
	absent uint64 // the leaves with something to do when they are missing
}

// quickly makes the quick way of a compiled plan.
func (p *plan) quickly() *quickPlan {
	if len(p.leaves) > 64 || p.cfg.Unknown == UnknownReject || p.hasRest || p.folded != nil {
		return nil
	}
	q := &quickPlan{leaves: make([]quickLeaf, len(p.leaves))}
	for i := range p.leaves {
		l := &p.leaves[i]
		if l.hasDefault || l.required || l.shape == shapeForm && p.typeAt(l.steps).Kind() == reflect.Struct {
			q.absent |= 1 << i
		}
		f := &q.leaves[i]
		f.key, f.kind = l.key+"=", l.quickKind()
		if len(l.key) > p.cfg.Limits.MaxKeyLen {
			f.kind = quickNever
		}
		if f.kind == quickTexts && p.typeAt(l.steps) != reflect.TypeFor[[]string]() {
			f.kind = quickNever
		}
		switch f.kind {
		case quickInt:
			f.lo, f.hi = math.MinInt64>>(64-l.elem.Bits()), math.MaxInt64>>(64-l.elem.Bits())
			if l.rules.min.IsValid() {
				f.lo = max(f.lo, l.rules.min.Int())
			}
			if l.rules.max.IsValid() {
				f.hi = min(f.hi, l.rules.max.Int())
			}
		case quickText:
			f.lo, f.hi = int64(l.rules.minLen), int64(l.rules.maxLen)
			if l.rules.maxLen < 0 {
				f.hi = math.MaxInt64
			}
		}
	}
	return q
}

// quickKind chooses the way for a leaf.
func (l *leaf) quickKind() quickKind {
	switch {
	case l.group >= 0:
		return quickNever
	case l.shape == shapeList && l.isText && l.sep == 0 && !l.rules.any && l.minimum == 0:
		return quickTexts
	case l.shape == shapePointer || l.shape == shapeOpt:
		return quickSingle
	case l.shape != shapeScalar:
		return quickNever
	}
	switch l.codec.(type) {
	case stringCodec:
		if l.rules.enum == nil && l.rules.pattern == nil {
			return quickText
		}
	case boolCodec:
		if !l.rules.any {
			return quickBool
		}
	case intCodec:
		if l.rules.enum == nil {
			return quickInt
		}
	}
	return quickSingle
}

// quick reads raw into the zero struct dst. It reports false, with the struct
// half filled, for a query that it leaves to the general way.
func (p *plan) quick(raw string, dst reflect.Value) bool {
	q := p.fast
	lim := &p.cfg.Limits
	if len(raw) > lim.MaxBytes {
		return false
	}
	var seen uint64
	next, pairs := 0, 0
	for pos := 0; pos < len(raw); pos++ { // the step is over an ampersand
		rest := raw[pos:]
		if rest[0] == '&' {
			continue
		}
		if pairs++; pairs > lim.MaxPairs {
			return false
		}
		// Links have the schema's order: the parameter is likely the next one,
		// or, in a list, the one before.
		i := next
		if i >= len(q.leaves) || !strings.HasPrefix(rest, q.leaves[i].key) {
			if i = q.find(rest); i < 0 {
				end, ok := p.skip(rest)
				if !ok {
					return false
				}
				pos += end
				continue
			}
		}
		next = i + 1
		f := &q.leaves[i]
		if seen&(1<<i) != 0 || f.kind == quickNever {
			return false
		}
		seen |= 1 << i
		from := pos + len(f.key)
		l := &p.leaves[i]
		v := at(dst, l.steps)
		switch f.kind {
		case quickInt:
			n, end := wholeNumber(raw, from)
			if end < 0 || n < f.lo || n > f.hi || end-from > lim.MaxValueLen {
				return false
			}
			pos = end
			v.SetInt(n)
		case quickText:
			end, flags := valueEnd(raw, from)
			text := raw[from:end]
			if flags != 0 {
				var code Code
				if text, code, _ = p.decode(text, flags, l.control); code != codeFine {
					return false
				}
			}
			if end-from > lim.MaxValueLen || end == from && (l.emptyMissing || l.emptyBad) || !f.fits(text, flags) {
				return false
			}
			v.SetString(text)
			pos = end
		case quickBool:
			switch {
			case strings.HasPrefix(raw[from:], "true") && (len(raw) == from+4 || raw[from+4] == '&'):
				v.SetBool(true)
				pos = from + 4
			case strings.HasPrefix(raw[from:], "false") && (len(raw) == from+5 || raw[from+5] == '&'):
				v.SetBool(false)
				pos = from + 5
			default:
				return false
			}
		case quickTexts:
			list, end, n := p.quickList(raw, from, f.key, l, lim.MaxPairs-pairs+1)
			if end < 0 {
				return false
			}
			field, _ := reflect.TypeAssert[*[]string](v.Addr())
			*field = list
			pos, pairs = end, pairs+n-1
		default:
			end, flags := valueEnd(raw, from)
			if end-from > lim.MaxValueLen || !p.quickSingle(l, raw, from, end, flags, v) {
				return false
			}
			pos = end
		}
	}
	for missing := q.absent &^ seen; missing != 0; missing &= missing - 1 {
		l := &p.leaves[bits.TrailingZeros64(missing)]
		if l.group >= 0 { // its pointer is nil
			continue
		}
		if !l.hasDefault {
			return false
		}
		if code, _ := p.setDefault(l, at(dst, l.steps)); code != codeFine {
			return false
		}
	}
	return true
}

// find is the leaf whose key rest begins with, -1 if there is none.
func (q *quickPlan) find(rest string) int {
	for i := range q.leaves {
		if key := q.leaves[i].key; rest[0] == key[0] && strings.HasPrefix(rest, key) {
			return i
		}
	}
	return -1
}

// skip finds the end of a pair that begins rest and is nobody's. It reports
// false for a pair that it is not sure of.
func (p *plan) skip(rest string) (end int, ok bool) {
	s := scanner{raw: rest, lim: &p.cfg.Limits}
	var pr pair
	if _, ok = s.next(&pr); !ok || pr.keyFlags&(hasEscape|hasOdd) != 0 {
		return 0, false
	}
	_, _, known := p.lookup(rest[pr.key:pr.keyEnd])
	return pr.valEnd, !known
}

// wholeNumber reads the whole value from raw[from:], an integer of few enough
// digits that it needs no check. end is -1 if it is something else.
func wholeNumber(raw string, from int) (n int64, end int) {
	i := from
	negative := i < len(raw) && raw[i] == '-'
	if negative {
		i++
	}
	first := i
	for ; i < len(raw); i++ {
		d := raw[i] - '0'
		if d > 9 {
			break
		}
		n = n*10 + int64(d)
	}
	if i == first || i-first > 18 || i < len(raw) && raw[i] != '&' {
		return 0, -1
	}
	if negative {
		n = -n
	}
	return n, i
}

// valueEnd finds the end of a value and what it holds.
func valueEnd(raw string, from int) (end int, flags uint8) {
	i := from
	for ; i < len(raw); i++ {
		c := classes[raw[i]]
		if c == 0 {
			continue
		}
		if c&isAmp != 0 {
			break
		}
		flags |= c
	}
	return i, flags &^ isEquals
}

// fits reports whether a text has a length within the bounds for sure.
func (f *quickLeaf) fits(text string, flags uint8) bool {
	if f.hi == math.MaxInt64 && f.lo <= 0 {
		return true
	}
	// every character has a byte at least, and in ASCII one at most
	return int64(len(text)) <= f.hi && (f.lo <= 0 || flags&(hasOdd|hasEscape) == 0 && int64(len(text)) >= f.lo)
}

// quickList reads a run of pairs of the list l, of at most the given number. n
// is how many there were.
func (p *plan) quickList(raw string, from int, key string, l *leaf, most int) (list []string, end, n int) {
	const room = 16
	var texts [room]string
	for {
		var flags uint8
		end, flags = valueEnd(raw, from)
		text := raw[from:end]
		if flags != 0 {
			var code Code
			if text, code, _ = p.decode(text, flags, l.control); code != codeFine {
				return nil, -1, 0
			}
		}
		if end-from > p.cfg.Limits.MaxValueLen || n == room || n == l.maximum || n == most {
			return nil, -1, 0
		}
		texts[n] = text
		n++
		if end >= len(raw) || !strings.HasPrefix(raw[end+1:], key) {
			break
		}
		from = end + 1 + len(key)
	}
	if n == 1 && end == from { // tags= is an empty list
		return []string{}, end, 1
	}
	list = make([]string, n)
	copy(list, texts[:n])
	return list, end, n
}

// quickSingle reads a value by the leaf's codec.
func (p *plan) quickSingle(l *leaf, raw string, from, end int, flags uint8, v reflect.Value) bool {
	r := reader{p: p, raw: raw}
	o := occurrence{val: uint32(from), valEnd: uint32(end), next: -1, flags: flags}
	r.one(l, &o, raw[from:end], v)
	return len(r.errs) == 0 && r.omitted == 0
}
