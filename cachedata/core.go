package cachedata

import (
	"container/list"
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/raw"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/internal/visitors"
	"github.com/reecho-go/reecho/observe"
)

// core is a [Cache] without its types. It does everything but call the functions
// of the user and hand out results. It knows keys and values by their addresses,
// so it is compiled once for all caches. It does not keep an address that it gets
// for the time of a call: it copies what it needs for longer.
type core struct {
	name     string
	label    string // the name in errors
	cfg      settings
	fns      functions
	key      raw.Type // of keys
	result   raw.Type // of results
	rich     bool     // all entries have details
	group    *group.Group
	observer observe.Observer // of the cache and its group; see observed

	keys   *keys.Keys
	shape  keys.Shape
	plan   *clone.Untyped                      // copies results; nil: copyTo does
	copyTo func(dst, src unsafe.Pointer) error // nil: results are copied by assignment
	seals  *seals                              // nil: Copy.Verify is not set

	estimate func(unsafe.Pointer, clone.Links) int64 // the bytes of a result; nil: the size of its type counts
	budget   *budget                                 // of the group; nil: MaxBytes of the cache replaces the group's default

	layout   layout
	table    table
	sessions *sessions    // the visitors, in session scope; nil: global scope
	second   *secondLevel // nil: there is no Storage

	counters counters
	reads    *visit.Reads // hides the visitor from loads and notes what they read; nil: session scope
	tracker  flight.Tracker
	hooks    group.Hooks
	member   *member
	closed   atomic.Bool
	hasTags  atomic.Bool // entries may have tags
	atCalls  atomic.Bool // GetOrLoad was called
}

// functions are the user's functions in the form that the core calls: with the
// addresses of keys and results, which they do not keep. All but load may be nil.
type functions struct {
	words   func() (unsafe.Pointer, starter) // nil: K is too large for a word
	load    func(ctx context.Context, key unsafe.Pointer) (result unsafe.Pointer, err error)
	many    func(ctx context.Context, keys []unsafe.Pointer) (answers, error) // of a Batch
	clone   func(dst, src unsafe.Pointer)
	size    func(result unsafe.Pointer) int64
	tags    func(key, result unsafe.Pointer) []string
	keyTags func(key unsafe.Pointer) []string
	keep    func(key, result unsafe.Pointer) bool
}

// answers returns the result that the load of several keys has returned for a key,
// or nil if it left the key out.
type answers func(key unsafe.Pointer) (result unsafe.Pointer)

// table is a cache's contents. All changes of one key are ordered by the key's
// lock in the era's flights; reads take no lock.
type table struct {
	core     *core
	owners   owners // nil in global scope
	era      atomic.Pointer[era]
	changes  atomic.Pointer[changes] // nil until somebody records which results it uses
	evicting sync.Mutex              // held while entries are evicted to keep MaxEntries
}

// owners keeps the books of the visitors to whom the entries of a table belong.
type owners interface {
	// admit notes that e becomes the entry of id in r, and reports whether it
	// may. The key's lock is held.
	admit(r *era, id id, e *entry) bool
	// forget notes that e is no longer an entry. Locks of the engine are held.
	forget(id id, e *entry)
	// settle does what is left to be done after an entry of v was admitted,
	// outside locks.
	settle(v *visitor)
	// sweep frees the visitors that have ended at now, and returns when the next
	// one ends.
	sweep(now int64) (next int64)
}

// era is what a cache holds between two clears: the entries, and the loads that
// were started for them. A clear puts a new era in place. A load that still runs
// stores into the old era, which nobody reads any more. So no load stores across a
// clear, and no later call joins a load from before.
//
// An era that is over has released its entries, so a load that hangs does not keep
// them in memory.
type era struct {
	entries engine
	stored  atomic.Int64 // entries that were stored and not yet counted as gone; far below 0 once the era is over
	bytes   atomic.Int64 // of all entries
	room    room
	flights *flight.Table // of *entry
}

// room is the weight that an engine may hold at the moment. It is less than the
// bound if there are too many entries, or too many bytes in the group. So the
// engine's policy always chooses which entries leave.
type room struct {
	most int64        // the bound
	used atomic.Int64 // by all entries

	mu  sync.Mutex
	now atomic.Int64 // changed under mu
}

// changes counts deletes, puts and refreshes of single keys. A load that a Get
// started is no change. The number of counters is fixed, so keys share them.
type changes struct {
	seed   maphash.Seed
	counts []atomic.Uint64
}

// slot is one key of a table. Callers cannot change its identity or its key.
type slot struct {
	*table
	id      id
	own     unsafe.Pointer // the key; nil: it is in id
	visitor *visitor       // whose it is, in session scope
}

// sessions is what a cache in session scope has beside its table: the visitors, to
// whom the keys belong.
type sessions struct {
	core          *core
	table         *table
	serial        atomic.Uint64
	visits        *visitors.Registry[*visitor]
	maxPerSession int
}

// visitor lists the entries of one visitor. Its lock is among the innermost.
type visitor struct {
	prefix [prefixLen]byte // the ids of its entries begin with it; no other visitor of the cache ever has it

	mu   sync.Mutex
	over bool
	in   *era // the era of the entries in kept
	kept map[string]*list.Element
	all  list.List // of kept, in the order in which they were stored
}

const prefixLen = 8

// kept is one entry of a visitor.
type kept struct {
	id    string // with the visitor's prefix
	entry *entry
}

// observed reports whether there is an observer.
func (c *core) observed() bool { return c.cfg.Observer != nil || c.group.Observed() }

// noContext is the error of a call with a nil context.
func (c *core) noContext() error {
	return fmt.Errorf("cachedata: %s: the context is nil: pass that of the request, or context.Background()", c.name)
}

// openTo returns an error if c has been closed or ctx is nil.
func (c *core) openTo(ctx context.Context) error {
	if ctx == nil {
		return c.noContext()
	}
	return c.open()
}

func (c *core) open() error {
	if c.closed.Load() {
		return fmt.Errorf("%w: %s", ErrClosed, c.name)
	}
	return nil
}

// source returns how events name the entry of key.
func (c *core) source(key unsafe.Pointer) observe.Source {
	s := observe.Source{Group: c.group.Name(), Cache: c.name}
	if fp, err := c.keys.Fingerprint(key); err == nil {
		s.Fingerprint = fp
	}
	return s
}

// valueOf returns the address of the value of e.
func (c *core) valueOf(e *entry) unsafe.Pointer { return e.value(c.result.Size()) }

// owner returns the address of the pointer to the visitor of e, or nil in global
// scope.
func (c *core) owner(e *entry) **visitor {
	if !c.layout.owned {
		return nil
	}
	return (**visitor)(e.end())
}

// revision returns the address of the note under which version e is in the store, or
// nil if the cache has no store. The note is written before e is published.
func (c *core) revision(e *entry) *level.Revision {
	if !c.layout.hasRevision {
		return nil
	}
	return (*level.Revision)(e.end())
}

// ownKey returns the address of the key of e, or nil if the key is made from the
// identity of e.
func (c *core) ownKey(e *entry) unsafe.Pointer {
	switch {
	case !c.layout.keyed:
		return nil
	case c.layout.owned:
		return unsafe.Add(e.end(), unsafe.Sizeof((*visitor)(nil)))
	case c.layout.hasRevision:
		return unsafe.Add(e.end(), unsafe.Sizeof(level.Revision{}))
	}
	return e.end()
}
