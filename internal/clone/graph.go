package clone

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/known"
)

// Config says how values of one type are copied. The zero value is ready to use.
type Config struct {
	// Immutable lists types that are shared instead of copied, in addition to the built-in ones. By listing a type
	// the caller promises that nobody writes to what its values refer to. An interface type shares whatever it holds.
	// Default: none; nil entries are an error.
	Immutable []reflect.Type

	// Trusted lists types of other modules, or of packages of this one, that are copied like types of the program
	// itself: by their method Clone if they have one, else field by field, including the types of their fields.
	// Default: none; nil entries and types of the standard library are errors.
	Trusted []reflect.Type

	// Strings copies the bytes of strings, too. Set it if strings may lie over a buffer that is used again. Default:
	// false.
	Strings bool

	// Keep reports which fields of structs are assigned instead of copied, of any type. Default nil: none.
	Keep func(reflect.StructField) bool

	// Drop reports which fields of structs are left zero in the copy. It takes precedence over Keep. Default nil:
	// none.
	Drop func(reflect.StructField) bool

	// MaxBytes bounds the bytes that one copy may allocate, by estimate. 0: DefaultMaxBytes (1 GiB). Negative is an error.
	MaxBytes int

	// MaxNodes bounds the pointers, slices, maps and interface contents that one copy may hold.
	// 0: DefaultMaxNodes (67,108,864). Negative is an error.
	MaxNodes int
}

// Defaults of [Config].
const (
	DefaultMaxBytes = 1 << 30
	DefaultMaxNodes = 1 << 26
)

// role is the way in which values of a type are copied.
type role uint8

const (
	roleShared    role = iota // assignment: no references, or immutable
	roleRefused               // cannot be copied
	roleMethod                // by methods of its own
	roleSpecial               // by code for this one type
	roleString                // with Config.Strings
	rolePointer               // a new target
	roleSlice                 // a new array
	roleMap                   // a new map
	roleStruct                // its fields in place
	roleArray                 // its elements in place
	roleInterface             // by the plan of its dynamic type
	roleDropped               // zero: see Config.Drop
)

// node is the plan of one type. Nodes form a graph with the shape of the type: one node per type, cycles included.
// A node is immutable once it is linked.
type node struct {
	typ    reflect.Type
	kind   reflect.Kind
	role   role
	flat   bool       // copying is assignment
	reason string     // roleRefused: why
	fact   known.Fact // how its own methods copy it; [known.Structure]: by Clone
	opaque bool       // the plan does not look into its fields
	elem   *node      // pointer, slice, array: what it holds; map: its values
	key    *node      // map
	fields []edge     // struct

	dom     *domain
	outside bool // a value may refer to memory outside itself: strings count
	tracked bool // two paths may lead to one target: remember the copy of each
	deep    bool // part of a cycle of types: count the depth
	direct  bool // an interface holds the value itself, not a pointer to it
	holds   bool // pointers may lead into the middle of the memory that a value refers to; see notes
	leads   bool // a value may lead into the middle of the memory that another value refers to

	outs     []part                                           // the parts of a value that may refer to memory outside of it
	mem      memory                                           // typed memory for values of typ
	fix      func(p unsafe.Pointer, s *state)                 // replaces the references in the shallow copy at p; nil when flat
	inside   func(p unsafe.Pointer, count int, s *state)      // slice: how its elements are copied, if not each by itself
	cloneMap func(src unsafe.Pointer) unsafe.Pointer          // map without references: a copy of it
	mk       func(n int) unsafe.Pointer                       // other maps: a new one with room for n
	put      func(dst, src unsafe.Pointer, n *node, s *state) // other maps: copies the entries of src into dst
}

// edge is a field of a struct.
type edge struct {
	name string
	off  uintptr
	to   *node
}

// part is a value with references inside a struct or an array.
type part struct {
	off uintptr
	n   *node
}

// memory allocates values of one type.
type memory struct {
	size uintptr
	// clone returns new memory with the n values at src in it, shallow.
	clone func(s *state, src unsafe.Pointer, n int) unsafe.Pointer
	// alloc returns new memory for n values.
	alloc func(s *state, n int) unsafe.Pointer
	// slice is the fix of a slice of such values that are flat and not tracked: the most frequent part of all.
	slice func(of *node) func(p unsafe.Pointer, s *state)
	// carve copies into a block. Like slice it is nil for types that only reflection can allocate.
	carve func(a *arena, p unsafe.Pointer, stride uintptr, count, total int)
}

// arena is a set of slice fields of one element type, which the elements of a slice hold.
type arena struct {
	of    *node // the slice type of the fields
	offs  []uintptr
	small int // elements of a slice that is copied into a block
	carve func(a *arena, p unsafe.Pointer, stride uintptr, count, total int)
}

// block is memory of the original to which pointers and slices lead. Its addresses are valid while the original is alive.
type block struct {
	lo, hi uintptr
	of     *node          // the type of its elements
	by     *node          // the type of a pointer or slice that leads to it
	copied unsafe.Pointer // its place in the copy
}

// domain is a set of types whose values can be one and the same object, such as *T and a named type of it.
type domain struct {
	id   uint64
	in   int  // paths that lead here
	many bool // more than one value of this kind can be in one value of the root
}

// compiler holds the nodes of one plan: those of V, and those of the dynamic types that interfaces turned out to hold.
type compiler struct {
	cfg       Config
	types     *known.Types
	immutable map[reflect.Type]bool

	mu      sync.Mutex
	nodes   map[reflect.Type]*node
	domains map[reflect.Type]*domain
	fresh   []*node // made by the running compile, not linked yet
	open    bool    // an interface is reachable: anything may be anywhere

	dynamic sync.Map // reflect.Type -> *dynamicType, ready to use
}

// dynamicType is the plan of a type that a copy has met behind an interface.
type dynamicType struct {
	n   *node
	err *TypeError
	dom *domain // if the type is a pointer or a map
}

// state is the working memory of one copy.
type state struct {
	c    *compiler
	seen seenTable

	careful bool // blocks are set or notes are taken, so each reference calls meets
	noting  bool // notes are taken
	notes   notes

	supposed bool // the value is copied as if it were a tree, which runs tell
	runs     []run

	blocks []block // of a copy by [Untyped.CopyInside], by their addresses
	spare  []block // memory for them
	tree   bool    // no two references lead to one place, so targets are not remembered
	shared bool    // two references have led to one place, or may have

	refs     []reference // collected by targets.fix
	unplaced int         // how many targets of refs have no copy yet

	bytes, nodes int // what is left of the limits; negative once the copy has failed
	depth, floor int // references followed in all, and at the start of this item of the work list
	inKey        bool
	pending      []pending
	text         string // what is left of the text of [Untyped.CopyOver]
	err          *ValueError

	from, to header // used by cloneReflected alone, during one call
}

// pending is an item of the work list: the values at p, which are shallow copies, or the entries of a map.
type pending struct {
	n     *node
	p     unsafe.Pointer
	src   unsafe.Pointer // map: the original
	count int
	depth int
}

// seenTable remembers which copy was made of which original: a hash table with open addressing, at most five eighths full.
type seenTable struct {
	slots []seenSlot // length is a power of two
	n     int
	moved bool // the slots have moved since this was set to false
}

// seenSlot holds the address as a number, so the table does not keep the original alive. The user of the table must.
type seenSlot struct {
	addr uintptr
	tag  uint64
	copy unsafe.Pointer
}

// notes record where the references of a value lead while it is copied, to find out whether one leads into the middle of
// another part. In most values none does. So notes record less than findBlocks: the memory into whose middle pointers of
// the type could lead, and the targets of such pointers.
type notes struct {
	holders []extent // memory that has, in its middle, values of a type that pointers lead to
	targets []extent // the targets of such pointers
}

// extent is memory that a reference leads to.
type extent struct {
	lo, hi uintptr
	tag    uint64 // of the reference: pointers with one tag and one address share the target and its copy
	slice  bool   // the reference is a slice
}

// header is the representation of a slice.
type header struct {
	data     unsafe.Pointer
	len, cap int
}

// face is the representation of an interface: its type, and its value or a pointer to it.
type face struct{ typ, data unsafe.Pointer }

func (cfg Config) validate() error {
	var errs []error
	for i, t := range cfg.Immutable {
		if t == nil {
			errs = append(errs, fmt.Errorf("clone: Config.Immutable[%d] is nil: name a type with reflect.TypeFor", i))
		}
	}
	errs = append(errs, known.Check("clone: Config.Trusted", cfg.Trusted))
	for _, f := range []struct {
		name  string
		value int
	}{{"MaxBytes", cfg.MaxBytes}, {"MaxNodes", cfg.MaxNodes}} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("clone: Config.%s is %d: use 0 for the default or a positive limit", f.name, f.value))
		}
	}
	return errors.Join(errs...)
}

// sliceTag tells slices of different lengths over one array apart.
func (n *node) sliceTag(length int) uint64 { return n.dom.id | uint64(length)<<24 }

// pointer reports whether n is a pointer whose target is copied.
func (n *node) pointer() bool {
	return n.typ.Kind() == reflect.Pointer && !n.flat && n.role != roleDropped
}

// open reports whether n is an interface whose contents are copied: it may hold anything.
func (n *node) open() bool {
	return n.typ.Kind() == reflect.Interface && !n.flat && n.role != roleDropped
}

// parts yields the nodes that the copy of an n leads to, with the number of values of each (2 stands for many). It yields
// nothing for types that are not copied by the plan.
func (n *node) parts(yield func(to *node, step string, count int)) {
	switch n.role {
	case rolePointer:
		yield(n.elem, "", 1)
	case roleSlice:
		yield(n.elem, "[]", 2)
	case roleArray:
		yield(n.elem, "[]", n.typ.Len())
	case roleMap:
		yield(n.key, "[key]", 2)
		yield(n.elem, "[]", 2)
	case roleStruct:
		for _, e := range n.fields {
			yield(e.to, "."+e.name, 1)
		}
	}
}

// reachable lists the nodes that copying root leads to, root included.
func (c *compiler) reachable(root *node) []*node {
	var all []*node
	seen := map[*node]bool{}
	var walk func(n *node)
	walk = func(n *node) {
		if n.flat || seen[n] {
			return
		}
		seen[n] = true
		all = append(all, n)
		n.parts(func(to *node, _ string, _ int) { walk(to) })
	}
	walk(root)
	return all
}

// fieldsOf yields the fields of a struct type.
func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}
