package queryparams

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

func (r *reader) list(w *work, l *leaf, c *chain, v reflect.Value) {
	first := w.at(c.first)
	n := 0
	switch {
	case c.count == 1 && first.how&spelledAlias == 0 && first.val == first.valEnd: // tags= is an empty list
	case l.sep == 0:
		n = int(c.count)
	default:
		for i := c.first; i >= 0; i = w.at(i).next {
			n += l.countItems(r.raw[w.at(i).val:w.at(i).valEnd])
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
	r.sortByIndex(w, l, c)
	errs, omitted, bad := len(r.errs), r.omitted, 0
	item := 0
	for i := c.first; i >= 0; i = w.at(i).next {
		o := w.at(i)
		rest, found := r.raw[o.val:o.valEnd], true
		if o.how&spelledAlias != 0 && !r.isNext(l, o, item) {
			return
		}
		for found {
			raw := rest
			if found = false; l.sep != 0 {
				raw, rest, found = l.cut(rest)
			}
			if asIs && o.flags == 0 {
				texts[item-bad] = raw
			} else if !r.scalar(l, o, raw, v.Index(item-bad)) {
				r.pathOfLast(r.prefix + l.name + "[" + strconv.Itoa(item) + "]")
				if l.correct { // the next one takes its place
					v.Index(item - bad).SetZero()
					bad++
				}
			}
			item++
		}
	}
	if left := n - bad; bad > 0 && left > 0 && left >= l.minimum {
		v.SetLen(left)
		r.corrected(errs, omitted)
	}
}

// corrected turns the faults that were added since the given ones into corrections.
func (r *reader) corrected(errs, omitted int) {
	r.defaulted = append(r.defaulted, r.errs[errs:]...)
	r.errs, r.omitted = r.errs[:errs], omitted
}

// sortByIndex puts the occurrences of a list in the order of their indices, if
// all have one: clients that sort names send name[10] before name[2].
func (r *reader) sortByIndex(w *work, l *leaf, c *chain) {
	type indexed struct {
		n  int
		at int32
	}
	var all []indexed
	sorted := true
	for i := c.first; i >= 0; i = w.at(i).next {
		o := w.at(i)
		if o.how&spelledAlias == 0 {
			return
		}
		n, _, ok := cutIndex(r.inner(l, o))
		if !ok {
			return
		}
		sorted = sorted && (len(all) == 0 || all[len(all)-1].n <= n)
		all = append(all, indexed{n, i})
	}
	if sorted {
		return
	}
	slices.SortStableFunc(all, func(a, b indexed) int { return cmp.Compare(a.n, b.n) })
	c.first = all[0].at
	for i, o := range all {
		w.at(o.at).next = -1
		if i > 0 {
			w.at(all[i-1].at).next = o.at
		}
	}
	c.last = all[len(all)-1].at
}

// isNext checks the index of a list's element, if it has one: only name[n]
// after n elements is fine, so that no number in a query allocates anything.
// (Where all have one, they have been sorted.)
func (r *reader) isNext(l *leaf, o *occurrence, item int) bool {
	n, _, ok := cutIndex(r.inner(l, o))
	if !ok || n == item { // name[]
		return true
	}
	r.fault(l, o, CodeBadIndex, nil, r.raw[o.val:o.valEnd], 0)
	r.pathOfLast(r.prefix + l.name + "[" + strconv.Itoa(n) + "]")
	return false
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
	given := int(c.count)
	for i := c.first; i >= 0; i = w.at(i).next {
		if w.at(i).how&spelledAlias == 0 { // m= alone
			given--
		}
	}
	if given > l.maximum {
		r.amount(l, w.at(c.first), given)
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), int(c.count))
	errs, omitted := len(r.errs), r.omitted
	key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(l.elem).Elem()
	for i := c.first; i >= 0; i = w.at(i).next {
		o := w.at(i)
		raw := r.raw[o.val:o.valEnd]
		name, code, _ := r.p.decode(r.raw[o.key:o.keyEnd], o.keyFlags, false)
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
	n := m.Len()
	if n < l.minimum {
		r.amount(l, w.at(c.first), n)
	} else if l.correct && n > 0 {
		r.corrected(errs, omitted)
	}
	v.Set(m)
}

// countItems is the number of items in a raw value.
func (l *leaf) countItems(raw string) int {
	for n := 1; ; n++ {
		_, rest, found := l.cut(raw)
		if !found {
			return n
		}
		raw = rest
	}
}

// cut splits a raw value of a list at its first separator.
func (l *leaf) cut(raw string) (item, rest string, found bool) {
	if l.splitsEscaped {
		return cutAny(raw, string(rune(l.sep)), string([]byte{'%', upperHex[l.sep>>4], upperHex[l.sep&15]}))
	}
	return cutItem(raw, l.sep)
}

// neverHas reports whether no item of the list l can contain the separator. Then an
// escaped separator separates too: browsers and HTTP clients escape the comma of
// ids=1,2,3.
func (l *leaf) neverHas(sep byte) bool {
	switch c := l.codec.(type) {
	case boolCodec:
		return true
	case intCodec, uintCodec, floatCodec, durationCodec:
		return sep != '-' && sep != '.'
	case timeCodec:
		return sep != '-' && !slices.ContainsFunc(c.layouts, func(s string) bool { return strings.IndexByte(s, sep) >= 0 })
	case stringCodec:
		return l.rules.enum != nil && !slices.ContainsFunc(l.rules.enumText, func(s string) bool { return strings.IndexByte(s, sep) >= 0 })
	case textCodec:
		return sep == ',' && (c.typ == reflect.TypeFor[netip.Addr]() || c.typ == reflect.TypeFor[netip.Prefix]() || c.typ == reflect.TypeFor[netip.AddrPort]())
	}
	return false
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
