package queryparams

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"slices"

	"github.com/reecho-go/reecho/middleware"
)

// Memory stores a T of each visitor between requests. S is what it needs of a
// request to find the visitor's: a *sessionstate.Key[T] is a
// Memory[T, *sessionstate.State].
type Memory[T, S any] interface {
	// Lookup returns the stored value, and whether there is one.
	Lookup(state S) (T, bool, error)
	// Set stores v in place of an earlier value.
	Set(state S, v T) error
}

// RememberConfig configures a [Remembered]. The zero value reads the memory and
// never writes it.
type RememberConfig struct {
	// Only names the parameters that are remembered. Default nil: all.
	Only []string
	// Follow stores each value that a URL asks for, so that the next visit
	// without one finds it. Default false: the memory is only read.
	Follow bool
}

// Remembered binds the parameters of a schema to a memory, such as a key of the
// session, as Streamlit's bind does with widgets. A page's value comes from
//
//  1. the URL, if it has any of the remembered parameters, even as name=. What it
//     leaves out has its default, so that a link shows the same to everybody;
//  2. otherwise the memory, if the stored value is still valid by the schema;
//  3. otherwise the defaults.
//
// It is safe for concurrent use.
type Remembered[T, S any] struct {
	schema *Schema[T]
	memory Memory[T, S]
	cfg    RememberConfig
	state  func(middleware.Context) S
	reset  string // a parameter without a value: a query that asks for the defaults
}

func remember[T, S any](s *Schema[T], m Memory[T, S], cfg RememberConfig) (*Remembered[T, S], error) {
	if s == nil || m == nil {
		return nil, errors.New("queryparams: Remember needs a schema and a memory")
	}
	var errs []error
	for i, name := range cfg.Only {
		if !slices.Contains(s.plan.names, name) {
			errs = append(errs, fmt.Errorf("queryparams: RememberConfig.Only[%d]: no parameter %q%s", i, name, didYouMean(nearest(name, s.plan.names))))
		}
	}
	r := &Remembered[T, S]{schema: s, memory: m, cfg: cfg}
	r.cfg.Only = slices.Clone(cfg.Only)
	for i := range s.plan.leaves {
		if l := &s.plan.leaves[i]; l.emptyMissing && !l.required && l.group < 0 && r.has(l.name) {
			r.reset = l.key + "="
			break
		}
	}
	if r.reset == "" {
		errs = append(errs, errors.New(`queryparams: Remember: no remembered parameter whose empty value means that it is missing: a link to the defaults could not be told from a visit without a query; give one the tag empty:"missing"`))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return r, nil
}

// has reports whether a parameter of the schema is remembered.
func (r *Remembered[T, S]) has(name string) bool {
	return r.cfg.Only == nil || slices.Contains(r.cfg.Only, name)
}

// owns reports whether a pair is of a remembered parameter.
func (r *Remembered[T, S]) owns(e entry) bool {
	t, _, known := r.schema.plan.lookup(e.key)
	switch {
	case !known:
		return false
	case t.group >= 0:
		return r.cfg.Only == nil
	}
	return r.has(r.schema.plan.leaves[t.leaf].name)
}

// read finds the value for a raw query, and the pairs that it has from the
// memory.
func (r *Remembered[T, S]) read(raw string, state func() S) (v *T, defaulted []*FieldError, seeds []entry, err error) {
	s := r.schema
	v = new(T)
	entries, perr := parseEntries(raw, s.plan.cfg.Limits.forRetained())
	if perr == nil && !slices.ContainsFunc(entries, r.owns) {
		kept, ok, err := r.memory.Lookup(state())
		if err != nil {
			return nil, nil, nil, err
		}
		if ok {
			if seeds := r.seeds(kept); len(seeds) > 0 {
				defaulted, errs := s.plan.read(string(appendEntries(nil, slices.Concat(entries, seeds))), v)
				if errs == nil {
					return v, defaulted, seeds, nil
				}
			}
		}
	}
	defaulted, errs := s.plan.read(raw, v)
	if errs != nil {
		return nil, defaulted, nil, errs
	}
	return v, defaulted, nil, nil
}

// seeds are the pairs of a kept value; none of one that the schema refuses by now.
func (r *Remembered[T, S]) seeds(kept T) []entry {
	entries, err := r.schema.plan.entries(&kept)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(entries, func(e entry) bool { return !r.owns(e) })
}

// keep puts what a URL asked for into the memory, unless it is there already.
func (r *Remembered[T, S]) keep(state S, v T) error {
	if kept, ok, err := r.memory.Lookup(state); err != nil {
		return err
	} else if ok && slices.Equal(r.seeds(kept), r.seeds(v)) {
		return nil
	}
	return r.memory.Set(state, v)
}

// show writes the pairs that came from the memory to the request's Params, if
// there are any, so that the browser's URL has them.
func show(ctx context.Context, seeds []entry) {
	p, err := FromContext(ctx)
	if err != nil {
		return
	}
	seeds = slices.DeleteFunc(seeds, func(e entry) bool { return p.isReserved(e.key) })
	err = p.apply(false, false, func(entries []entry) ([]entry, []string) { return append(entries, seeds...), keysOf(seeds) })
	if err == nil {
		p.deliver()
	}
}

// Href is [Schema.Href] for pages that remember: a link to the defaults says
// so, since without a query it would be a visit that finds what is remembered.
func (r *Remembered[T, S]) Href(v T, edits ...func(*T)) (string, error) {
	for _, edit := range edits {
		edit(&v)
	}
	entries, err := r.schema.plan.entries(&v)
	if err != nil {
		return "", err
	}
	query := string(appendEntries(nil, entries))
	if !slices.ContainsFunc(entries, r.owns) {
		if query != "" {
			query += "&"
		}
		query += r.reset
	}
	return "?" + query, nil
}

// Funcs are [Schema.Funcs] for pages that remember: qlink is made by
// [Remembered.Href].
func (r *Remembered[T, S]) Funcs() template.FuncMap { return r.schema.funcs(r.Href) }
