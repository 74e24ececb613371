package queryparams

import (
	"cmp"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
)

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
	key := *safeValue(unescapeLenient(raw[pr.key:pr.keyEnd]))
	return limitFault(code, key, "at most "+strconv.Itoa(lim.MaxValueLen)+" bytes", pr.val)
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
		f.Expected = l.wantInRange
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
