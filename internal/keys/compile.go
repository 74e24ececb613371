package keys

import (
	"fmt"
	"maps"
	"reflect"

	"github.com/mitchellh/hashstructure/v2"

	"github.com/reecho-go/reecho/internal/known"
)

func newCompiler(cfg Config, home string) *compiler {
	c := &compiler{cfg: cfg, home: home, types: known.New(cfg.Trusted), nodes: map[variant]*node{}, locals: alike{}}
	c.rawAny = c.compile(variant{t: reflect.TypeFor[any](), raw: true})
	return c
}

// behind returns the node of a dynamic type of the interface n.
func (c *compiler) behind(n *node, t reflect.Type) *node {
	if known := n.known.Load(); known != nil {
		if dyn := (*known)[t]; dyn != nil {
			return dyn
		}
	}
	dyn := c.compile(variant{t: t, set: n.set, filtered: n.filtered, raw: n.raw})
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[reflect.Type]*node{t: dyn}
	if known := n.known.Load(); known != nil {
		maps.Copy(next, *known)
	}
	n.known.Store(&next)
	return dyn
}

// compile returns the finished node of v.
func (c *compiler) compile(v variant) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.node(v)
	// A recursive type is complete only here, so properties that depend on the
	// whole graph are derived now.
	fresh := c.fresh
	c.fresh = nil
	for _, n := range fresh {
		n.tracked = n.isReference() && n.mayRecur()
	}
	for _, n := range fresh {
		n.typeID = c.typeID(n.t)
		n.flatten()
		n.settleDirect()
		n.slots.New = newSlot(n)
	}
	return n
}

// node returns the node of v. If its type is recursive, the node may not be finished yet.
func (c *compiler) node(v variant) *node {
	fn := c.cfg.HashFuncs[v.t]
	if v.raw {
		fn = nil
	}
	switch kind := v.t.Kind(); {
	case fn != nil:
		v = variant{t: v.t}
	case v.text:
		v = variant{t: v.t, text: true}
	case kind != reflect.Pointer && kind != reflect.Interface:
		v.set = v.set && kind == reflect.Slice
		v.filtered = v.filtered && kind == reflect.Map
	}
	if n := c.nodes[v]; n != nil {
		return n
	}
	n := &node{variant: v, open: true}
	c.nodes[v] = n
	c.fresh = append(c.fresh, n)
	switch {
	case fn != nil:
		n.form, n.fn = formHashFunc, fn
	case v.text:
		c.text(n)
	default:
		c.plain(n)
	}
	n.open = false
	if len(n.bad) > 0 {
		n.form = formBad
	}
	return n
}

func (n *node) refuse(format string, args ...any) {
	n.bad = append(n.bad, &TypeError{Type: n.t, Reason: fmt.Sprintf(format, args...)})
}

func (c *compiler) text(n *node) {
	n.form = formText
	if n.t.Kind() != reflect.Interface && !n.t.Implements(reflect.TypeFor[fmt.Stringer]()) {
		n.refuse("it is tagged hash:\"string\" and has no String method")
	}
}

// plain compiles a type without a HashFunc.
func (c *compiler) plain(n *node) {
	switch n.t.PkgPath() {
	case "sync", "sync/atomic":
		n.refuse("it is a means of synchronisation, not data")
		return
	case "internal/poll":
		n.refuse("it is a handle of the operating system, not data")
		return
	}
	if n.code = leafCodes[n.t.Kind()]; n.code != opNone {
		return
	}
	if n.code = contentType(n.t); n.code != opNone {
		if n.code == opLocation {
			n.form = formLocation
		}
		return
	}
	if pkg := lostMethods(n.t); pkg != "" {
		n.refuse("it is defined from a type of %s, without the methods that say its content: use that type, or a HashFunc", pkg)
		return
	}
	if c.byItself(n) {
		return
	}
	inner := variant{raw: n.raw}
	switch n.t.Kind() {
	case reflect.Struct:
		c.structure(n)
		return
	case reflect.Interface:
		n.form = formInterface
		return
	case reflect.Pointer:
		n.form = formPointer
		inner.set, inner.filtered = n.set, n.filtered
	case reflect.Array:
		n.form = formArray
	case reflect.Slice:
		n.form = formSlice
	case reflect.Map:
		n.form = formMap
		inner.t = n.t.Key()
		n.key = c.node(inner)
		n.entries = entriesOf(n.t, n.key)
		n.inherit(n.key, "[key]")
	default:
		n.refuse("a %s has no content to compare", n.t.Kind())
		return
	}
	inner.t = n.t.Elem()
	n.elem = c.node(inner)
	step := "[]"
	if n.form == formPointer {
		step = ""
	}
	if n.form != formArray || n.t.Len() > 0 {
		n.inherit(n.elem, step)
	}
	if n.form == formArray && n.t.Len() > c.cfg.MaxBytes {
		n.refuse("it has more elements than MaxBytes allows bytes")
	}
	if isByte := n.elem.form == formLeaf && n.elem.t.Kind() == reflect.Uint8; isByte && !n.set {
		switch n.form {
		case formArray:
			n.form, n.code = formLeaf, opRaw
		case formSlice:
			n.form, n.code = formLeaf, opBytes
		}
	}
}

// byItself finishes n and reports true, if its type is not compared by its memory.
func (c *compiler) byItself(n *node) bool {
	t, pointer := n.t, n.t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
		if contentType(t) != opNone || c.cfg.HashFuncs[t] != nil && !n.raw {
			return false
		}
	}
	fact := c.types.Of(t)
	encoded := fact.Way == known.Binary || fact.Way == known.Gob
	switch {
	case fact.Way == known.Structure || fact.Key == known.Memory:
		return false
	case encoded && pointer == fact.Pointer:
		n.form, n.way = formMethod, fact.Way
	case pointer:
		return false // the node of the target says so
	case fact.Key == known.Singleton:
		n.form = formAlone
	case fact.Way == known.Refuse:
		n.refuse("%s", fact.Reason)
	case encoded:
		n.refuse("its methods for comparing have pointer receivers: use a pointer to it")
	default:
		n.refuse("only its own package knows what its unexported fields mean")
	}
	return true
}

// maxBad bounds the problems that are reported together. A shared type may cause many.
const maxBad = 32

// inherit adds the problems of inner, a part of n. The problems of a type that is still
// being compiled are reported where that began.
func (n *node) inherit(inner *node, step string) {
	if inner.open {
		return
	}
	for _, e := range inner.bad {
		if len(n.bad) == maxBad {
			return
		}
		path := step + e.Path
		at := e.Type
		if n.form == formPointer && e.Path == "" {
			at = n.t
		}
		n.bad = append(n.bad, &TypeError{Path: path, Type: at, Reason: e.Reason})
	}
}

func (c *compiler) structure(n *node) {
	n.form = formStruct
	ptr := reflect.PointerTo(n.t)
	n.asks = ptr.Implements(reflect.TypeFor[hashstructure.Includable]())
	n.filters = ptr.Implements(reflect.TypeFor[hashstructure.IncludableMap]())
	n.hashable = ptr.Implements(reflect.TypeFor[hashstructure.Hashable]())
	private := false
	for i := range n.t.NumField() {
		sf := n.t.Field(i)
		tag := sf.Tag.Get("hash")
		f := field{name: sf.Name, index: i, off: sf.Offset, exported: sf.IsExported()}
		switch {
		case sf.Name == "_":
			n.fields = append(n.fields, f)
			continue
		case tag == "ignore" || tag == "-":
			continue
		}
		f.node = c.node(variant{
			t: sf.Type, raw: n.raw, set: tag == "set", text: tag == "string",
			filtered: n.filters && f.exported,
		})
		n.fields = append(n.fields, f)
		if pkg := n.t.PkgPath(); f.exported || pkg == "" || pkg == c.home {
			n.inherit(f.node, "."+sf.Name)
			continue
		}
		// The program cannot tag a private field of a foreign type: one line about the struct is enough.
		if len(f.node.bad) > 0 && !private {
			private = true
			n.refuse("it contains a private %s", f.node.bad[0].Type)
		}
	}
}
