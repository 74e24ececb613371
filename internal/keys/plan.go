package keys

import (
	"errors"
	"maps"
	"reflect"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

// Plan is the compiled identity of a type of keys. It takes addresses of values
// of that type and does not keep them, so the variables may stay on the stack. It
// is immutable and safe for concurrent use; the values must not change during a
// call.
type Plan struct {
	shape Shape
	root  *node
	c     *compiler
	prog  *program
	pool  *sync.Pool // of *state
	t     raw.Type
	words uintptr // the bytes of a key of the shape Word that is aligned like a number of this size; else 0
	flat  bool
}

// state is a walker, and the address of a copy of the key that it walks. The copy keeps
// the caller's key from escaping to the heap.
type state struct {
	walker
	at unsafe.Pointer
}

// Compile compiles the plan of t. cfg must be valid. The error joins a
// *[TypeError] for every place in t that cannot identify anything.
func Compile(t reflect.Type, cfg Config) (*Plan, error) {
	if cfg.MaxDepth == 0 {
		cfg.MaxDepth = DefaultMaxDepth
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	cfg.HashFuncs = maps.Clone(cfg.HashFuncs)
	p := &Plan{t: raw.Of(t), flat: flat(t)}
	p.c = newCompiler(cfg, t.PkgPath())
	p.root = p.c.compile(variant{t: t})
	var errs []error
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
		if t.Align() == int(size) {
			p.words = size
		}
	} else if p.root.form == formLeaf && p.root.code == opString {
		p.shape = Text
	}
	p.pool = &sync.Pool{New: func() any { return &state{walker: walker{c: p.c}, at: p.t.New()} }}
	return p, nil
}

// path returns the first element of paths in errors.
func (p *Plan) path() string {
	if name := p.root.t.Name(); name != "" {
		return name
	}
	return "key"
}

// Shape returns the form in which keys are compared.
func (p *Plan) Shape() Shape { return p.shape }

// TypeName returns the name of the type, with its full package path if it is a
// named type.
func (p *Plan) TypeName() string {
	t := p.root.t
	if t.PkgPath() == "" {
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}

// Flat reports whether a copy of a key by assignment shares nothing mutable with
// the original: it contains no slices, maps, pointers or interfaces, except for
// those inside time.Time, netip.Addr and unique.Handle.
func (p *Plan) Flat() bool { return p.flat }

// Word returns the bytes of *k as a number, without an allocation. It may be
// called only for the shape [Word].
func (p *Plan) Word(k unsafe.Pointer) uint64 {
	// Sound: the shape Word means that the type has so many bytes and no
	// pointers.
	if p.words == 8 {
		return *(*uint64)(k)
	}
	return p.shortWord(k)
}

// shortWord is Word for types that are not one aligned word.
func (p *Plan) shortWord(k unsafe.Pointer) (word uint64) {
	p.must(Word)
	if p.words == 4 {
		*(*uint32)(unsafe.Pointer(&word)) = *(*uint32)(k)
		return word
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&word)), 8), unsafe.Slice((*byte)(k), p.root.t.Size()))
	return word
}

// OfWord returns the address of the key whose [Plan.Word] is *word. The address
// is word itself. It may be called only for the shape [Word].
func (p *Plan) OfWord(word *uint64) unsafe.Pointer {
	p.must(Word)
	// Sound for the same reason as in Word: a word has room for the key, is
	// aligned for every type of that size, and the key's bytes come first.
	return unsafe.Pointer(word)
}

// OfText returns the address of the key whose [Plan.Text] is *s. The address is s
// itself. It may be called only for the shape [Text].
func (p *Plan) OfText(s *string) unsafe.Pointer {
	p.must(Text)
	// Sound for the same reason as in Text.
	return unsafe.Pointer(s)
}

// Text returns the string that *k is, without an allocation. It may be called
// only for the shape [Text].
func (p *Plan) Text(k unsafe.Pointer) string {
	p.must(Text)
	// Sound: the shape Text means that the type's underlying type is string.
	return *(*string)(k)
}

// TextFits returns a *[ValueError] if the string that *k is is longer than
// Config.MaxBytes. It may be called only for the shape [Text].
func (p *Plan) TextFits(k unsafe.Pointer) error {
	if len(p.Text(k)) <= p.c.cfg.MaxBytes {
		return nil
	}
	return (&ValueError{Type: p.root.t, Reason: tooLarge(p.c.cfg.MaxBytes), Err: ErrTooLarge}).finish(p.path())
}

// must panics if keys have another shape.
func (p *Plan) must(s Shape) {
	if p.shape != s {
		panic("keys: a key of shape " + p.shape.String() + " was taken for one of shape " + s.String())
	}
}

// Append appends the canonical bytes of *k to dst: two values of the type have the
// same bytes exactly if they are equal as data. It works for every shape. The
// error is a *[ValueError]; dst is then returned as it was.
//
// It does not allocate when dst has room, except for what user code (HashFuncs,
// String, Includable, IncludableMap) needs.
func (p *Plan) Append(dst []byte, k unsafe.Pointer) ([]byte, error) {
	if p.prog != nil {
		limit := len(dst) + p.c.cfg.MaxBytes
		out, bad := p.prog.append(dst, k, limit)
		if bad == nil && len(out) <= limit {
			return out, nil
		}
		err := &ValueError{Type: p.root.t, Reason: tooLarge(p.c.cfg.MaxBytes), Err: ErrTooLarge}
		if bad != nil {
			err.Type = bad.t.Type
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

// Fingerprint returns the 64-bit hashstructure hash (FormatV2) of *k. Keys with
// equal canonical bytes have equal fingerprints, but not the other way round:
// use it as a short name, never as an identity. It costs microseconds.
//
// It equals the result of hashstructure.Hash where that is well defined. It
// differs where hashstructure has no result or several: HashFuncs replace their
// types, all NaNs are equal, bytes beyond 32 are hashed by their digest, cycles
// end, lists of elements without data are hashed by their length, uintptr and
// complex128 have a hash, so do times with impossible offsets, and methods with
// pointer receivers count wherever the value stands. User code runs once for both
// the check and the hash.
func (p *Plan) Fingerprint(k unsafe.Pointer) (uint64, error) {
	s := p.begin(nil, k)
	s.hashing = true
	h, err := s.run(p.root)
	p.end(s)
	if err != nil {
		return 0, err.finish(p.path())
	}
	return h, nil
}

func (p *Plan) begin(dst []byte, k unsafe.Pointer) *state {
	s := p.pool.Get().(*state)
	p.t.Move(s.at, k)
	s.buf = dst
	s.limit = len(dst) + p.c.cfg.MaxBytes
	return s
}

// run encodes the key of the state.
func (s *state) run(root *node) (uint64, *ValueError) {
	h, err := s.encode(root, s.at, false)
	if err == nil && !s.room(0) {
		err = s.fail(root.t, ErrTooLarge)
	}
	return h, err
}

// end returns the state to the pool, without references to the caller's data.
func (p *Plan) end(s *state) {
	p.t.Clear(s.at)
	s.buf = nil
	s.depth = 0
	s.hashing = false
	s.owner = owner{}
	clear(s.path)
	clear(s.places)
	s.path, s.spans = s.path[:0], s.spans[:0]
	p.pool.Put(s)
}
