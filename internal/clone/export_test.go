package clone

import "reflect"

// Reflected compiles the plan of a type that only reflection knows, with the analysis that For makes for a static type.
func Reflected(t reflect.Type, cfg Config) (func(reflect.Value) (reflect.Value, error), error) {
	c, err := newCompiler(cfg)
	if err != nil {
		return nil, err
	}
	root, err := c.compile(t)
	if err != nil {
		return nil, err
	}
	return func(v reflect.Value) (reflect.Value, error) {
		out := reflect.New(t)
		out.Elem().Set(v)
		if root.flat {
			return out.Elem(), nil
		}
		s := state{c: c}
		s.begin()
		root.fix(out.UnsafePointer(), &s)
		s.drain()
		return out.Elem(), s.end(t)
	}, nil
}

// Remembers reports whether the plan of V keeps a table for references of type t.
func Remembers[V any](p *Plan[V], t reflect.Type) bool {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.c.nodes[t].tracked
}

// Hope makes the next copy by p suppose that its value is a tree, as the first one does.
func Hope[V any](p *Plan[V]) { p.wary.Store(0) }
