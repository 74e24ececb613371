package queryparams

import (
	"fmt"
	"html/template"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// stripped reports whether links leave e out.
func (p *plan) stripped(e entry) bool { return isNamed(e, p.cfg.Strip) }

// link returns the path of u with the query of the value that v points to, followed by the
// retained parameters of the current query.
func (p *plan) link(u *url.URL, current string, v any) (string, error) {
	query, err := p.href(v)
	if err != nil {
		return "", err
	}
	b := append(make([]byte, 0, 128), query[1:]...)
	if len(p.cfg.Retain) > 0 && !p.hasRest {
		b = p.appendRetained(b, current)
	}
	return localURL(u, string(b), false), nil
}

// appendRetained appends the parameters of the current query that are kept. From a
// query beyond the limits it keeps none.
func (p *plan) appendRetained(b []byte, current string) []byte {
	entries, err := parseEntries(current, p.cfg.Limits.forRetained())
	if err != nil {
		return b
	}
	retain := p.cfg.Retain
	kept := slices.DeleteFunc(entries, func(e entry) bool {
		if _, _, isOwn := p.lookup(e.key); isOwn || p.stripped(e) {
			return true
		}
		return !slices.Contains(retain, e.key) && !slices.Contains(retain, "*")
	})
	if len(b) > 0 && len(kept) > 0 {
		b = append(b, '&')
	}
	return appendEntries(b, kept)
}

// Href is v after the edits as a relative reference, such as ?page=2: a link
// to the page that it stands on, or, behind a path, to another one. Nothing is
// taken over from the current URL: see [Schema.Link]. Edits get a shallow copy of
// v: they may replace lists, pointers and maps, and must not change what is in
// them. Its error is an [*EncodeError].
func (s *Schema[T]) Href(v T, edits ...func(*T)) (string, error) {
	for _, edit := range edits {
		edit(&v)
	}
	return s.plan.href(&v)
}

// href is Href of what v points to.
func (p *plan) href(v any) (string, error) {
	query, err := p.encode(v, false)
	if err == nil && len(p.cfg.Strip) > 0 {
		entries, err := parseEntries(query, &p.cfg.Limits)
		if err != nil {
			return "?", err
		}
		query = string(appendEntries(nil, slices.DeleteFunc(entries, p.stripped)))
	}
	return "?" + query, err
}

// With returns v with parameters changed by name: names and values alternate,
// a value is what [Params.Set] takes, or of the parameter's type, which is then
// written as the parameter writes it; nil removes the parameter with what nests
// in it, so that it has its default. The result has passed every check of the
// schema.
func (s *Schema[T]) With(v T, pairs ...any) (T, error) {
	changed := new(T)
	err := s.plan.with(&v, changed, pairs)
	return *changed, err
}

// with writes what v points to with the pairs to changed, a pointer to a zero struct.
func (p *plan) with(v, changed any, pairs []any) error {
	entries, err := p.entries(v)
	if err != nil {
		return err
	}
	if len(pairs)%2 != 0 {
		return fmt.Errorf("queryparams: With takes names and values in turn, not %d arguments", len(pairs))
	}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return fmt.Errorf("queryparams: With: argument %d is a %s: it should be a parameter's name", i, typeName(reflect.TypeOf(pairs[i])))
		}
		t, how, known := p.lookup(name)
		if !known {
			return fmt.Errorf("queryparams: With: no parameter %q%s", name, didYouMean(nearest(name, p.names)))
		}
		var values []string
		if pairs[i+1] != nil {
			if values, err = texts(name, pairs[i+1:i+2], p.leafOf(name)); err != nil {
				return err
			}
		}
		fresh, err := p.spell(name, t, how, values)
		if err != nil {
			return err
		}
		entries = append(slices.DeleteFunc(entries, func(e entry) bool { return p.belongs(e, name, t) }), fresh...)
	}
	if _, errs := p.read(string(appendEntries(nil, entries)), changed); errs != nil {
		return errs
	}
	return nil
}

// spell writes values so that the schema reads them unchanged as the parameter that
// name means: separators inside of a list's items are escaped.
func (p *plan) spell(name string, t target, how spelling, values []string) ([]entry, error) {
	entries := make([]entry, len(values))
	for i, value := range values {
		entries[i] = entry{key: name, value: value}
	}
	if t.group >= 0 || p.leaves[t.leaf].shape != shapeList || how&spelledAlias != 0 {
		return entries, nil
	}
	l := &p.leaves[t.leaf]
	if len(values) == 1 && values[0] == "" { // name= is an empty list
		entries[0].key += "[]"
	}
	for i := range entries {
		e := &entries[i]
		switch {
		case l.sep == 0 || strings.IndexByte(e.value, l.sep) < 0:
		case l.sep == ' ' || l.sep == '|': // escaped or not, it separates
			f := &FieldError{Parameter: l.name, Path: l.name, Code: CodeCannotCarry, Detail: fmt.Sprintf("%s: an item contains the separator %q", details[CodeCannotCarry], l.sep), Offset: -1}
			return nil, &EncodeError{Fields: []*FieldError{f}}
		default:
			e.raw = string(appendEscaped(nil, e.value, l.sep))
		}
	}
	return entries, nil
}

// belongs reports whether e, as Encode writes it, is the parameter name, whose target
// is t, or is nested in it.
func (p *plan) belongs(e entry, name string, t target) bool {
	if _, ok := cutName(e.key, name); ok {
		return true
	}
	at, _, known := p.lookup(e.key)
	switch {
	case !known:
		return false
	case t.group < 0:
		l := &p.leaves[t.leaf]
		return at.group < 0 && at.leaf == t.leaf && l.shape != shapeMap && l.shape != shapeStructs
	}
	g := at.group
	if g < 0 {
		g = p.leaves[at.leaf].group
	}
	for ; g >= 0; g = p.groups[g].parent {
		if g == t.group {
			return true
		}
	}
	return false
}

// Funcs are the schema's functions for templates:
//
//	<a href="{{qlink .Filter "page" 2}}">   Href of With
//	{{qhidden .Filter "q"}}                 Hidden
func (s *Schema[T]) Funcs() template.FuncMap { return s.funcs(s.Href) }

func (s *Schema[T]) funcs(href func(v T, edits ...func(*T)) (string, error)) template.FuncMap {
	return template.FuncMap{
		"qlink": func(v T, pairs ...any) (string, error) {
			changed, err := s.With(v, pairs...)
			if err != nil {
				return "", err
			}
			return href(changed)
		},
		"qhidden": s.Hidden,
	}
}
