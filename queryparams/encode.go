package queryparams

import (
	"bytes"
	"cmp"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// encoder writes one value. It writes only texts that read back as the same value; all
// others are faults.
type encoder struct {
	p        *plan
	b        []byte
	prefix   string // of the keys, escaped
	path     string // and as it is shown
	owner    string // the parameter that is being written inside of; empty: none
	pairs    int
	marks    []int // pairs written before each group; -1: its pointer is nil
	errs     []*FieldError
	defaults bool // write defaults too
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// maxPooled is the size of the largest buffer that is put back into the pool.
const maxPooled = 4 << 10

// encode returns the query for what v, a pointer, points to: a struct of the
// plan's type. defaults says that it includes defaults.
func (p *plan) encode(v any, defaults bool) (string, error) {
	if p.hooked {
		if errs := hookErrors(v); errs != nil {
			return "", &EncodeError{Fields: errs.Fields}
		}
	}
	e := encoders.Get().(*encoder)
	defer e.release()
	e.p, e.defaults = p, defaults || p.cfg.KeepDefaults
	e.all(reflect.ValueOf(v).Elem())
	if len(e.errs) > 0 {
		return "", &EncodeError{Fields: e.errs}
	}
	return string(e.b), nil
}

func (e *encoder) release() {
	b := e.b[:0]
	if cap(b) > maxPooled {
		b = nil
	}
	*e = encoder{b: b}
	encoders.Put(e)
}

func (e *encoder) all(v reflect.Value) {
	p := e.p
	e.fields(v)
	if p.hasRest {
		e.others(at(v, p.rest).Interface().(url.Values))
	}
	lim := &p.cfg.Limits
	if e.pairs > lim.MaxPairs {
		e.errs = append(e.errs, limitFault(CodeLimitPairs, "", fmt.Sprintf("at most %d parameters", lim.MaxPairs), -1))
	}
	if len(e.b) > lim.MaxBytes {
		e.errs = append(e.errs, limitFault(CodeLimitBytes, "", fmt.Sprintf("at most %d bytes", lim.MaxBytes), -1))
	}
}

// fields writes the leaves of e.p.
func (e *encoder) fields(v reflect.Value) {
	p := e.p
	if len(p.groups) > 0 {
		e.marks = make([]int, len(p.groups))
	}
	for _, s := range p.order {
		switch {
		case s.leaf >= 0:
			if l := &p.leaves[s.leaf]; l.group < 0 || e.marks[l.group] >= 0 {
				e.leaf(l, at(v, l.steps))
			}
		case !s.end:
			g := &p.groups[s.group]
			e.marks[s.group] = e.pairs
			if g.parent >= 0 && e.marks[g.parent] < 0 || at(v, g.steps).IsNil() {
				e.marks[s.group] = -1
			}
		case e.marks[s.group] == e.pairs: // there, and nothing in it but defaults
			e.key(p.groups[s.group].key)
		}
	}
}

// inside writes v, a struct that is the value of the leaf l, with its own keys.
func (e *encoder) inside(l *leaf, v reflect.Value, index int) {
	p, prefix, path, owner, marks := e.p, e.prefix, e.path, e.owner, e.marks
	n := strconv.Itoa(index)
	if owner == "" {
		e.owner = path + l.name
	}
	e.p, e.prefix, e.path = l.sub, prefix+l.key+"%5B"+n+"%5D", path+l.name+"["+n+"]"
	before := e.pairs
	e.fields(v)
	if e.pairs == before { // there, and nothing in it but defaults
		e.key("")
	}
	e.p, e.prefix, e.path, e.owner, e.marks = p, prefix, path, owner, marks
}

// key starts a pair: key is escaped already.
func (e *encoder) key(key string) {
	if len(e.b) > 0 {
		e.b = append(e.b, '&')
	}
	from := len(e.b)
	e.b = append(append(e.b, e.prefix...), key...)
	if most := e.p.cfg.Limits.MaxKeyLen; len(e.b)-from > most {
		name := cmp.Or(e.owner, *safeValue(unescapeLenient(string(e.b[from:]))))
		e.errs = append(e.errs, limitFault(CodeLimitKey, name, "at most "+strconv.Itoa(most)+" bytes", -1))
	}
	e.b = append(e.b, '=')
	e.pairs++
}

func (e *encoder) fault(l *leaf, code Code, cause error) {
	detail := details[code]
	if cause != nil {
		detail += ": " + cause.Error()
	}
	path := e.path + l.name
	f := &FieldError{Parameter: cmp.Or(e.owner, path), Path: path, Code: code, Detail: detail, Expected: l.want, Offset: -1, Cause: cause}
	if l.secret {
		f.Detail, f.Cause = details[code], nil
	}
	e.errs = append(e.errs, f)
}

func (e *encoder) cannot(l *leaf, format string, args ...any) {
	e.fault(l, CodeCannotCarry, fmt.Errorf(format, args...))
}

func (e *encoder) leaf(l *leaf, v reflect.Value) {
	from, pairs := len(e.b), e.pairs
	switch l.shape {
	case shapeScalar:
		if !l.hasDefault && !l.required && v.IsZero() {
			return
		}
		e.key(l.key)
		e.refuseEmpty(l, e.value(l, v, 0))
	case shapePointer:
		if v.IsNil() {
			e.absent(l)
			return
		}
		e.key(l.key)
		e.refuseEmpty(l, e.value(l, v.Elem(), 0))
	case shapeOpt:
		e.option(l, v)
	case shapeList:
		e.list(l, v)
	case shapeMap:
		e.mapping(l, v)
	case shapeStructs:
		e.structs(l, v)
	}
	if l.hasDefault && !e.defaults && string(bytes.TrimPrefix(strip(e.b[from:]), []byte(e.prefix))) == l.defText {
		e.b, e.pairs = e.b[:from], pairs
	}
}

// refuseEmpty refuses a value whose text has the length 0, if that reads as
// another value or as none.
func (e *encoder) refuseEmpty(l *leaf, length int) {
	switch {
	case length != 0:
	case l.emptyMissing:
		e.cannot(l, "its text is empty, which means that it is missing")
	case l.emptyBad:
		e.cannot(l, "its text is empty, which is refused")
	}
}

// strip removes the ampersand before the first pair.
func strip(b []byte) []byte {
	if len(b) > 0 && b[0] == '&' {
		return b[1:]
	}
	return b
}

func (e *encoder) absent(l *leaf) {
	if l.required {
		e.fault(l, CodeMissing, nil)
	}
}

func (e *encoder) option(l *leaf, v reflect.Value) {
	value, state := v.Addr().Interface().(optional).slot()
	switch *state {
	case optMissing:
		e.absent(l)
	case optCleared:
		e.key(l.key)
	default:
		e.key(l.key)
		if e.value(l, reflect.ValueOf(value).Elem(), 0) == 0 {
			e.cannot(l, "its text is empty: use Cleared")
		}
	}
}

func (e *encoder) list(l *leaf, v reflect.Value) {
	if v.IsNil() && l.hasDefault {
		e.cannot(l, "a nil list reads back as the default: use an empty one")
		return
	}
	if !e.collection(l, v) {
		return
	}
	n := v.Len()
	from, pairs, start := len(e.b), e.pairs, 0
	for i := range n {
		switch {
		case i == 0 || l.sep == 0:
			e.key(l.key)
			start = len(e.b)
		default:
			e.separate(l.sep)
		}
		if e.value(l, v.Index(i), l.sep) == 0 && n == 1 { // tags= is the empty list
			e.b, e.pairs = e.b[:from], pairs
			e.key(l.key + "%5B%5D")
		}
	}
	if l.sep != 0 && n > 1 && len(e.b)-start > e.p.cfg.Limits.MaxValueLen {
		e.fault(l, CodeLimitValue, nil)
	}
}

// collection checks the length of a list or a map, and writes it if it is nil
// or empty. It reports whether there are elements to write.
func (e *encoder) collection(l *leaf, v reflect.Value) bool {
	switch n := v.Len(); {
	case v.IsNil():
		e.absent(l)
	case n > l.maximum:
		e.fault(l, CodeTooMany, fmt.Errorf("%d values, the most is %d", n, l.maximum))
	case n < l.minimum:
		e.fault(l, CodeTooFew, fmt.Errorf("%d values, the least is %d", n, l.minimum))
	case n == 0:
		e.key(l.key)
	default:
		return true
	}
	return false
}

// separate appends the separator of two items in one value.
func (e *encoder) separate(sep byte) {
	switch sep {
	case ' ':
		e.b = append(e.b, "%20"...)
	case '|':
		e.b = append(e.b, "%7C"...)
	default:
		e.b = append(e.b, sep)
	}
}

func (e *encoder) structs(l *leaf, v reflect.Value) {
	if !e.collection(l, v) {
		return
	}
	before := e.pairs
	for i := range v.Len() {
		e.inside(l, v.Index(i), i)
	}
	if n := e.pairs - before; n > l.pairs {
		e.fault(l, CodeTooMany, fmt.Errorf("%d parameters, the most is %d", n, l.pairs))
	}
}

func (e *encoder) mapping(l *leaf, v reflect.Value) {
	if !e.collection(l, v) {
		return
	}
	type entry struct {
		name  string
		value reflect.Value
	}
	entries := make([]entry, 0, v.Len())
	key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(l.elem).Elem()
	for it := v.MapRange(); it.Next(); {
		key.SetIterKey(it)
		name, err := l.keys.appendText(nil, key)
		if err == nil {
			err = keyReadsBack(l.keys, key, string(name))
		}
		switch {
		case err != nil:
			e.fault(l, CodeBadKey, err)
			return
		case len(name) == 0 || strings.ContainsAny(string(name), "[]") || !readable(name, false):
			e.fault(l, CodeBadKey, fmt.Errorf("the key %q is empty, or has brackets or control characters", name))
			return
		}
		entries = append(entries, entry{string(name), it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for _, en := range entries {
		e.key(escape(l.name + "[" + en.name + "]"))
		value.Set(en.value)
		e.value(l, value, 0)
	}
}

// value appends the escaped text of v, after the same checks as on reading it,
// and returns its length.
// The delimiter that it stands between, if any, is escaped.
func (e *encoder) value(l *leaf, v reflect.Value, delim byte) int {
	if code := l.rules.check(l.codec, v); code != codeFine {
		e.fault(l, code, nil)
		if code == CodeEnum {
			e.errs[len(e.errs)-1].Suggestion = l.suggestion(l.rules.text(l.codec, v))
		}
		return -1
	}
	from := len(e.b)
	b, err := l.codec.appendText(e.b, v)
	if err == nil && l.foreign {
		err = readsBack(l.codec, v, string(b[from:]))
	}
	if err != nil {
		e.cannot(l, "%w", err)
		return -1
	}
	e.b = b
	text := b[from:]
	if !readable(text, l.control || e.p.cfg.Lenient) {
		e.cannot(l, "it has control characters or is not UTF-8")
		return -1
	}
	if (delim == ' ' || delim == '|') && bytes.IndexByte(text, delim) >= 0 {
		e.cannot(l, "an item contains the separator %q", delim)
		return -1
	}
	e.b = escapeTail(b, from, delim)
	n := len(e.b) - from
	if n > e.p.cfg.Limits.MaxValueLen {
		e.fault(l, CodeLimitValue, nil)
	}
	return n
}

// others appends the parameters of a rest field, sorted by key.
func (e *encoder) others(rest url.Values) {
	keys := make([]string, 0, len(rest))
	for key := range rest {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	before := e.pairs
	for _, key := range keys {
		l := leaf{name: key}
		escaped := escape(key)
		_, _, known := e.p.lookup(key)
		switch {
		case known:
			e.cannot(&l, "it is a parameter of the schema, not of the rest")
			continue
		case !readable([]byte(key), e.p.cfg.Lenient):
			e.cannot(&l, "its name has control characters or is not UTF-8")
			continue
		case len(escaped) > e.p.cfg.Limits.MaxKeyLen:
			e.fault(&l, CodeLimitKey, nil)
			continue
		}
		for _, value := range rest[key] {
			e.key(escaped)
			from := len(e.b)
			e.b = appendEscaped(e.b, value, 0)
			if !readable([]byte(value), e.p.cfg.Lenient) {
				e.cannot(&l, "it has control characters or is not UTF-8")
			}
			if len(e.b)-from > e.p.cfg.Limits.MaxValueLen {
				e.fault(&l, CodeLimitValue, nil)
			}
		}
	}
	if most := e.p.cfg.Limits.MaxElements; e.pairs-before > most {
		e.fault(&leaf{want: tooManyOthers(most)}, CodeTooMany, nil)
	}
}
