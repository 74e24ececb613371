package queryparams

import (
	"reflect"
	"strconv"
)

// parse reads raw into dst, a zero struct of the plan's type, whose content is
// void when there are errors. It returns what was corrected, too.
func (p *plan) parse(raw string, dst reflect.Value) (defaulted []*FieldError, errs *Errors) {
	r := reader{p: p, raw: raw, dst: dst}
	w := newWork(len(p.leaves))
	defer w.release()
	if fault := r.scan(w); fault != nil {
		return nil, &Errors{Fields: []*FieldError{fault}}
	}
	r.fill(w)
	r.leftovers(w)
	if len(r.errs) > 0 {
		return r.defaulted, &Errors{Fields: r.errs, Omitted: r.omitted}
	}
	return r.defaulted, nil
}

// fill reads the sorted pairs into r.dst.
func (r *reader) fill(w *work) {
	for g := range r.p.groups {
		if w.isPresent(g) {
			ptr := at(r.dst, r.p.groups[g].steps)
			ptr.Set(reflect.New(ptr.Type().Elem()))
		}
	}
	for i := range r.p.leaves {
		l, c := &r.p.leaves[i], &w.chains[i]
		if l.group < 0 || w.isPresent(l.group) {
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
			if !r.ignoresLongPair(code, &pr) {
				return overLimit(code, r.raw, &pr, s.lim)
			}
			continue
		}
		t, how, known := p.find(r.raw[pr.key:pr.keyEnd], pr.keyFlags)
		switch {
		case known && t.group < 0:
			r.add(w, t.leaf, &pr, how)
		case known && pr.val == pr.valEnd: // price= is a Price without anything in it
			w.markPresent(p, t.group)
		case p.cfg.RejectUnknown || p.hasRest:
			r.addUnknown(w, &pr)
		}
	}
}

// ignoresLongPair reports whether a pair that is too long is of a parameter that the
// schema ignores, such as the click identifiers that others append to links.
func (r *reader) ignoresLongPair(code Code, pr *pair) bool {
	if code == CodeLimitPairs || r.p.cfg.RejectUnknown || r.p.hasRest {
		return false
	}
	_, _, known := r.p.find(r.raw[pr.key:pr.keyEnd], pr.keyFlags)
	return !known
}

func (r *reader) add(w *work, i int, pr *pair, how spelling) {
	l := &r.p.leaves[i]
	if l.group >= 0 {
		w.markPresent(r.p, l.group)
	}
	w.append(l, &w.chains[i], pr, how)
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
		r.corrected(errs, omitted)
		v.SetZero()
		r.missing(l, v)
	}
}

// inside reads into v, a struct that the leaf l holds, what sort puts into the
// work for it. path is v's place inside the leaf's.
func (r *reader) inside(l *leaf, v reflect.Value, path string, sort func(w *work)) {
	outer := *r
	if r.owner == "" {
		r.owner = r.prefix + l.name
	}
	r.p, r.dst, r.prefix = l.sub, v, r.prefix+l.name+path
	w := newWork(len(l.sub.leaves))
	defer w.release()
	sort(w)
	r.fill(w)
	r.p, r.dst, r.owner, r.prefix = outer.p, outer.dst, outer.owner, outer.prefix
}

// structs reads a list of structs. The pairs of the elements may stand in any
// order, but no index may be left out: each element has a pair, so no number in
// a query allocates anything.
func (r *reader) structs(w *work, l *leaf, c *chain, v reflect.Value) {
	first := w.at(c.first)
	if int(c.count) > l.pairs {
		r.fault(l, first, CodeTooMany, nil, "", 0)
		if r.omitted == 0 {
			f := r.errs[len(r.errs)-1]
			f.Expected, f.Value = "at most "+strconv.Itoa(l.pairs)+" parameters", nil
		}
		return
	}
	var (
		elements []chain
		gapIndex = -1 // the least index that is too large
		gapAt    *occurrence
	)
	skips := func(o *occurrence, n int) {
		r.fault(l, o, CodeBadIndex, nil, r.raw[o.val:o.valEnd], 0)
		r.pathOfLast(r.prefix + l.name + "[" + strconv.Itoa(n) + "]")
	}
	for i := c.first; i >= 0; {
		o := w.at(i)
		at := i
		i, o.next = o.next, -1
		rest := r.inner(l, o)
		if rest == "" { // l= alone is an empty list
			if o.val < o.valEnd {
				r.fault(l, o, CodeBadKey, nil, r.raw[o.val:o.valEnd], 0)
				return
			}
			continue
		}
		n, _, _ := cutIndex(rest)
		if n >= int(c.count) { // some are left out
			if gapIndex < 0 || n < gapIndex {
				gapIndex, gapAt = n, o
			}
			continue
		}
		for n >= len(elements) {
			elements = append(elements, chain{})
		}
		if e := &elements[n]; e.count == 0 {
			*e = chain{first: at, last: at, count: 1}
		} else {
			w.at(e.last).next = at
			e.last = at
		}
	}
	for n := range elements {
		if elements[n].count > 0 && n > 0 && elements[n-1].count == 0 {
			skips(w.at(elements[n].first), n)
			return
		}
	}
	if gapIndex >= 0 {
		skips(gapAt, gapIndex)
		return
	}
	if len(elements) > l.maximum {
		r.amount(l, first, len(elements))
		return
	}
	if len(elements) < l.minimum {
		r.amount(l, first, len(elements))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(elements), len(elements)))
	for n := range elements {
		r.inside(l, v.Index(n), "["+strconv.Itoa(n)+"]", func(sub *work) {
			for i := elements[n].first; i >= 0; i = w.at(i).next {
				r.sortInto(sub, w.at(i))
			}
		})
	}
}

// sortInto gives a pair of an element to the leaf of the element's plan. The
// element's own name, without a value, says that it is there.
func (r *reader) sortInto(w *work, o *occurrence) {
	name := r.nameOf(o)
	rest := name[len(r.prefix):]
	pr := pair{key: int(o.key), keyEnd: int(o.keyEnd), val: int(o.val), valEnd: int(o.valEnd), keyFlags: o.keyFlags, valFlags: o.flags}
	t, how, known := r.p.lookup(rest)
	switch {
	case known && t.group < 0:
		r.add(w, t.leaf, &pr, how|o.how&spelledFolded)
	case rest == "" && o.val < o.valEnd:
		r.errorAt(o, name, CodeBadKey)
	case known && o.val == o.valEnd:
		w.markPresent(r.p, t.group)
	case rest != "" && r.p.cfg.RejectUnknown:
		r.errorAt(o, name, CodeUnknown)
	}
}

// errorAt records a fault of a name that no leaf has.
func (r *reader) errorAt(o *occurrence, name string, code Code) {
	if f := r.nameFault(name, code, int(o.key)); f != nil {
		f.Parameter = r.owner
		if code == CodeUnknown && len(name) <= safeValueBytes {
			if near := nearest(name[len(r.prefix):], r.p.names); near != "" {
				f.Suggestion = r.prefix + near
			}
		}
	}
}
