package queryparams

import (
	"reflect"
)

// reader is one reading of a query into a struct that nobody else sees yet.
type reader struct {
	p         *plan
	raw       string
	dst       reflect.Value
	owner     string // the parameter that dst is inside of; empty: none
	prefix    string // the path of dst
	errs      []*FieldError
	omitted   int
	defaulted []*FieldError // faults of fields that take their default instead
}

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
			if !r.overlooks(code, &pr) {
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

// overlooks reports whether a pair that is too long is of a parameter that the
// schema ignores, such as the click identifiers that others append to links.
func (r *reader) overlooks(code Code, pr *pair) bool {
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
	if c.count > 1 && l.duplicate == repeatedReject {
		r.fault(l, o, CodeDuplicate, nil, raw, 0)
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
			*state = optCleared
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
		*state = optSet
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
	case o.flags&(hasEscape|hasNonPrintable) != 0:
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
