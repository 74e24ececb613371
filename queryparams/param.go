package queryparams

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// Param says how [Get] reads one parameter. The zero value means: optional,
// the zero T if it is missing.
type Param[T any] struct {
	// Default is the value of a missing parameter. Default: the zero T.
	Default T
	// Required makes a missing parameter an error. Default false.
	Required bool
	// Min and Max point to the least and the greatest value of a number,
	// duration or time, such as new(1). Default nil: no bound. They must hold
	// for Default, unless that is the zero T.
	Min, Max *T
	// Check is called with a value that was read; its error is shown to the
	// client. Default: none.
	Check func(T) error
}

// lookup reads one parameter of a raw query by the rules of a schema's field.
func lookup[T any](raw, name string, param Param[T]) (T, error) {
	box := &paramBox[T]{fallback: param.Default}
	compiled := parameterOf(reflect.TypeFor[T]())
	if compiled.err != nil {
		return box.v, compiled.mistake(compiled.err)
	}
	l := compiled.plan.leaves[0]
	l.name, l.required = name, param.Required
	if err := box.copyBounds(&l, param.Min, param.Max); err != nil {
		return box.v, compiled.mistake(err)
	}
	count, errs := compiled.plan.parseOne(raw, &l, reflect.ValueOf(&box.v).Elem())
	switch {
	case errs != nil:
		return *new(T), errs
	case count == 0:
		return param.Default, nil
	}
	if param.Check != nil {
		if err := param.Check(box.v); err != nil {
			f := &FieldError{Parameter: name, Path: name, Code: CodeInvalid, Detail: err.Error(), Offset: -1, Cause: err}
			return *new(T), &Errors{Fields: []*FieldError{f}}
		}
	}
	return box.v, nil
}

// paramBox holds all values that are read by reflection, in one allocation, with copies of
// the bounds, so that the caller's need not be on the heap.
type paramBox[T any] struct{ v, fallback, min, max T }

// copyBounds copies the bounds into the rules of l, and checks the parameter.
func (b *paramBox[T]) copyBounds(l *leaf, least, most *T) error {
	t := reflect.TypeFor[T]()
	fallback := reflect.ValueOf(&b.fallback).Elem()
	if l.required && !fallback.IsZero() {
		return &SchemaError{Type: t, Err: errors.New("Param.Default: a required parameter has no use for it")}
	}
	if least == nil && most == nil {
		return nil
	}
	_, isText := l.codec.(stringCodec)
	if _, ok := l.codec.(ordered); !ok || isText || l.shape != shapeScalar {
		return &SchemaError{Type: t, Err: fmt.Errorf("Param.Min and Max do not apply to %s: use Check", typeName(t))}
	}
	l.rules.any = true
	if least != nil {
		b.min = *least
		l.rules.min = reflect.ValueOf(&b.min).Elem()
	}
	if most != nil {
		b.max = *most
		l.rules.max = reflect.ValueOf(&b.max).Elem()
	}
	if least != nil && l.rules.check(l.codec, l.rules.min) != codeFine {
		return &SchemaError{Type: t, Err: fmt.Errorf("Param.Min, %s, is more than Param.Max, %s", l.rules.text(l.codec, l.rules.min), l.rules.text(l.codec, l.rules.max))}
	}
	if !fallback.IsZero() && l.rules.check(l.codec, fallback) != codeFine {
		return &SchemaError{Type: t, Err: fmt.Errorf("Param.Default, %s, is not between Param.Min and Param.Max", l.rules.text(l.codec, fallback))}
	}
	return nil
}

// parameters holds a plan with a single nameless leaf for each type that
// [Get] has read: a memo of a pure function of the type.
var parameters sync.Map // reflect.Type -> compiled

func parameterOf(t reflect.Type) *compiled {
	got, ok := parameters.Load(t)
	if !ok {
		p, err := compileOne(t)
		got, _ = parameters.LoadOrStore(t, &compiled{plan: p, err: err})
	}
	return got.(*compiled)
}

func compileOne(t reflect.Type) (*plan, error) {
	cfg := SchemaConfig{}
	cfg.Limits = cfg.Limits.withDefaults()
	c := &compiler{plan: &plan{cfg: cfg, typ: t}}
	l := leaf{group: -1}
	tags := &tagSet{}
	ok, err := c.resolve(&l, t, tags)
	if err == nil && (!ok || l.shape == shapeMap || l.shape == shapeStructs) {
		err = errors.New("is not a parameter by itself: use a schema")
	}
	if err != nil {
		return nil, &SchemaError{Type: t, Err: err}
	}
	c.tagged(&l, tags)
	c.leaves = []leaf{l}
	return c.plan, nil
}

// parseOne reads the parameter l.name of raw into v and returns how often it
// was given a value.
func (p *plan) parseOne(raw string, l *leaf, v reflect.Value) (count int, errs *Errors) {
	r := reader{p: p, raw: raw}
	w := newWork(1)
	defer w.release()
	c := &w.chains[0]
	if fault := r.scanFor(w, l, c); fault != nil {
		return 0, &Errors{Fields: []*FieldError{fault}}
	}
	r.read(w, l, c, v)
	if len(r.errs) > 0 {
		for _, f := range r.errs {
			if f.Code == CodeRange { // the bounds are not in the memoised texts
				f.Expected = l.rules.expected(l.codec, f.Expected == l.wantInRange)
			}
		}
		return 0, &Errors{Fields: r.errs, Omitted: r.omitted}
	}
	if c.count > 0 && l.emptyMissing {
		if o := w.at(c.first); o.val == o.valEnd && !l.isFlag(o) {
			return 0, nil
		}
	}
	return int(c.count), nil
}

// isItem reports whether what follows a list's name says that this is one of
// its items: [] or [0].
func isItem(rest string) bool {
	_, after, isIndex := cutIndex(rest)
	return rest == "[]" || isIndex && after == ""
}

// scanFor collects the occurrences of l.name.
func (r *reader) scanFor(w *work, l *leaf, c *chain) *FieldError {
	if fault := r.tooLong(); fault != nil {
		return fault
	}
	s := scanner{raw: r.raw, lim: &r.p.cfg.Limits}
	var pr pair
	for {
		code, ok := s.next(&pr)
		if !ok && (code == codeFine || code == CodeLimitPairs) {
			if code == codeFine {
				return nil
			}
			return overLimit(code, r.raw, &pr, s.lim)
		}
		key := r.raw[pr.key:pr.keyEnd]
		if pr.keyFlags&hasEscape != 0 {
			var bad int
			if key, bad, _ = unescape(key); bad >= 0 {
				continue
			}
		}
		rest, matches := strings.CutPrefix(key, l.name)
		isList := l.shape == shapeList && isItem(rest)
		switch {
		case !matches || rest != "" && !isList:
		case !ok:
			return overLimit(code, r.raw, &pr, s.lim)
		case isList:
			w.append(l, c, &pr, spelledAlias)
		default:
			w.append(l, c, &pr, 0)
		}
	}
}
