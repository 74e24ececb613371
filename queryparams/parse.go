package queryparams

import (
	"cmp"
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
	how         spelling
}

// spelling is how a parameter's name was written.
type spelling uint8

const (
	spelledAlias  spelling = 1 << iota // name[] or name[0]
	spelledFolded                      // in another case
)

// chain is the occurrences of one leaf, in URL order.
type chain struct{ first, last, count int32 }

// reader is one reading of a query into a struct that nobody else sees yet.
type reader struct {
	p       *plan
	raw     string
	dst     reflect.Value
	owner   string // the parameter that dst is inside of; empty: none
	prefix  string // the path of dst
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
func (w *work) push(pr *pair, how spelling) int32 {
	i := len(w.occ)
	if i < cap(w.occ) {
		w.occ = w.occ[:i+1]
	} else {
		w.occ = append(w.occ, occurrence{})
	}
	w.occ[i].fill(pr, how)
	return int32(i)
}

func (o *occurrence) fill(pr *pair, how spelling) {
	o.key, o.keyEnd, o.val, o.valEnd = uint32(pr.key), uint32(pr.keyEnd), uint32(pr.val), uint32(pr.valEnd)
	o.next, o.flags, o.keyFlags, o.how = -1, pr.valFlags, pr.keyFlags, how
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
	r.fill(w)
	r.leftovers(w)
	if len(r.errs) > 0 {
		return r.fixed, &Errors{Fields: r.errs, Omitted: r.omitted}
	}
	return r.fixed, nil
}

// fill reads the sorted pairs into r.dst.
func (r *reader) fill(w *work) {
	for g := range r.p.groups {
		if w.isAlive(g) {
			ptr := at(r.dst, r.p.groups[g].steps)
			ptr.Set(reflect.New(ptr.Type().Elem()))
		}
	}
	for i := range r.p.leaves {
		l, c := &r.p.leaves[i], &w.chains[i]
		if l.group < 0 || w.isAlive(l.group) {
			r.read(w, l, c, at(r.dst, l.steps))
		}
	}
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
	for {
		code, ok := s.next(&pr)
		if !ok {
			if code == codeFine {
				return nil
			}
			return overLimit(code, r.raw, &pr, s.lim)
		}
		t, how, known := p.find(r.raw[pr.key:pr.keyEnd], pr.keyFlags)
		switch {
		case known && t.group < 0:
			r.add(w, t.leaf, &pr, how)
		case known && pr.val == pr.valEnd: // price= is a Price without anything in it
			w.wake(p, t.group)
		case p.cfg.Unknown == UnknownReject || p.hasRest:
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
func (p *plan) find(key string, flags uint8) (target, spelling, bool) {
	if flags&(hasEscape|hasOdd) == 0 {
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

func (r *reader) add(w *work, i int, pr *pair, how spelling) {
	l := &r.p.leaves[i]
	if l.group >= 0 {
		w.wake(r.p, l.group)
	}
	w.append(l, &w.chains[i], pr, how)
}

// append keeps a pair if the leaf has a use for it.
func (w *work) append(l *leaf, c *chain, pr *pair, how spelling) {
	c.count++
	most := 1
	switch l.shape {
	case shapeList, shapeMap:
		most = l.maximum + 1
	case shapeStructs:
		most = l.pairs + 1
	}
	switch {
	case c.count == 1:
		c.first = w.push(pr, how)
		c.last = c.first
	case int(c.count) <= most:
		at := w.push(pr, how)
		w.at(c.last).next = at
		c.last = at
	case most == 1:
		kept := w.at(c.first)
		was, is := kept.how&spelledFolded, how&spelledFolded
		if was > is || was == is && l.duplicate == DuplicateLast { // the exact spelling wins
			kept.fill(pr, how)
		}
	}
}

func (r *reader) addUnknown(w *work, pr *pair) {
	switch lim := &r.p.cfg.Limits; {
	case r.p.hasRest && len(w.unknown) > lim.MaxElements: // enough to see that there are too many
		return
	case !r.p.hasRest && len(w.unknown) >= lim.MaxErrors:
		r.omitted++
		return
	}
	w.unknown = append(w.unknown, occurrence{})
	w.unknown[len(w.unknown)-1].fill(pr, 0)
}

// wake marks a group and those above it as present.
func (w *work) wake(p *plan, g int) {
	for ; g >= 0 && !w.isAlive(g); g = p.groups[g].parent {
		w.alive |= 1 << g
	}
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
	case shapeStructs:
		r.structs(w, l, c, v)
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
	case l.shape == shapeForm && v.Kind() == reflect.Struct: // its fields have defaults of their own
		r.inside(l, v, "", func(*work) {})
	}
}

func (r *reader) single(w *work, l *leaf, c *chain, v reflect.Value) {
	o := w.at(c.first)
	raw := r.raw[o.val:o.valEnd]
	if c.count > 1 && l.duplicate == DuplicateReject {
		r.fault(l, o, CodeDuplicate, nil, raw, 0)
		return
	}
	if l.shape == shapeForm {
		r.form(l, o, v)
		return
	}
	r.one(l, o, raw, v)
}

// one reads the single occurrence of a leaf.
func (r *reader) one(l *leaf, o *occurrence, raw string, v reflect.Value) {
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
	case c.count == 1 && first.how&spelledAlias == 0 && first.val == first.valEnd: // tags= is an empty list
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
		if o.how&spelledAlias != 0 && !r.isNext(l, o, item) {
			return
		}
		for more {
			raw := rest
			if more = false; l.sep != 0 {
				raw, rest, more = cutItem(rest, l.sep)
			}
			if asIs && o.flags == 0 {
				texts[item] = raw
			} else if !r.scalar(l, o, raw, v.Index(item)) {
				r.pathOfLast(r.prefix + l.name + "[" + strconv.Itoa(item) + "]")
			}
			item++
		}
	}
}

// isNext checks the index of a list's element, if it has one: only name[n]
// after n elements is fine, so that no number in a query allocates anything.
func (r *reader) isNext(l *leaf, o *occurrence, item int) bool {
	n, _, ok := cutIndex(r.inner(l, o))
	if !ok || n == item { // name[]
		return true
	}
	r.fault(l, o, CodeBadIndex, nil, r.raw[o.val:o.valEnd], 0)
	r.pathOfLast(r.prefix + l.name + "[" + strconv.Itoa(n) + "]")
	return false
}

// inner is what follows the leaf's name in the key of o, decoded.
func (r *reader) inner(l *leaf, o *occurrence) string {
	return r.nameOf(o)[len(r.prefix)+len(l.name):]
}

// nameOf is the key of o, which find has read already, decoded.
func (r *reader) nameOf(o *occurrence) string {
	name, _, _ := r.p.decode(r.raw[o.key:o.keyEnd], o.keyFlags&^hasSemi, true)
	return name
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
		name, code, _ := r.p.decode(r.raw[o.key:o.keyEnd], o.keyFlags&^hasSemi, false)
		inner := name[len(r.prefix)+len(l.name):]
		if inner == "" { // m= alone is an empty map
			if raw != "" {
				r.fault(l, o, CodeBadKey, nil, raw, 0)
			}
			continue
		}
		inner = inner[1 : len(inner)-1]
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
		if !l.secret {
			r.pathOfLast(r.prefix + l.name + "[" + *safeValue(inner) + "]")
		}
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
	path := r.prefix + l.name
	f := &FieldError{Parameter: cmp.Or(r.owner, path), Path: path, Code: code, Detail: details[code], Expected: l.want, Offset: -1}
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
	if most := r.p.cfg.Limits.MaxElements; len(w.unknown) > most {
		if f := r.stranger("", CodeTooMany, -1); f != nil {
			f.Expected = tooManyOthers(most)
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

func tooManyOthers(most int) string { return fmt.Sprintf("at most %d other parameters", most) }

func (r *reader) refuse(o *occurrence) {
	raw := r.raw[o.key:o.keyEnd]
	whole := len(raw) <= safeValueBytes
	if !whole { // nobody will see more of it
		raw = raw[:safeValueBytes]
	}
	key := unescapeLenient(raw)
	f := r.stranger(key, CodeUnknown, int(o.key))
	if f != nil && whole {
		f.Expected = nearest(key, r.p.names)
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
