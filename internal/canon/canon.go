package canon

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/known"
)

// Defaults and bounds of [Config].
const (
	DefaultMaxDepth = 1000
	DefaultMaxBytes = 1 << 20
	maxMaxBytes     = 1 << 30
	maxMaxDepth     = 100_000 // a level takes about 1 KB of stack, of which Go allows 1 GB
)

// Config of a plan. The zero value is right for nearly everyone.
type Config struct {
	// HashFuncs maps a type to the function whose result stands for its values
	// in the key. The type must match exactly; it may stand at any depth and
	// behind interfaces. The function is called once per occurrence and gets a
	// shallow copy, which it must not write through; it must be safe for
	// concurrent use and give equal results for equal values. The result may
	// be of any type; no HashFunc applies inside it. Default nil: none.
	HashFuncs map[reflect.Type]func(any) (any, error)
	// Trusted lists types of other modules whose private data is compared as
	// that of the program's own types, with all that they consist of. Default
	// nil: none. Nil entries and types of the standard library are errors.
	Trusted []reflect.Type
	// MaxDepth is how deep interfaces and the references of recursive types
	// may nest in a value before it has no key. Default 0: 1000. At most
	// 100,000; negatives are refused.
	MaxDepth int
	// MaxBytes is how many canonical bytes a value may have before it has no
	// key; for a K of kind string it is the length of the string, which
	// [Plan.TextFits] checks. Default 0: 1 MiB. At most 1 GiB; negatives are refused.
	MaxBytes int
}

// Shape says in which form a key identifies best.
type Shape uint8

const (
	// Word is plain data of at most eight bytes without padding, pointers and
	// floats; [Plan.Word] is the identity.
	Word Shape = iota + 1
	// Text is of kind string: the string itself is the identity.
	Text
	// Encoded is everything else: the canonical bytes of [Plan.Append] are the identity.
	Encoded
)

// String returns the name of s.
func (s Shape) String() string {
	switch s {
	case Word:
		return "Word"
	case Text:
		return "Text"
	case Encoded:
		return "Encoded"
	default:
		return "Shape(" + strconv.Itoa(int(s)) + ")"
	}
}

// Plan is the compiled identity of the type K. It is immutable and safe for
// concurrent use; the values that it is given must not change during a call.
type Plan[K any] struct {
	shape Shape
	root  *node
	c     *compiler
	prog  *program
	pool  sync.Pool // of *state[K]
	kind  uint64    // ShapeFingerprint of K
	flat  bool
}

// state is a walker and the key that it walks. The key is copied here so that
// the caller's does not escape to the heap.
type state[K any] struct {
	walker
	key K
}

// For compiles the plan of K. The error joins a *[TypeError] for every place
// in K that cannot identify anything, and whatever is wrong with cfg.
func For[K any](cfg Config) (*Plan[K], error) {
	var errs []error
	if cfg.MaxDepth < 0 || cfg.MaxDepth > maxMaxDepth {
		errs = append(errs, fmt.Errorf("canon: MaxDepth %d: use 0 for %d, or up to %d", cfg.MaxDepth, DefaultMaxDepth, maxMaxDepth))
	}
	if cfg.MaxBytes < 0 || cfg.MaxBytes > maxMaxBytes {
		errs = append(errs, fmt.Errorf("canon: MaxBytes %d: use 0 for %d, or up to %d", cfg.MaxBytes, DefaultMaxBytes, maxMaxBytes))
	}
	for t, fn := range cfg.HashFuncs {
		if t == nil || fn == nil {
			errs = append(errs, fmt.Errorf("canon: HashFuncs[%v]: neither the type nor the function may be nil", t))
		}
	}
	if err := known.Check("canon: Trusted", cfg.Trusted); err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	if cfg.MaxDepth == 0 {
		cfg.MaxDepth = DefaultMaxDepth
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	cfg.HashFuncs = maps.Clone(cfg.HashFuncs)
	t := reflect.TypeFor[K]()
	p := &Plan[K]{flat: flat(t), kind: ShapeFingerprint(t)}
	p.c = newCompiler(cfg, t.PkgPath())
	p.root = p.c.compile(variant{t: t})
	for _, e := range p.root.bad {
		errs = append(errs, &TypeError{Path: p.path() + e.Path, Type: e.Type, Reason: e.Reason})
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	p.prog = p.root.program
	p.shape = Encoded
	if size, ok := p.root.word(); ok && size <= 8 {
		p.shape = Word
	} else if p.root.form == formLeaf && p.root.code == opString {
		p.shape = Text
	}
	p.pool.New = func() any { return &state[K]{walker: walker{c: p.c}} }
	return p, nil
}

// path is what paths in errors begin with.
func (p *Plan[K]) path() string {
	if name := p.root.t.Name(); name != "" {
		return name
	}
	return "key"
}

// Shape returns the form in which a K identifies best.
func (p *Plan[K]) Shape() Shape { return p.shape }

// TypeName returns the name of K, with its full package path if it has one of its own.
func (p *Plan[K]) TypeName() string {
	t := p.root.t
	if t.PkgPath() == "" {
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}

// Flat reports whether a copy of a K by assignment shares nothing mutable with
// the original: there are no slices, maps, pointers or interfaces in it, those
// inside time.Time, netip.Addr and unique.Handle excepted.
func (p *Plan[K]) Flat() bool { return p.flat }

// Word returns the bytes of *k as a number, without an allocation. It may be
// called only for the shape [Word].
func (p *Plan[K]) Word(k *K) uint64 {
	if p.shape != Word {
		panic("canon: Word called for a key of shape " + p.shape.String())
	}
	var word uint64
	// Sound: the shape Word means that K has at most eight bytes and no
	// pointers, so it fits in word, which is aligned for every type of that size.
	*(*K)(unsafe.Pointer(&word)) = *k
	return word
}

// OfWord returns the K of which [Plan.Word] makes word. It may be called only
// for the shape [Word].
func (p *Plan[K]) OfWord(word uint64) K {
	if p.shape != Word {
		panic("canon: OfWord called for a key of shape " + p.shape.String())
	}
	// Sound for the same reason as in Word; whatever Word made is a K.
	return *(*K)(unsafe.Pointer(&word))
}

// OfText returns the K that s is. It may be called only for the shape [Text].
func (p *Plan[K]) OfText(s string) K {
	if p.shape != Text {
		panic("canon: OfText called for a key of shape " + p.shape.String())
	}
	// Sound for the same reason as in Text.
	return *(*K)(unsafe.Pointer(&s))
}

// Text returns the string that *k is, without an allocation. It may be called
// only for the shape [Text].
func (p *Plan[K]) Text(k *K) string {
	if p.shape != Text {
		panic("canon: Text called for a key of shape " + p.shape.String())
	}
	// Sound: the shape Text means that K's underlying type is string.
	return *(*string)(unsafe.Pointer(k))
}

// TextFits returns a *[ValueError] if the string that *k is is longer than
// Config.MaxBytes. It may be called only for the shape [Text].
func (p *Plan[K]) TextFits(k *K) error {
	if len(p.Text(k)) <= p.c.cfg.MaxBytes {
		return nil
	}
	return (&ValueError{Type: p.root.t, Reason: tooLarge(p.c.cfg.MaxBytes), Err: ErrTooLarge}).finish(p.path())
}

// Append appends the canonical bytes of *k to dst: two values of K have the
// same bytes exactly if they are equal as data. It works for every shape. The
// error is a *[ValueError]; dst is then returned as it was.
//
// It does not allocate when dst has room, except for what user code (HashFuncs,
// String, Includable, IncludableMap) needs.
func (p *Plan[K]) Append(dst []byte, k *K) ([]byte, error) {
	if p.prog != nil {
		limit := len(dst) + p.c.cfg.MaxBytes
		out, bad := p.prog.append(dst, unsafe.Pointer(k), limit)
		if bad == nil && len(out) <= limit {
			return out, nil
		}
		err := &ValueError{Type: p.root.t, Reason: tooLarge(p.c.cfg.MaxBytes), Err: ErrTooLarge}
		if bad != nil {
			err.Type = bad.t
			err = err.at(bad.path)
		}
		return dst, err.finish(p.path())
	}
	s := p.begin(dst, k)
	_, err := s.run(p.root)
	out := s.buf
	p.end(s)
	if err != nil {
		return dst, err.finish(p.path())
	}
	return out, nil
}

// Fingerprint returns the 64-bit hashstructure hash (FormatV2) of k. Keys with
// equal canonical bytes have equal fingerprints, but not the other way round:
// use it as a short name, never as an identity. It costs microseconds.
//
// It is the very result of hashstructure.Hash where that is sound. It differs
// where hashstructure has no answer or more than one: HashFuncs stand for their
// types, all NaNs are one, bytes beyond 32 are hashed by their digest, cycles
// end, lists of elements without data are hashed by their length, uintptr and
// complex128 have a hash, so do times with impossible offsets, and methods with pointer receivers count wherever
// the value stands. User code runs once for both the check and the hash.
func (p *Plan[K]) Fingerprint(k K) (uint64, error) {
	s := p.begin(nil, &k)
	s.hashing = true
	h, err := s.run(p.root)
	p.end(s)
	if err != nil {
		return 0, err.finish(p.path())
	}
	return h, nil
}

// StoreName returns the name of k in a shared store and the bytes that
// identify it there, which the store's reader must compare: names can collide.
// The name is the fingerprint, "-" and the first 16 bytes of the SHA-256 of
// canonical, in hex. canonical is the [ShapeFingerprint] of K in eight bytes,
// so that a changed K finds nothing of the old one, and then what Append gives.
func (p *Plan[K]) StoreName(k K) (name string, canonical []byte, err error) {
	s := p.begin(binary.BigEndian.AppendUint64(nil, p.kind), &k)
	s.hashing = true
	h, verr := s.run(p.root)
	canonical = s.buf
	p.end(s)
	if verr != nil {
		return "", nil, verr.finish(p.path())
	}
	sum := sha256.Sum256(canonical)
	return fmt.Sprintf("%016x-%x", h, sum[:16]), canonical, nil
}

func (p *Plan[K]) begin(dst []byte, k *K) *state[K] {
	s := p.pool.Get().(*state[K])
	s.key = *k
	s.buf = dst
	s.limit = len(dst) + p.c.cfg.MaxBytes
	return s
}

// run encodes the key of the state.
func (s *state[K]) run(root *node) (uint64, *ValueError) {
	h, err := s.encode(root, unsafe.Pointer(&s.key), false)
	if err == nil && !s.room(0) {
		err = s.fail(root.t, ErrTooLarge)
	}
	return h, err
}

// end gives the state back, without what it held of the caller's.
func (p *Plan[K]) end(s *state[K]) {
	var zero K
	s.key = zero
	s.buf = nil
	s.depth = 0
	s.hashing = false
	s.owner = owner{}
	clear(s.path)
	clear(s.places)
	s.path, s.spans = s.path[:0], s.spans[:0]
	p.pool.Put(s)
}
