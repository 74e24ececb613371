package cachedata

import (
	"iter"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/maypok86/otter/v2"
)

// engine holds the entries of one era: a concurrent map with a bound, which
// evicts by adaptive W-TinyLFU. It is the only place that knows otter, and uses
// it as a store only: this package does expiry, loading and clearing.
//
// otter runs its maintenance in short-lived goroutines of its own; without an
// expiry calculator it keeps none.
type engine struct {
	books                // whichever of the two is in use
	words unsafe.Pointer // if keys are words: a *book[uint64]; see [wordsOf]
	texts unsafe.Pointer // if they are not: a *book[string]; see [textBook]
	unit  int64          // bytes per unit of weight, above 1 if the bound needs more than 32 bits; 0: each entry weighs 1
}

// books finds entries by their ids.
type books interface {
	// get returns id's entry, or nil, without a lock.
	get(id id) *entry
	// set stores e under id and returns what it replaced, or nil.
	set(id id, e *entry) *entry
	// remove drops id's entry and returns it, or nil.
	remove(id id) *entry
	// removeIf drops id's entry if it is e, and reports whether it was.
	removeIf(id id, e *entry) bool
	// all iterates over the entries. It yields each entry that exists during the
	// whole iteration, or one that has replaced it. It blocks no other call.
	all() iter.Seq2[id, *entry]
	// len returns about how many entries there are.
	len() int
	// limit bounds the weight of the engine from now on. When it returns, it has
	// evicted the entries that are too many.
	limit(weight int64)
	// release drops all entries in constant time, without calling gone. From then
	// on set and queue do nothing.
	release()

	// queue makes overdue return e at that time, unless the time is never.
	queue(id id, e *entry, at int64)
	// unqueue takes e out of the queue, if it is in.
	unqueue(e *entry)
	// overdue takes some entries out of the queue whose time has come by now,
	// earliest first, and returns the time of the next one, or never.
	overdue(now int64) (taken []numbered, next int64)
	// queued is how many entries are in the queue.
	queued() int
}

// starter makes books ready, as a part of g.
type starter interface {
	books
	start(g *engine, most bounds, gone func(id id, e *entry, evicted bool))
}

// wordsOf returns the function that makes the words of an engine, twice, or nil if K
// is too large for a word. A program whose keys are no words does not link otter's code
// for them: only this function and [core.lookupWord] name their type. A field of that
// type would be enough for the linker to keep its methods.
func wordsOf[K any]() func() (unsafe.Pointer, starter) {
	var key K
	if unsafe.Sizeof(key) > wordSize { // a constant: the compiler drops the rest of the function
		return nil
	}
	return newWords
}

// newWords is no function literal: otter's code for words is compiled here, and
// not once more in each package that makes a cache.
func newWords() (unsafe.Pointer, starter) {
	b := new(book[uint64])
	return unsafe.Pointer(b), b
}

// wordSize is the size of the largest keys that are words.
const wordSize = unsafe.Sizeof(uint64(0))

// numbered is an entry with its id.
type numbered struct {
	id    id
	entry *entry
}

// bounds are what an engine holds at most.
type bounds struct {
	entries int   // used if there is no bound on bytes
	bytes   int64 // 0: no bound
}

// trackedFrom is the capacity with which an engine that counts bytes begins to
// record how often entries are used. An engine that counts entries begins when it
// is half full, because it evicts nothing before.
const trackedFrom = 1024

// start makes g ready; words is nil if entries are identified by texts. A burst may
// exceed the bound for a moment. The engine calls gone for each entry that leaves,
// evicted or not, under locks of otter: gone must be short and not use the engine.
func (g *engine) start(words func() (unsafe.Pointer, starter), most bounds, gone func(id id, e *entry, evicted bool)) {
	if most.bytes > 0 {
		g.unit = most.bytes>>32 + 1 // weights have 32 bits
	}
	var in starter
	if words != nil {
		g.words, in = words()
	} else {
		b := new(book[string])
		g.texts, in = unsafe.Pointer(b), b
	}
	g.books = in
	in.start(g, most, gone)
}

// weight returns the weight of an entry with so many bytes.
func (g *engine) weight(bytes int64) int64 {
	if g.unit == 0 {
		return 1
	}
	return (max(bytes, 1)-1)/g.unit + 1
}

// textBook returns the entries by texts of g. The field has no type because every
// package that makes a cache sees what a core consists of, and the compiler makes
// in it the methods of each generic type that it sees: all of otter.
func textBook(g *engine) *book[string] { return (*book[string])(g.texts) }

// view returns the entry of a text, or nil.
func (g *engine) view(text []byte) *entry {
	// Sound: the string is used for this lookup only, which keeps no reference
	// to it, and the bytes do not change before it is over.
	return textBook(g).find(unsafe.String(unsafe.SliceData(text), len(text)))
}

// stored is view that also returns the engine's own copy of the text.
func (g *engine) stored(text []byte) (string, *entry) {
	c := textBook(g).cache.Load()
	if c == nil {
		return "", nil
	}
	// Sound as in view.
	e, _ := c.GetEntryQuietly(unsafe.String(unsafe.SliceData(text), len(text)))
	return e.Key, e.Value
}

// book implements books.
type book[I word] struct {
	cache  atomic.Pointer[otter.Cache[I, *entry]] // nil once it is released
	expiry expiry[I]
}

func (b *book[I]) start(g *engine, most bounds, gone func(id id, e *entry, evicted bool)) {
	o := &otter.Options[I, *entry]{
		MaximumSize: most.entries,
		OnAtomicDeletion: func(d otter.DeletionEvent[I, *entry]) {
			gone(idOf(d.Key), d.Value, d.WasEvicted())
		},
	}
	if most.bytes > 0 {
		o.MaximumSize, o.MaximumWeight = 0, uint64(g.weight(most.bytes))
		o.Weigher = func(_ I, e *entry) uint32 { return uint32(min(g.weight(e.bytes()), math.MaxUint32)) }
		o.InitialCapacity = trackedFrom
	}
	b.cache.Store(otter.Must(o))
}

// find is get by the word or text alone.
func (b *book[I]) find(i I) *entry {
	c := b.cache.Load()
	if c == nil {
		return nil
	}
	e, _ := c.GetIfPresent(i)
	return e
}

func (b *book[I]) get(id id) *entry { return b.find(wordOf[I](id)) }

func (b *book[I]) set(id id, e *entry) *entry {
	c := b.cache.Load()
	if c == nil {
		return nil
	}
	old, inserted := c.Set(wordOf[I](id), e)
	if inserted {
		return nil
	}
	return old
}

func (b *book[I]) remove(id id) *entry {
	c := b.cache.Load()
	if c == nil {
		return nil
	}
	old, _ := c.Invalidate(wordOf[I](id))
	return old
}

func (b *book[I]) removeIf(id id, e *entry) bool {
	c := b.cache.Load()
	if c == nil {
		return false
	}
	removed := false
	c.ComputeIfPresent(wordOf[I](id), func(now *entry) (*entry, otter.ComputeOp) {
		if now != e {
			return now, otter.CancelOp
		}
		removed = true
		return nil, otter.InvalidateOp
	})
	return removed
}

func (b *book[I]) all() iter.Seq2[id, *entry] {
	return func(yield func(id, *entry) bool) {
		c := b.cache.Load()
		if c == nil {
			return
		}
		for i, e := range c.All() {
			if !yield(idOf(i), e) {
				return
			}
		}
	}
}

func (b *book[I]) len() int {
	c := b.cache.Load()
	if c == nil {
		return 0
	}
	return c.EstimatedSize()
}

func (b *book[I]) limit(weight int64) {
	if c := b.cache.Load(); c != nil {
		c.SetMaximum(uint64(weight))
	}
}

func (b *book[I]) release() {
	b.cache.Store(nil)
	b.expiry.release()
}

func (b *book[I]) queue(id id, e *entry, at int64) { b.expiry.add(wordOf[I](id), e, at) }

func (b *book[I]) unqueue(e *entry) { b.expiry.remove(e) }

func (b *book[I]) overdue(now int64) (taken []numbered, next int64) {
	due, next := b.expiry.popDue(now)
	for _, d := range due {
		taken = append(taken, numbered{idOf(d.id), d.entry})
	}
	return taken, next
}

func (b *book[I]) queued() int { return b.expiry.len() }
