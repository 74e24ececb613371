package queryparams

import (
	"cmp"
	"slices"
	"strings"
)

// Difference is a parameter in which two values differ.
type Difference struct {
	// Parameter is the name as in the URL, such as page or price[min].
	Parameter string
	// From and To are the texts of the first and the second value: one, or a
	// list's; nil when it is missing there.
	From, To []string
}

// Diff lists the parameters in which from and to differ, in the order of T's
// fields, defaults included. Its error is an [*EncodeError]: what no URL
// can carry is not compared.
func (s *Schema[T]) Diff(from, to T) ([]Difference, error) { return s.plan.diff(&from, &to) }

// diff is Diff of what from and to point to.
func (p *plan) diff(from, to any) ([]Difference, error) {
	a, err := p.texts(from)
	if err != nil {
		return nil, err
	}
	b, err := p.texts(to)
	if err != nil {
		return nil, err
	}
	var diffs []Difference
	for _, key := range append(a.keys, b.keys...) {
		if slices.ContainsFunc(diffs, func(d Difference) bool { return d.Parameter == key }) {
			continue
		}
		if before, after := a.values[key], b.values[key]; !slices.Equal(before, after) || (before == nil) != (after == nil) {
			diffs = append(diffs, Difference{key, before, after})
		}
	}
	position := func(d Difference) int {
		t, _, known := p.lookup(d.Parameter)
		if !known { // of the rest
			return len(p.order)
		}
		return slices.IndexFunc(p.order, func(st step) bool {
			return !st.end && (t.group >= 0 && st.group == t.group || t.group < 0 && st.leaf == t.leaf)
		})
	}
	slices.SortStableFunc(diffs, func(a, b Difference) int { return cmp.Compare(position(a), position(b)) })
	return diffs, nil
}

// textForm is the form of a value in a URL, defaults included.
type textForm struct {
	keys   []string
	values map[string][]string
}

func (p *plan) texts(v any) (textForm, error) {
	raw, err := p.encode(v, true)
	if err != nil {
		return textForm{}, err
	}
	entries, err := parseEntries(raw, &p.cfg.Limits)
	w := textForm{values: make(map[string][]string, len(entries))}
	for _, e := range entries {
		key, values := e.key, []string{e.value}
		if t, _, known := p.lookup(e.key); known { // of the rest, x[] and x are two
			key = strings.TrimSuffix(e.key, "[]")
			if t.group < 0 && p.leaves[t.leaf].shape == shapeList {
				if values = p.leaves[t.leaf].items(e); e.key == key && e.value == "" {
					values = []string{} // an empty list, if nothing follows
				}
			}
		}
		if _, seen := w.values[key]; !seen {
			w.keys = append(w.keys, key)
			w.values[key] = values
			continue
		}
		if len(w.values[key]) == 0 { // it was an empty item after all
			w.values[key] = []string{""}
		}
		if len(values) == 0 {
			values = []string{""}
		}
		w.values[key] = append(w.values[key], values...)
	}
	return w, err
}
