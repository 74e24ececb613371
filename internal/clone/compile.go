package clone

import (
	"errors"
	"reflect"
	"slices"
	"unsafe"

	"github.com/reecho-go/reecho/internal/known"
	"github.com/reecho-go/reecho/internal/raw"
)

func newCompiler(cfg Config) (*compiler, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	if cfg.MaxNodes == 0 {
		cfg.MaxNodes = DefaultMaxNodes
	}
	c := &compiler{
		cfg:       cfg,
		types:     known.New(cfg.Trusted),
		immutable: make(map[reflect.Type]bool, len(cfg.Immutable)),
		nodes:     map[reflect.Type]*node{},
		domains:   map[reflect.Type]*domain{},
	}
	for _, t := range cfg.Immutable {
		c.immutable[t] = true
	}
	return c, nil
}

// compile returns the linked node of t.
func (c *compiler) compile(t reflect.Type) (*node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	root := c.discover(t)
	if errs := refusals(root); len(errs) > 0 {
		c.forget()
		return nil, errors.Join(errs...)
	}
	c.analyse(root)
	for _, n := range c.fresh {
		n.link()
		n.holds, n.leads = true, true // narrow may clear them
		n.outs = n.outsideParts(nil, 0)
		if n.role == roleSlice {
			n.linkInside()
		}
	}
	c.fresh = nil
	return root, nil
}

// builtin reports whether values of t are shared: they are immutable, or have an identity that a copy would lose.
func (c *compiler) builtin(t reflect.Type) bool {
	if c.immutable[t] || t == reflect.TypeFor[reflect.Type]() {
		return true
	}
	switch t.Kind() {
	case reflect.Interface:
		return t.Implements(errorType)
	case reflect.Pointer:
		return c.types.Of(t.Elem()).Way == known.Share
	}
	way := c.types.Of(t).Way
	return way == known.Assign || way == known.Share
}

var errorType = reflect.TypeFor[error]()

// forget drops the nodes of a compile that failed, so that no unlinked node is ever found.
func (c *compiler) forget() {
	for _, n := range c.fresh {
		delete(c.nodes, n.typ)
	}
	c.fresh = nil
}

// behind returns the plan of a type that was met behind an interface.
func (c *compiler) behind(t reflect.Type) *dynamicType {
	if d, ok := c.dynamic.Load(t); ok {
		return d.(*dynamicType)
	}
	d := &dynamicType{}
	if t.Implements(errorType) {
		d.n = &node{typ: t, role: roleShared, flat: true}
	} else if n, err := c.compile(t); err == nil {
		d.n = n
	} else {
		d.err, _ = errors.AsType[*TypeError](err)
	}
	c.mu.Lock()
	switch t.Kind() {
	case reflect.Pointer:
		d.dom = c.domain(reflect.PointerTo(t.Elem()))
	case reflect.Map:
		d.dom = c.domain(reflect.MapOf(t.Key(), t.Elem()))
	}
	c.mu.Unlock()
	// If two goroutines arrive here at once, their nodes are the same.
	got, _ := c.dynamic.LoadOrStore(t, d)
	return got.(*dynamicType)
}

// discover returns the node of t with everything below it, not linked yet.
func (c *compiler) discover(t reflect.Type) *node {
	if n := c.nodes[t]; n != nil {
		return n
	}
	n := &node{typ: t, kind: t.Kind()}
	c.nodes[t] = n
	c.fresh = append(c.fresh, n)
	if c.builtin(t) {
		n.flat = true
		return n
	}
	if c.byItself(n) {
		return n
	}
	if n.reason = refusal(t); n.reason != "" {
		n.role = roleRefused
	}
	switch t.Kind() {
	case reflect.Pointer:
		n.role, n.elem = rolePointer, c.discover(t.Elem())
		n.dom = c.domain(reflect.PointerTo(t.Elem()))
	case reflect.Slice:
		n.role, n.elem = roleSlice, c.discover(t.Elem())
		n.dom = c.domain(reflect.SliceOf(t.Elem()))
	case reflect.Map:
		n.role, n.key, n.elem = roleMap, c.discover(t.Key()), c.discover(t.Elem())
		n.dom = c.domain(reflect.MapOf(t.Key(), t.Elem()))
	case reflect.Array:
		n.role, n.elem = roleArray, c.discover(t.Elem())
		n.flat = n.elem.flat || t.Len() == 0
	case reflect.Struct:
		if n.role != roleRefused {
			n.role = roleStruct
		}
		n.flat = n.role == roleStruct
		for f := range fieldsOf(t) {
			e := edge{name: f.Name, off: f.Offset}
			switch {
			case c.cfg.Drop != nil && c.cfg.Drop(f):
				e.to = dropped(f.Type)
			case c.cfg.Keep != nil && c.cfg.Keep(f):
				e.to = &node{typ: f.Type, flat: true}
			default:
				e.to = c.discover(f.Type)
			}
			n.fields = append(n.fields, e)
			n.flat = n.flat && e.to.flat
		}
	case reflect.Interface:
		n.role = roleInterface
	case reflect.String:
		n.flat = !c.cfg.Strings
		n.role = roleString
	default:
		n.flat = n.role != roleRefused
	}
	n.outside = n.role != roleRefused && raw.HasPointers(t)
	switch {
	case n.flat:
		n.role = roleShared
	case hasClone(t) && (t.Kind() == reflect.Interface || c.types.Owns(t)):
		n.role = roleMethod
	}
	return n
}

// byItself finishes n, and reports true, if its type, or the type that it points to, is not copied as plain memory.
func (c *compiler) byItself(n *node) bool {
	pointer := n.typ.Kind() == reflect.Pointer
	t := n.typ
	if pointer {
		t = t.Elem()
	}
	fact := c.types.Of(t)
	switch fact.Way {
	case known.Structure, known.Assign, known.Share:
		return false
	case known.Refuse:
		if pointer {
			return false // the node of the target is refused
		}
		n.role, n.reason = roleRefused, fact.Reason
		return true
	case known.Special:
		if pointer {
			return false
		}
		n.role = roleSpecial
	case known.Proto, known.Binary, known.Gob, known.Clone:
		if pointer != fact.Pointer {
			if pointer {
				return false
			}
			n.role, n.reason = roleRefused, "its methods for copying have pointer receivers: use a pointer to it"
			return true
		}
		n.role, n.fact = roleMethod, fact
	}
	n.opaque, n.outside = true, true
	if pointer {
		n.dom = c.domain(reflect.PointerTo(t))
	}
	return true
}

// domain returns the domain of a canonical, unnamed reference type.
func (c *compiler) domain(t reflect.Type) *domain {
	d := c.domains[t]
	if d == nil {
		d = &domain{id: uint64(len(c.domains))}
		c.domains[t] = d
	}
	return d
}

// refusal says why t itself cannot be copied, whatever it contains. It is empty for all other types.
func refusal(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Chan:
		return "a channel has an identity and a queue that no copy has"
	case reflect.Func:
		return "a function may hold variables that cannot be seen"
	case reflect.UnsafePointer:
		return "what an unsafe.Pointer leads to is unknown"
	}
	switch t.PkgPath() {
	case "sync":
		return "a copy of a value of package sync is not the same lock, pool or group"
	case "sync/atomic":
		return "an atomic value is shared between goroutines and must not be copied"
	case "internal/poll":
		return "a connection or file is a handle of the operating system, which two values cannot hold"
	}
	return ""
}

// hasClone reports whether t has a method Clone that takes nothing and returns a t.
func hasClone(t reflect.Type) bool {
	m, ok := t.MethodByName("Clone")
	if !ok {
		return false
	}
	in := 1
	if t.Kind() == reflect.Interface {
		in = 0
	}
	return m.Type.NumIn() == in && m.Type.NumOut() == 1 && m.Type.Out(0) == t
}

// refusals lists what cannot be copied below root, each place once.
func refusals(root *node) []error {
	var errs []error
	seen := map[*node]bool{}
	var walk func(n *node, path string)
	walk = func(n *node, path string) {
		if n.role == roleRefused {
			errs = append(errs, &TypeError{Path: path, Type: n.typ, Reason: n.reason})
			return
		}
		if seen[n] || n.flat {
			return
		}
		seen[n] = true
		n.parts(func(to *node, step string, _ int) { walk(to, path+step) })
	}
	walk(root, root.typ.String())
	return errs
}

// analyse finds out which of the fresh nodes must remember their copies and count their depth.
func (c *compiler) analyse(root *node) {
	c.open = c.open || slices.ContainsFunc(c.reachable(root), (*node).open)
	if !c.open {
		c.countPaths(root)
	}
	for _, n := range c.fresh {
		if n.dom == nil || n.flat {
			continue
		}
		if n.role == roleSlice {
			// Pointers and maps on the way remember and count already, so only a cycle through slices alone matters.
			plain := func(m *node) bool { return m.role != rolePointer && m.role != roleMap }
			n.deep = leads(n, n, plain)
			n.tracked = n.deep || c.open && leads(n, nil, plain)
		} else {
			n.deep = leads(n, n, func(*node) bool { return true })
			n.tracked = c.open || n.dom.many
		}
	}
}

// countPaths marks the domains to which more than one path leads: from two places, from a place that is repeated,
// or from a part that is itself reached twice. A cycle of types is entered from outside and from inside, so it is marked.
func (c *compiler) countPaths(root *node) {
	many := map[*node]bool{}
	in := map[*node]int{}
	var mark func(n *node)
	mark = func(n *node) {
		if n.flat || many[n] {
			return
		}
		many[n] = true
		if n.dom != nil {
			n.dom.many = true
		}
		n.parts(func(to *node, _ string, _ int) { mark(to) })
	}
	for _, n := range c.reachable(root) {
		n.parts(func(to *node, _ string, count int) {
			in[to]++
			if to.dom != nil {
				to.dom.in++
			}
			if count > 1 || in[to] > 1 || to == root {
				mark(to)
			}
		})
	}
	for _, n := range c.reachable(root) {
		if n.dom != nil && n.dom.in > 1 {
			mark(n)
		}
	}
}

// leads reports whether the parts of n lead to target (nil: to any interface) by way of nodes that via allows.
func leads(n, target *node, via func(*node) bool) bool {
	seen := map[*node]bool{}
	found := false
	var walk func(n *node)
	walk = func(n *node) {
		n.parts(func(to *node, _ string, _ int) {
			switch {
			case found || to.flat:
			case to == target || target == nil && to.open():
				found = true
			case !seen[to] && via(to):
				seen[to] = true
				walk(to)
			}
		})
	}
	walk(n)
	return found
}

// outsideParts appends the parts of n at off that may refer to memory outside of n. Nested structs become one list.
func (n *node) outsideParts(parts []part, off uintptr) []part {
	switch {
	case !n.outside:
	case n.kind == reflect.Struct && !n.opaque:
		for _, e := range n.fields {
			parts = e.to.outsideParts(parts, off+e.off)
		}
	default:
		parts = append(parts, part{off, n})
	}
	return parts
}

// dropped returns the node of a field that is zero in copies. The plan does not look into it.
func dropped(t reflect.Type) *node {
	return &node{typ: t, role: roleDropped, opaque: true, fix: func(p unsafe.Pointer, _ *state) { reflect.NewAt(t, p).Elem().SetZero() }}
}
