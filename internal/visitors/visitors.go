// Package visitors keeps one thing per visitor for as long as the visitor's
// session lives: a part of a cache, or of a pool of resources.
//
// A part is made on first use. It is removed when its session ends or expires, when
// there are too many visitors, or when all parts are dropped. Each removed part is
// passed to the owner exactly once. Finding a part takes no lock that visitors
// share.
package visitors

import (
	"errors"
	"iter"
	"math"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/visit"
)

// ErrClosed says that the registry takes no visitors any more.
var ErrClosed = errors.New("visitors: closed")

// Cause says why a part has left.
type Cause uint8

// The causes.
const (
	Ended   Cause = iota // the session has ended
	Expired              // its time is over
	Crowded              // too many others were there more recently
	Dropped              // Drop, Reset or Close
)

// Never is when nothing is due.
const Never = math.MaxInt64

// Config of a Registry. Neither function may be nil.
type Config[T any] struct {
	// Most bounds how many visitors are kept. Beyond it, the least recently used
	// ones are removed, some at a time. 0: no bound.
	Most int
	// Now is the time, in nanoseconds since any moment.
	Now func() int64
	// Make makes the part of a new visitor. It must be short, and may be called
	// for a part that is not used after all; Left is not called for that.
	Make func() T
	// Left is called once for each part that was removed, outside locks. Callers
	// that found the part before may still use it: what they put into it must not
	// be kept.
	Left func(T, Cause)
	// Due is called with the time at which the next visitor's session expires, on
	// the clock of Now, so that Sweep is called then. The time may be earlier than
	// needed.
	Due func(at int64)
}

// Registry keeps the parts. It is safe for concurrent use.
type Registry[T any] struct {
	cfg Config[T]
	now atomic.Pointer[generation[T]]
}

// generation is what there is between two resets.
type generation[T any] struct {
	visits sync.Map // of string to *stay[T]

	mu     sync.Mutex
	count  int
	closed bool // nobody comes in any more
}

// stay is one visitor.
type stay[T any] struct {
	id   string
	life visit.Lifetime
	part T
	in   *generation[T]
	used atomic.Int64 // by Now
	due  atomic.Int64 // by Now: when to ask life again; Never: not at all

	mu   sync.Mutex
	stop func() // takes back what life was asked to do; nil: not known yet
	left bool
}

// New returns an empty registry.
func New[T any](cfg Config[T]) *Registry[T] {
	r := &Registry[T]{cfg: cfg}
	r.now.Store(new(generation[T]))
	return r
}

// Of returns the part of the visitor with that life, making it if there is
// none. If the life is over, the part is one that nobody else finds and that
// has left already. The error is ErrClosed.
func (r *Registry[T]) Of(life visit.Lifetime) (T, error) {
	id, now := life.ID(), r.cfg.Now()
	for {
		g := r.now.Load()
		if g == nil {
			var none T
			return none, ErrClosed
		}
		if v, ok := g.find(id); ok {
			if r.isAlive(v, life, now) {
				v.used.Store(now)
				return v.part, nil
			}
			r.leave(v, Expired)
		}
		v := &stay[T]{id: id, life: life, part: r.cfg.Make(), in: g}
		v.used.Store(now)
		if !r.isAlive(v, life, now) {
			r.cfg.Left(v.part, Expired)
			return v.part, nil
		}
		if crowd, ok := g.enter(v, r.cfg.Most); ok {
			for _, out := range crowd {
				r.leave(out, Crowded)
			}
			r.follow(v)
			return v.part, nil
		}
		// Somebody was faster, or the generation is over.
	}
}

// Find returns the part of the visitor with that life if there is one, and
// makes none.
func (r *Registry[T]) Find(life visit.Lifetime) (part T, ok bool) {
	g := r.now.Load()
	if g == nil {
		return part, false
	}
	v, ok := g.find(life.ID())
	if !ok {
		return part, false
	}
	now := r.cfg.Now()
	if !r.isAlive(v, life, now) {
		r.leave(v, Expired)
		return part, false
	}
	v.used.Store(now)
	return v.part, true
}

// Drop drops the part of the visitor with that life: when it has returned, the
// visitor finds a new one.
func (r *Registry[T]) Drop(life visit.Lifetime) {
	g := r.now.Load()
	if g == nil {
		return
	}
	if v, ok := g.find(life.ID()); ok {
		g.exit(v) // also if somebody else is just about to do so
		r.leave(v, Dropped)
	}
}

// All iterates over the parts, in no order. It may be used while they change.
func (r *Registry[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		if g := r.now.Load(); g != nil {
			for v := range g.all() {
				if !yield(v.part) {
					return
				}
			}
		}
	}
}

// Len returns how many visitors there are.
func (r *Registry[T]) Len() int {
	g := r.now.Load()
	if g == nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count
}

// Reset drops all parts, in constant time: who comes from now on finds a new
// one. The caller then runs release, in its own time, which hands over the old
// ones. release must be run, once.
func (r *Registry[T]) Reset() (release func()) {
	for {
		old := r.now.Load()
		if old == nil {
			return func() {}
		}
		if r.now.CompareAndSwap(old, new(generation[T])) {
			return func() { r.release(old) }
		}
	}
}

// Close drops all parts and lets nobody in any more. It may be called several
// times.
func (r *Registry[T]) Close() {
	if old := r.now.Swap(nil); old != nil {
		r.release(old)
	}
}

// Sweep drops the parts whose time is over at now, and returns when that will
// next be so, or Never.
func (r *Registry[T]) Sweep(now int64) (next int64) {
	next = Never
	g := r.now.Load()
	if g == nil {
		return next
	}
	for v := range g.all() {
		if !r.isAlive(v, v.life, now) {
			r.leave(v, Expired)
			continue
		}
		next = min(next, v.due.Load())
	}
	return next
}

// isAlive reports whether v's time is not over, asking life about it when it
// may be.
func (r *Registry[T]) isAlive(v *stay[T], life visit.Lifetime, now int64) bool {
	if at := v.due.Load(); at != 0 && now < at {
		return true
	}
	deadline := life.Deadline()
	if deadline.IsZero() {
		v.due.Store(Never)
		return true
	}
	left := time.Until(deadline)
	if left <= 0 {
		return false
	}
	at := int64(Never)
	if int64(left) < Never-now {
		at = now + int64(left)
	}
	v.due.Store(at)
	r.cfg.Due(at)
	return true
}

// follow makes v leave when its life ends.
func (r *Registry[T]) follow(v *stay[T]) {
	stop := v.life.OnEnd(func() { r.leave(v, Ended) })
	v.mu.Lock()
	left := v.left
	v.stop = stop
	v.mu.Unlock()
	if left {
		stop()
	}
}

// leave takes v out and hands over its part, unless that was done already.
func (r *Registry[T]) leave(v *stay[T], cause Cause) {
	v.mu.Lock()
	again, stop := v.left, v.stop
	v.left = true
	v.mu.Unlock()
	if again {
		return
	}
	v.in.exit(v)
	if stop != nil {
		stop()
	}
	r.cfg.Left(v.part, cause)
}

func (r *Registry[T]) release(g *generation[T]) {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	for v := range g.all() {
		r.leave(v, Dropped)
	}
}

func (g *generation[T]) find(id string) (*stay[T], bool) {
	v, ok := g.visits.Load(id)
	if !ok {
		return nil, false
	}
	return v.(*stay[T]), true
}

func (g *generation[T]) all() iter.Seq[*stay[T]] {
	return func(yield func(*stay[T]) bool) {
		g.visits.Range(func(_, v any) bool { return yield(v.(*stay[T])) })
	}
}

// enter lets v in, unless its visitor is there already or the generation is
// over, and returns who has to leave for it.
func (g *generation[T]) enter(v *stay[T], most int) (crowd []*stay[T], ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, false
	}
	if _, there := g.visits.LoadOrStore(v.id, v); there {
		return nil, false
	}
	if g.count++; most == 0 || g.count <= most {
		return nil, true
	}
	// A scan of all for each newcomer would cost too much, so that one scan
	// finds those who make room for some more.
	for other := range g.all() {
		if other != v {
			crowd = append(crowd, other)
		}
	}
	sort.Sort(byUse[T](crowd))
	return crowd[:min(len(crowd), g.count-most+most/64)], true
}

// byUse sorts visits, those that were used last to the end.
type byUse[T any] []*stay[T]

func (v byUse[T]) Len() int           { return len(v) }
func (v byUse[T]) Swap(i, j int)      { v[i], v[j] = v[j], v[i] }
func (v byUse[T]) Less(i, j int) bool { return v[i].used.Load() < v[j].used.Load() }

func (g *generation[T]) exit(v *stay[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.visits.CompareAndDelete(v.id, v) {
		g.count--
	}
}
