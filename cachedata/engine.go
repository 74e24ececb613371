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
// it as a store only: expiry, loading and clearing are ours.
//
// otter runs its maintenance in short-lived goroutines of its own; without an
// expiry calculator it keeps none.
type engine struct {
	books              // whichever of the two is in use
	words wordBooks    // if keys are words
	texts book[string] // if they are not
	unit  int64        // how many bytes weigh 1: more if the bound needs more than 32 bits; 0: each entry weighs 1
}

// books are the entries by what identifies them.
type books interface {
	// get returns id's entry, or nil, without a lock.
	get(id id) *entry
	// set stores e under id and returns what it replaced, or nil.
	set(id id, e *entry) *entry
	// remove drops id's entry and returns it, or nil.
	remove(id id) *entry
	// removeIf drops id's entry if it is e, and reports whether it was.
	removeIf(id id, e *entry) bool
	// all iterates over the entries. It sees each that was there before it
	// began and is still there when it ends, or another one in its place; it
	// holds nothing up.
	all() iter.Seq2[id, *entry]
	// len returns about how many entries there are.
	len() int
	// limit makes the engine hold at most that weight from now on. What has to
	// leave has left when it returns.
	limit(weight int64)
	// release lets go of all entries, without calling gone, in constant time.
	// Nothing can be stored or queued any more: set is not heard.
	release()

	// queue has e looked at then, unless that is never.
	queue(id id, e *entry, at int64)
	// unqueue undoes that, if it has not been done.
	unqueue(e *entry)
	// overdue takes out of the queue some entries that are to be looked at by
	// now, earliest first, and returns when the next one is, or never.
	overdue(now int64) (taken []numbered, next int64)
	// queued is how many entries are in the queue.
	queued() int
}

// wordBooks are the entries by words. It is an interface so that a program whose
// keys are no words does not link otter's code for them; see [wordsOf].
type wordBooks interface {
	books
	// find is get for who has the word.
	find(word uint64) *entry
	// start makes the books ready, as a part of g.
	start(g *engine, most bounds, gone func(id id, e *entry, evicted bool))
}

// wordsOf returns what makes the wordBooks of a cache with keys of type K, or nil
// if K is too large for a word.
func wordsOf[K any]() func() wordBooks {
	var key K
	if unsafe.Sizeof(key) > unsafe.Sizeof(uint64(0)) { // known to the compiler: it drops what follows
		return nil
	}
	return func() wordBooks { return new(book[uint64]) }
}

// numbered is an entry with its id.
type numbered struct {
	id    id
	entry *entry
}

// bounds are what an engine holds at most.
type bounds struct {
	entries int   // if there is no bound on bytes
	bytes   int64 // 0: any number
}

// trackedFrom is for how many entries an engine that counts bytes notes from the
// beginning how often each is used; others begin when they are half full, as
// they evict nothing before.
const trackedFrom = 1024

// start makes g ready; words is nil if entries are identified by texts. A burst may exceed its bound for a moment. gone is called
// for each entry that leaves, evicted or not, under locks of otter: it must be
// short and not use the engine.
func (g *engine) start(words func() wordBooks, most bounds, gone func(id id, e *entry, evicted bool)) {
	if most.bytes > 0 {
		g.unit = most.bytes>>32 + 1 // weights have 32 bits
	}
	if words != nil {
		g.words = words()
		g.books = g.words
		g.words.start(g, most, gone)
	} else {
		g.books = &g.texts
		g.texts.start(g, most, gone)
	}
}

// weight is what an entry of so many bytes weighs.
func (g *engine) weight(bytes int64) int64 {
	if g.unit == 0 {
		return 1
	}
	return (max(bytes, 1)-1)/g.unit + 1
}

// view returns the entry of a text, or nil.
func (g *engine) view(text []byte) *entry {
	// Sound: the string is used for this lookup only, which keeps no reference
	// to it, and the bytes do not change before it is over.
	return g.texts.find(unsafe.String(unsafe.SliceData(text), len(text)))
}

// stored is view, and also returns the text as the engine has it, which is ours.
func (g *engine) stored(text []byte) (string, *entry) {
	c := g.texts.cache.Load()
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

// find is get for who has the very word or text.
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
