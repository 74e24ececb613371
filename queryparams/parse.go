package queryparams

import (
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// occurrence is a pair of the query that belongs to the schema.
type occurrence struct {
	key, keyEnd uint32 // only for maps and unknown parameters
	val, valEnd uint32
	next        int32 // of the same leaf; -1: none
	flags       uint8
	keyFlags    uint8
	alias       bool // it came as name[]
}

// chain is the occurrences of one leaf, in URL order.
type chain struct{ first, last, count int32 }

// reader is one reading of a query into a struct that nobody else sees yet.
type reader struct {
	p       *plan
	raw     string
	dst     reflect.Value
	errs    []*FieldError
	omitted int
	fixed   []*FieldError // faults of fields that take their default instead
}

// work is where the pairs of one reading are sorted, by offsets alone: it can
// be used again without keeping a request's memory alive.
type work struct {
	occ     []occurrence
	chains  []chain // one for each leaf
	alive   uint64  // set of groups
	unknown []occurrence
}

var works = sync.Pool{New: func() any { return new(work) }}

func newWork(leaves int) *work {
	w := works.Get().(*work)
	if cap(w.chains) < leaves {
		w.chains = make([]chain, leaves)
	}
	w.chains = w.chains[:leaves]
	clear(w.chains)
	return w
}

func (w *work) release() {
	if cap(w.occ)+cap(w.unknown) > maxPooledPairs {
		return
	}
	w.occ, w.unknown, w.alive = w.occ[:0], w.unknown[:0], 0
	works.Put(w)
}

// maxPooledPairs is how many pairs a work may have room for to be kept.
const maxPooledPairs = 1 << 10

func (w *work) isAlive(g int) bool { return w.alive&(1<<g) != 0 }

func (w *work) at(i int32) *occurrence { return &w.occ[i] }

// push keeps a pair and returns its index. It writes field by field: copying a
// struct just written costs more than everything else here.
func (w *work) push(pr *pair, alias bool) int32 {
	i := len(w.occ)
	if i < cap(w.occ) {
		w.occ = w.occ[:i+1]
	} else {
		w.occ = append(w.occ, occurrence{})
	}
	w.occ[i].fill(pr, alias)
	return int32(i)
}

func (o *occurrence) fill(pr *pair, alias bool) {
	o.key, o.keyEnd, o.val, o.valEnd = uint32(pr.key), uint32(pr.keyEnd), uint32(pr.val), uint32(pr.valEnd)
	o.next, o.flags, o.keyFlags, o.alias = -1, pr.valFlags, pr.keyFlags, alias
}

// parse reads raw into dst, a zero struct of the plan's type, whose content is
// void when there are errors. It returns what was corrected, too.
func (p *plan) parse(raw string, dst reflect.Value) (fixed []*FieldError, errs *Errors) {
	r := reader{p: p, raw: raw, dst: dst}
	w := newWork(len(p.leaves))
	defer w.release()
	if fault := r.scan(w); fault != nil {
		return nil, &Errors{Fields: []*FieldError{fault}}
	}
	for g := range p.groups {
		if w.isAlive(g) {
			ptr := at(dst, p.groups[g].steps)
			ptr.Set(reflect.New(ptr.Type().Elem()))
		}
	}
	for i := range p.leaves {
		r.leaf(w, i)
	}
	r.leftovers(w)
	if len(r.errs) > 0 {
		return r.fixed, &Errors{Fields: r.errs, Omitted: r.omitted}
	}
	return r.fixed, nil
}

// scan sorts the pairs of the query to their leaves. It fails when a limit is
// exceeded.
func (r *reader) scan(w *work) *FieldError {
	p := r.p
	if fault := r.tooLong(); fault != nil {
		return fault
	}
	s := scanner{raw: r.raw, lim: &p.cfg.Limits}
	var pr pair
	next := 0 // links have the schema's order: the next parameter is likely this one or the one before
	for {
		code, ok := s.next(&pr)
		if !ok {
			if code == codeFine {
				return nil
			}
			return overLimit(code, r.raw, &pr, s.lim)
		}
		key := r.raw[pr.key:pr.keyEnd]
		whole := pr.keyFlags&(hasEscape|hasOdd) == 0
		if whole && next < len(p.names) && p.names[next] == key {
			r.add(w, next, &pr, false)
			next++
		} else if whole && next > 0 && p.names[next-1] == key {
			r.add(w, next-1, &pr, false)
		} else if t, known := p.find(key, pr.keyFlags); known && t.group < 0 {
			r.add(w, t.leaf, &pr, t.alias)
			next = t.leaf + 1
		} else if known && pr.val == pr.valEnd { // price= is a Price without anything in it
			w.wake(p, t.group)
		} else if p.cfg.Unknown == UnknownReject || p.hasRest {
			r.addUnknown(w, &pr)
		}
	}
}

func (r *reader) tooLong() *FieldError {
	most := r.p.cfg.Limits.MaxBytes
	if len(r.raw) <= most {
		return nil
	}
	return limitFault(CodeLimitBytes, "", "at most "+strconv.Itoa(most)+" bytes", most)
}

func limitFault(code Code, key, expected string, offset int) *FieldError {
	return &FieldError{Parameter: key, Path: key, Code: code, Detail: details[code], Expected: expected, Offset: offset}
}

func overLimit(code Code, raw string, pr *pair, lim *Limits) *FieldError {
	switch code {
	case CodeLimitPairs:
		return limitFault(code, "", "at most "+strconv.Itoa(lim.MaxPairs)+" parameters", -1)
	case CodeLimitKey:
		return limitFault(code, "", "at most "+strconv.Itoa(lim.MaxKeyLen)+" bytes", pr.key)
	}
	key := *safeValue(raw[pr.key:pr.keyEnd])
	return limitFault(code, key, "at most "+strconv.Itoa(lim.MaxValueLen)+" bytes", pr.val)
}

// find looks up a raw key. A key that cannot be decoded is nobody's.
func (p *plan) find(key string, flags uint8) (target, bool) {
	if flags&(hasEscape|hasOdd) == 0 {
		t, ok := p.byName[key]
		if !ok && len(p.maps) > 0 {
			return p.findMap(key)
		}
		return t, ok
	}
	if p.cfg.Lenient {
		key = unescapeLenient(key)
	} else {
		var buf [shortText]byte
		b, bad, _ := appendUnescaped(buf[:0], key)
		if bad >= 0 {
			return target{}, false
		}
		if t, ok := p.byName[string(b)]; ok || len(p.maps) == 0 {
			return t, ok
		}
		key = string(b)
	}
	if t, ok := p.byName[key]; ok {
		return t, ok
	}
	return p.findMap(key)
}

// findMap finds the map that name[key] belongs to.
func (p *plan) findMap(key string) (target, bool) {
	if !strings.HasSuffix(key, "]") {
		return target{}, false
	}
	for _, i := range p.maps {
		if rest, ok := strings.CutPrefix(key, p.leaves[i].name); ok && rest[0] == '[' {
			return target{leaf: i, group: -1}, true
		}
	}
	return target{}, false
}

func (r *reader) add(w *work, i int, pr *pair, alias bool) {
	l := &r.p.leaves[i]
	if l.group >= 0 {
		w.wake(r.p, l.group)
	}
	w.append(l, &w.chains[i], pr, alias)
}

// append keeps a pair if the leaf has a use for it.
func (w *work) append(l *leaf, c *chain, pr *pair, alias bool) {
	c.count++
	many := l.shape == shapeList || l.shape == shapeMap
	switch {
	case c.count == 1:
		c.first = w.push(pr, alias)
		c.last = c.first
	case many && int(c.count) <= l.maximum+1:
		at := w.push(pr, alias)
		w.at(c.last).next = at
		c.last = at
	case !many && l.duplicate == DuplicateLast:
		w.at(c.first).fill(pr, alias)
	}
}

func (r *reader) addUnknown(w *work, pr *pair) {
	if !r.p.hasRest && len(w.unknown) >= r.p.cfg.Limits.MaxErrors {
		r.omitted++
		return
	}
	w.unknown = append(w.unknown, occurrence{})
	w.unknown[len(w.unknown)-1].fill(pr, false)
}

// wake marks a group and those above it as present.
func (w *work) wake(p *plan, g int) {
	for ; g >= 0 && !w.isAlive(g); g = p.groups[g].parent {
		w.alive |= 1 << g
	}
}

func (r *reader) leaf(w *work, i int) {
	l, c := &r.p.leaves[i], &w.chains[i]
	if l.group >= 0 && !w.isAlive(l.group) {
		return
	}
	v := at(r.dst, l.steps)
	if c.count == 1 && l.simple { // the usual parameter, by the shortest way
		if o := w.at(c.first); o.flags == 0 && o.val < o.valEnd {
			text := r.raw[o.val:o.valEnd]
			if code, cause := l.set(v, text); code != codeFine {
				r.fault(l, o, code, cause, text, 0)
			}
			return
		}
	}
	r.read(w, l, c, v)
}

// read reads the occurrences of a leaf into v.
func (r *reader) read(w *work, l *leaf, c *chain, v reflect.Value) {
	if c.count == 0 {
		r.missing(l, v)
		return
	}
	errs, omitted := len(r.errs), r.omitted
	switch l.shape {
	case shapeList:
		r.list(w, l, c, v)
	case shapeMap:
		r.mapping(w, l, c, v)
	default:
		r.single(w, l, c, v)
	}
	if l.correct && (len(r.errs) > errs || r.omitted > omitted) {
		r.fixed = append(r.fixed, r.errs[errs:]...)
		r.errs, r.omitted = r.errs[:errs], omitted
		v.SetZero()
		r.missing(l, v)
	}
}

func (r *reader) missing(l *leaf, v reflect.Value) {
	switch {
	case l.hasDefault:
		if code, err := r.p.setDefault(l, v); code != codeFine { // compile has read it once
			r.fault(l, nil, code, err, "", 0)
		}
	case l.required:
		r.fault(l, nil, CodeMissing, nil, "", 0)
	}
}

func (r *reader) single(w *work, l *leaf, c *chain, v reflect.Value) {
	o := w.at(c.first)
	raw := r.raw[o.val:o.valEnd]
	if c.count > 1 && l.duplicate == DuplicateReject {
		r.fault(l, o, CodeDuplicate, nil, raw, 0)
		return
	}
	if raw == "" && !l.isFlag(o) {
		switch {
		case l.shape == shapeOpt:
			_, state := v.Addr().Interface().(optional).slot()
			*state = Empty
			return
		case l.emptyMissing:
			r.missing(l, v)
			return
		case l.emptyBad:
			r.fault(l, o, CodeType, nil, raw, 0)
			return
		}
	}
	switch l.shape {
	case shapePointer:
		v.Set(reflect.New(l.elem))
		v = v.Elem()
	case shapeOpt:
		value, state := v.Addr().Interface().(optional).slot()
		*state = Set
		v = reflect.ValueOf(value).Elem()
	}
	r.scalar(l, o, raw, v)
}

// isFlag reports whether o is a bool without a value, which is true.
func (l *leaf) isFlag(o *occurrence) bool {
	_, isBool := l.codec.(boolCodec)
	return isBool && o.flags&noEquals != 0
}

// scalar reads one raw value into v.
func (r *reader) scalar(l *leaf, o *occurrence, raw string, v reflect.Value) bool {
	var (
		text, code, offset = raw, codeFine, 0
		cause              error
	)
	switch {
	case o.flags&(hasEscape|hasOdd|hasSemi) != 0:
		text, code, offset = r.p.decode(raw, o.flags, l.control)
	case raw == "" && l.isFlag(o):
		text = "true"
	}
	if code == codeFine {
		code, cause = l.set(v, text)
	}
	if code != codeFine {
		r.fault(l, o, code, cause, text, offset)
		return false
	}
	return true
}

func (r *reader) list(w *work, l *leaf, c *chain, v reflect.Value) {
	first := w.at(c.first)
	n := 0
	switch {
	case c.count == 1 && !first.alias && first.val == first.valEnd: // tags= is an empty list
	case l.sep == 0:
		n = int(c.count)
	default:
		for i := c.first; i >= 0; i = w.at(i).next {
			n += countItems(r.raw[w.at(i).val:w.at(i).valEnd], l.sep)
		}
	}
	if n > l.maximum || n < l.minimum {
		r.amount(l, first, n)
		return
	}
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return
	}
	var texts []string // the list itself, if it is the usual one
	if list, ok := reflect.TypeAssert[*[]string](v.Addr()); ok {
		texts = make([]string, n)
		*list = texts
	} else {
		v.Grow(n)
		v.SetLen(n)
	}
	asIs := texts != nil && l.isText && !l.rules.any
	item := 0
	for i := c.first; i >= 0; i = w.at(i).next {
		o := w.at(i)
		rest, more := r.raw[o.val:o.valEnd], true
		for more {
			raw := rest
			if more = false; l.sep != 0 {
				raw, rest, more = cutItem(rest, l.sep)
			}
			if asIs && o.flags == 0 {
				texts[item] = raw
			} else if !r.scalar(l, o, raw, v.Index(item)) {
				r.pathOfLast(l.name + "[" + strconv.Itoa(item) + "]")
			}
			item++
		}
	}
}

// pathOfLast gives the fault that was just found its place.
func (r *reader) pathOfLast(path string) {
	if n := len(r.errs); n > 0 && r.omitted == 0 {
		r.errs[n-1].Path = path
	}
}

func (r *reader) amount(l *leaf, o *occurrence, n int) {
	code, limit := CodeTooMany, fmt.Sprintf("at most %d values", l.maximum)
	if n < l.minimum {
		code, limit = CodeTooFew, fmt.Sprintf("at least %d values", l.minimum)
	}
	r.fault(l, o, code, nil, "", 0)
	if k := len(r.errs); r.omitted == 0 {
		r.errs[k-1].Expected, r.errs[k-1].Value = limit, nil
	}
}

func (r *reader) mapping(w *work, l *leaf, c *chain, v reflect.Value) {
	if int(c.count) > l.maximum {
		r.amount(l, w.at(c.first), int(c.count))
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), int(c.count))
	key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(l.elem).Elem()
	for i := c.first; i >= 0; i = w.at(i).next {
		o := w.at(i)
		raw := r.raw[o.val:o.valEnd]
		name, code, _ := r.p.decode(r.raw[o.key:o.keyEnd], o.keyFlags, false)
		inner := strings.TrimPrefix(name, l.name)
		if inner == "" { // m= alone is an empty map
			if raw != "" {
				r.fault(l, o, CodeBadKey, nil, raw, 0)
			}
			continue
		}
		inner = inner[1 : len(inner)-1]
		path := *safeValue(name)
		key.SetZero()
		value.SetZero()
		var cause error
		if inner == "" || strings.ContainsAny(inner, "[]") {
			code = CodeBadKey
		}
		if code == codeFine {
			if code, cause = l.keys.parse(key, inner); code != codeFine {
				code = CodeBadKey
			}
		}
		if code == codeFine && m.MapIndex(key).IsValid() {
			code = CodeDuplicate
		}
		switch {
		case code != codeFine:
			r.fault(l, o, code, cause, raw, 0)
		case r.scalar(l, o, raw, value):
			m.SetMapIndex(key, value)
			continue
		}
		r.pathOfLast(path)
	}
	if n := m.Len(); n < l.minimum {
		r.amount(l, w.at(c.first), n)
	}
	v.Set(m)
}

// fault records what is wrong. text is what was sent; offset counts from its
// start in the query.
func (r *reader) fault(l *leaf, o *occurrence, code Code, cause error, text string, offset int) {
	if len(r.errs) >= r.p.cfg.Limits.MaxErrors {
		r.omitted++
		return
	}
	f := &FieldError{Parameter: l.name, Path: l.name, Code: code, Detail: details[code], Expected: l.want, Offset: -1}
	if o != nil {
		f.Offset = int(o.val) + offset
	}
	switch code {
	case CodeRange:
		f.Expected = l.wantInRange
	case CodeDuplicate:
		f.Expected = "a single value"
	}
	if !l.secret {
		f.Cause = cause
		if o != nil {
			f.Value = safeValue(text)
		}
	}
	r.errs = append(r.errs, f)
}

// leftovers collects or refuses the parameters that are not in the schema.
func (r *reader) leftovers(w *work) {
	if len(w.unknown) == 0 {
		return
	}
	if !r.p.hasRest {
		for i := range w.unknown {
			r.refuse(&w.unknown[i])
		}
		return
	}
	rest := make(url.Values, len(w.unknown))
	for i := range w.unknown {
		o := &w.unknown[i]
		key, code, offset := r.p.decode(r.raw[o.key:o.keyEnd], o.keyFlags, false)
		value, at := "", int(o.key)
		if code == codeFine {
			value, code, offset = r.p.decode(r.raw[o.val:o.valEnd], o.flags, false)
			at = int(o.val)
		}
		if code != codeFine {
			_ = r.stranger(key, code, at+offset)
			continue
		}
		rest[key] = append(rest[key], value)
	}
	at(r.dst, r.p.rest).Set(reflect.ValueOf(rest))
}

func (r *reader) refuse(o *occurrence) {
	key := unescapeLenient(r.raw[o.key:o.keyEnd])
	f := r.stranger(key, CodeUnknown, int(o.key))
	if near := nearest(key, r.p.names); near != "" && f != nil {
		f.Expected = near
	}
}

func (r *reader) stranger(key string, code Code, offset int) *FieldError {
	if len(r.errs) >= r.p.cfg.Limits.MaxErrors {
		r.omitted++
		return nil
	}
	name := *safeValue(key)
	f := &FieldError{Parameter: name, Path: name, Code: code, Detail: details[code], Offset: offset}
	r.errs = append(r.errs, f)
	return f
}

// countItems is the number of items in a raw value.
func countItems(raw string, sep byte) int {
	for n := 1; ; n++ {
		_, rest, more := cutItem(raw, sep)
		if !more {
			return n
		}
		raw = rest
	}
}

// cutItem splits a raw value at its first separator. A space is also a plus or
// %20, and a pipe %7C: these two cannot stand in a URL as they are.
func cutItem(raw string, sep byte) (item, rest string, found bool) {
	switch sep {
	case ' ':
		return cutAny(raw, " +", "%20")
	case '|':
		return cutAny(raw, "|", "%7C")
	}
	return strings.Cut(raw, string(rune(sep)))
}

func cutAny(raw, bytes, escaped string) (item, rest string, found bool) {
	for i := range len(raw) {
		if strings.IndexByte(bytes, raw[i]) >= 0 {
			return raw[:i], raw[i+1:], true
		}
		if raw[i] == '%' && len(raw)-i >= 3 && strings.EqualFold(raw[i:i+3], escaped) {
			return raw[:i], raw[i+3:], true
		}
	}
	return raw, "", false
}
