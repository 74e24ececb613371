package visit

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Watch is a context that hides nothing and notes what of the visitor is read
// through it: the slots, what the program has declared to be the visitor's, and
// values that are a visitor's by their type. So the owner of a result knows
// whose it is. It is safe for concurrent use.
type Watch struct {
	context.Context
	reads    *Reads
	declared *Declaration

	seen atomic.Uint32 // bit set of slots
	mu   sync.Mutex
	keys []string // names of the other keys
}

// Watch returns a context with the values of parent, whose reads are noted in it
// and in r.
func (r *Reads) Watch(parent context.Context) *Watch {
	w := &Watch{Context: parent, reads: r}
	w.declared, _ = declarationOf(parent)
	return w
}

// Value implements context.Context.
func (w *Watch) Value(key any) any {
	v := w.Context.Value(key)
	if v == nil {
		return nil
	}
	switch key.(type) {
	case Slot:
		if _, masked := v.(*Mask); masked {
			return v
		}
		return w
	case RequestKey:
		return v
	}
	if w.declared.owns(key) || w.reads.note(w.Context, w.declared, key, v) {
		w.noteKey(nameOf(key))
	}
	return v
}

// Note notes for the owner of ctx, if there is one, that something was read or made
// which is that of one visitor.
func Note(ctx context.Context, what string) {
	if w, ok := ctx.Value(Session).(*Watch); ok {
		w.noteKey(what)
	}
}

// Note notes that a slot was read.
func (w *Watch) Note(s Slot) { w.seen.Or(1 << s) }

func (w *Watch) noteKey(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.keys) < mostReads && !slices.Contains(w.keys, name) {
		w.keys = append(w.keys, name)
	}
}

// Saw reports whether a slot was read.
func (w *Watch) Saw(s Slot) bool { return w.seen.Load()&(1<<s) != 0 }

// Keys returns the names of the keys of other values of the visitor's that were
// read.
func (w *Watch) Keys() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.keys)
}

// Carrier is what fills a slot with facts that come by cookies.
type Carrier interface {
	// Carries reports whether the facts come by the cookie of that name, and by
	// this slot alone: who reads them is noted.
	Carries(cookie string) bool
}

// Opener is what fills the slot [Session].
type Opener interface {
	// Opened reports whether the session of the request, or a message that waits for
	// the visitor, has been read.
	Opened() bool
}

// Summarizer is what fills the slot [Session].
type Summarizer interface {
	// Summarize returns a digest of the session of ctx and all that can be read of
	// it: what has the same is the same session, and nothing has been changed. Instead
	// of it there may be a reason why the session says not all. It reads the session.
	Summarize(ctx context.Context) (sum, why string)
}

// Shaper is what fills the slot [Info] once facts have been read.
type Shaper interface {
	// Shape returns the request headers that the facts which were read rest on,
	// and whether some rest on the visitor's address or cookies.
	Shape() (headers []string, personal bool)
}

// Cancels reports whether key is that under which contexts find who cancels them.
func Cancels(key any) bool { return key == cancelKey }
