package queryparams

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
)

// Retain returns the schema with other parameters to take over from the
// current URL into links, "*" for all that are not the schema's own, in place
// of SchemaConfig.Retain. It is cheap; s is unchanged.
func (s *Schema[T]) Retain(keys ...string) *Schema[T] {
	return &Schema[T]{plan: s.plan, retain: slices.Clone(keys)}
}

// LinkFrom is the URL of a page on this host: the path of u, then v after the
// edits, then what is retained of u's query. Edits get a shallow copy of v:
// they may replace lists, pointers and maps, and must not change what is in
// them. Its error is an [*EncodeError].
func (s *Schema[T]) LinkFrom(u *url.URL, v T, edits ...func(*T)) (string, error) {
	return s.link(u, u.RawQuery, v, edits)
}

func (s *Schema[T]) link(u *url.URL, current string, v T, edits []func(*T)) (string, error) {
	query, err := s.Href(v, edits...)
	if err != nil {
		return "", err
	}
	b := append(make([]byte, 0, 128), query[1:]...)
	if len(s.retain) > 0 && !s.plan.hasRest {
		b = s.appendRetained(b, current)
	}
	return localURL(u, string(b), false), nil
}

// appendRetained appends the parameters of the current query to be kept. A
// query beyond the limits has none.
func (s *Schema[T]) appendRetained(b []byte, current string) []byte {
	entries, err := parseEntries(current, &s.plan.cfg.Limits)
	if err != nil {
		return b
	}
	kept := slices.DeleteFunc(entries, func(e entry) bool {
		if _, _, ours := s.plan.lookup(e.key); ours {
			return true
		}
		return !slices.Contains(s.retain, e.key) && !slices.Contains(s.retain, "*")
	})
	if len(b) > 0 && len(kept) > 0 {
		b = append(b, '&')
	}
	return appendEntries(b, kept)
}

// Href is v after the edits as a relative reference, such as ?page=2: a link
// to the page that it stands on. Edits are as for [Schema.LinkFrom].
func (s *Schema[T]) Href(v T, edits ...func(*T)) (string, error) {
	for _, edit := range edits {
		edit(&v)
	}
	query, err := s.Encode(v)
	return "?" + query, err
}

// With returns v with parameters changed by name: names and values alternate,
// a value is what [Params.Set] takes, and nil removes the parameter, so that
// it has its default. The result has passed every check of the schema.
func (s *Schema[T]) With(v T, pairs ...any) (T, error) {
	var zero T
	entries, err := s.entries(v)
	if err != nil {
		return zero, err
	}
	if len(pairs)%2 != 0 {
		return zero, fmt.Errorf("queryparams: With takes names and values in turn, not %d arguments", len(pairs))
	}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return zero, fmt.Errorf("queryparams: With: argument %d is a %T: it should be a parameter's name", i, pairs[i])
		}
		if _, _, known := s.plan.lookup(name); !known {
			return zero, fmt.Errorf("queryparams: With: no parameter %q; did you mean %q?", name, nearest(name, s.plan.names))
		}
		var fresh []entry
		if pairs[i+1] != nil {
			values, err := texts(name, pairs[i+1:i+2])
			if err != nil {
				return zero, err
			}
			for _, value := range values {
				fresh = append(fresh, entry{key: name, value: value})
			}
		}
		entries = merge(entries, []string{name}, fresh)
	}
	return s.Parse(string(appendEntries(nil, entries)))
}

// Funcs are the schema's functions for templates:
//
//	<a href="{{qlink .Filter "page" 2}}">   Href of With
//	{{qhidden .Filter "q"}}                 Hidden
func (s *Schema[T]) Funcs() template.FuncMap {
	return template.FuncMap{
		"qlink": func(v T, pairs ...any) (string, error) {
			changed, err := s.With(v, pairs...)
			if err != nil {
				return "", err
			}
			return s.Href(changed)
		},
		"qhidden": s.Hidden,
	}
}
