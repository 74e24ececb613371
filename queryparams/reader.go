package queryparams

import (
	"cmp"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
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

func (r *reader) tooLong() *FieldError {
	most := r.p.cfg.Limits.MaxBytes
	if len(r.raw) <= most {
		return nil
	}
	return limitFault(CodeLimitBytes, "", "at most "+strconv.Itoa(most)+" bytes", most)
}

// pathOfLast gives the fault that was just found its place.
func (r *reader) pathOfLast(path string) {
	if n := len(r.errs); n > 0 && r.omitted == 0 {
		r.errs[n-1].Path = path
	}
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
		if !l.fits(text) {
			f.Expected = l.wantInRange
		}
	case CodeDuplicate:
		f.Expected = "a single value"
	case CodeEnum, CodeType:
		f.Suggestion = l.suggestion(text)
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
		if f := r.nameFault("", CodeTooMany, -1); f != nil {
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
			_ = r.nameFault(key, code, at+offset)
			continue
		}
		rest[key] = append(rest[key], value)
	}
	at(r.dst, r.p.rest).Set(reflect.ValueOf(rest))
}

func tooManyOthers(most int) string { return fmt.Sprintf("at most %d other parameters", most) }

func (r *reader) refuse(o *occurrence) {
	raw := r.raw[o.key:o.keyEnd]
	complete := len(raw) <= safeValueBytes
	if !complete { // more of it is not shown
		raw = raw[:safeValueBytes]
	}
	key := unescapeLenient(raw)
	f := r.nameFault(key, CodeUnknown, int(o.key))
	if f != nil && complete {
		f.Suggestion = nearest(key, r.p.names)
	}
}

func (r *reader) nameFault(key string, code Code, offset int) *FieldError {
	if len(r.errs) >= r.p.cfg.Limits.MaxErrors {
		r.omitted++
		return nil
	}
	name := *safeValue(key)
	f := &FieldError{Parameter: name, Path: name, Code: code, Detail: details[code], Offset: offset}
	r.errs = append(r.errs, f)
	return f
}

// inner is what follows the leaf's name in the key of o, decoded.
func (r *reader) inner(l *leaf, o *occurrence) string {
	return r.nameOf(o)[len(r.prefix)+len(l.name):]
}

// nameOf is the key of o, which find has read already, decoded.
func (r *reader) nameOf(o *occurrence) string {
	name, _, _ := r.p.decode(r.raw[o.key:o.keyEnd], o.keyFlags, true)
	return name
}

// decode turns a raw key or value into text under the rules of the schema:
// cfg.Lenient never fails; otherwise the code says what is wrong and the
// offset where, counted from the start of s.
func (p *plan) decode(s string, flags uint8, control bool) (text string, code Code, offset int) {
	if flags&(hasEscape|hasNonPrintable) == 0 {
		return s, "", 0
	}
	if p.cfg.Lenient {
		return unescapeLenient(s), "", 0
	}
	text = s
	nonPrintable := flags&hasNonPrintable != 0
	if flags&hasEscape != 0 {
		decoded, bad, nonPrintableEscape := unescape(s)
		if bad >= 0 {
			return s, CodeBadEncoding, bad
		}
		text, nonPrintable = decoded, nonPrintable || nonPrintableEscape
	}
	if !nonPrintable {
		return text, "", 0
	}
	if !control && strings.ContainsFunc(text, isControl) {
		return text, CodeControlChar, 0
	}
	if !utf8.ValidString(text) {
		return text, CodeBadUTF8, 0
	}
	return text, "", 0
}
