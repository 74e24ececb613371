package keys

import (
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/mitchellh/hashstructure/v2"

	"github.com/reecho-go/reecho/internal/known"
)

type form uint8

const (
	formLeaf form = iota // encoded by its program only
	formStruct
	formArray
	formSlice
	formPointer
	formMap
	formInterface
	formHashFunc // the type is in KeyConfig.HashFuncs
	formText     // tagged hash:"string"
	formLocation // time.Location
	formMethod   // compared by its own encoding, or that of its target
	formAlone    // the only value of its type
	formBad      // cannot be part of a key; bad says why
)

// node is the compiled plan of one type in one role. It is immutable once
// compile has returned it.
type node struct {
	variant
	form form
	code opcode // formLeaf
	bad  []*TypeError

	elem    *node // array, slice, pointer, map value
	key     *node // map key
	fields  []field
	fn      func(any) (any, error) // formHashFunc
	way     known.Way              // formMethod
	entries entries                // formMap

	program    *program // not nil when the type has a fixed shape
	void       bool     // the value has no data, its encoding is empty
	tracked    bool     // a reference that may be part of a cycle
	settled    bool     // direct is known
	direct     bool     // hashstructure may be given the value as it is
	asks       bool     // the struct is Includable
	filters    bool     // the struct is IncludableMap
	hashable   bool     // the struct is Hashable
	typeID     string   // encodes the type of a value in an interface
	slots      sync.Pool
	known      atomic.Pointer[map[reflect.Type]*node] // interface: the dynamic types that were encoded before
	open       bool                                   // being compiled
	flattening bool
}

// field is a field of a struct that takes part in the key. A blank field has no node: it
// only matters for how hashstructure combines the fields.
type field struct {
	name     string
	index    int
	off      uintptr
	exported bool
	node     *node
}

// entries encodes the number of entries of the map at p and then each entry, in an order
// that depends on the entries alone, and combines their hashes.
type entries func(w *walker, n *node, p unsafe.Pointer, s *mapSlot, filter owner) (uint64, *ValueError)

// variant is a type and the role that a struct tag gives it.
type variant struct {
	t        reflect.Type
	set      bool // order does not matter, if it is a slice
	filtered bool // the enclosing struct decides which entries count, if it is a map
	text     bool // its String method is called
	raw      bool // inside the result of a HashFunc, where no HashFunc applies
}

// compiler makes nodes, also later, for types that are found in interfaces.
type compiler struct {
	cfg    Config
	home   string // package of K: its types can be tagged by their author
	types  *known.Types
	mu     sync.Mutex
	nodes  map[variant]*node
	fresh  []*node
	locals alike // types declared in functions
	rawAny *node
}

// alike numbers types that have the same name.
type alike map[string][]reflect.Type

// walker encodes one value. The same walk computes the fingerprint when
// hashing is set, so that both see the same data and user code runs once.
type walker struct {
	c       *compiler
	buf     []byte
	limit   int // len(buf) may not exceed it
	depth   int
	hashing bool
	path    []ref       // the references around the current value that may close a cycle
	places  map[ref]int // the indexes of refs in path, if it is long
	spans   []span      // entries of the maps and sets around the current value
	scratch []byte
	owner   owner
}

// owner is the struct that decides which entries of the map in its field count.
type owner struct {
	impl  hashstructure.IncludableMap
	field string
}

// ref is a reference that is being followed.
type ref struct {
	p   unsafe.Pointer
	len int
	n   *node
}

// span is an encoded entry in buf. head is its first bytes as a number, which compares
// faster and in the same order.
type span struct {
	lo, hi int
	head   uint64
}

// mapSlot is the scratch for the iteration over one map.
type mapSlot struct {
	iter     reflect.MapIter
	key, val reflect.Value
	kp, vp   unsafe.Pointer
	pairs    any // *[]pair[V] of a map with strings as keys, empty
}

// valueSlot holds an addressable copy of a value from an interface.
type valueSlot struct {
	v reflect.Value
	p unsafe.Pointer
}

// slotPair is the pooled scratch of a node: one for a value behind an
// interface, one for the iteration when it is a map.
type slotPair struct {
	value valueSlot
	entry mapSlot
}

// The methods below need the whole graph of the type.

func (n *node) isReference() bool {
	return n.form == formPointer || n.form == formSlice || n.form == formMap
}

// isString reports whether a value of n is a string that is compared as it is.
func (n *node) isString() bool { return n.code == opString && n.form == formLeaf }

// children returns the nodes that a value of n may contain.
func (n *node) children() []*node {
	var out []*node
	if n.key != nil {
		out = append(out, n.key)
	}
	if n.elem != nil {
		out = append(out, n.elem)
	}
	for _, f := range n.fields {
		if f.node != nil {
			out = append(out, f.node)
		}
	}
	return out
}

// mayRecur reports whether a value of n can lead back to itself: its type contains itself,
// or an interface, which may hold anything.
func (n *node) mayRecur() bool {
	seen := map[*node]bool{}
	todo := n.children()
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if m == n || m.form == formInterface {
			return true
		}
		if !seen[m] {
			seen[m] = true
			todo = append(todo, m.children()...)
		}
	}
	return false
}
