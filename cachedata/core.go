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

// core is a [Cache] without its types: all that a cache does but calling the
// functions of its user and handing out results. It knows keys and values by
// their addresses, so it is compiled once for all caches. An address that it is
// given for the time of a call is not kept: what it needs for longer it copies.
type core struct {
	name     string
	label    string // the name in errors
	cfg      settings
	fns      functions
	key      raw.Type // of keys
	result   raw.Type // of results
	rich     bool     // entries have more than a TTL
	group    *group.Group
	observer observe.Observer // of the cache and its group; see observed

	keys   *keys.Keys
	shape  keys.Shape
	plan   *clone.Untyped                      // copies results; nil: copyTo does
	copyTo func(dst, src unsafe.Pointer) error // nil: by assignment
	seals  *seals                              // nil: writes to shared results are not looked for

	estimate func(unsafe.Pointer, clone.Links) int64 // the bytes of a result; nil: there is nothing behind it, or it is not known
	budget   *budget                                 // the group's; nil: the cache's own bound stands in for the default

	layout   layout
	table    table
	sessions *sessions    // who the entries belong to, in session scope
	second   *secondLevel // nil: there is no Storage

	counters counters
	reads    *visit.Reads // what loads read of their contexts; nil: they see all of it
	tracker  flight.Tracker
	hooks    group.Hooks
	member   *member
	closed   atomic.Bool
	hasTags  atomic.Bool // entries may have tags
	atCalls  atomic.Bool // there was a GetOrLoad
}

// functions are those of a cache's user, as the core calls them: with addresses
// of keys and results, which they do not keep. All but load may be nil.
type functions struct {
	words   func() wordBooks // nil: K is too large for a word
	load    func(ctx context.Context, key unsafe.Pointer) (result unsafe.Pointer, err error)
	many    func(ctx context.Context, keys []unsafe.Pointer) (answers, error) // of a Batch
	clone   func(dst, src unsafe.Pointer)
	size    func(result unsafe.Pointer) int64
	tags    func(key, result unsafe.Pointer) []string
	keyTags func(key unsafe.Pointer) []string
	keep    func(key, result unsafe.Pointer) bool
}

// answers returns the result of a key that a load of several has returned, or
// nil if it has left the key out.
type answers func(key unsafe.Pointer) (result unsafe.Pointer)

// table is a cache's contents. All changes of one key are ordered by the key's
// lock in the era's flights; reads take no lock.
type table struct {
	core     *core
	owners   owners // nil: the entries are everybody's
	era      atomic.Pointer[era]
	changes  atomic.Pointer[changes] // nil: nobody wants to know
	evicting sync.Mutex              // held while the bound on entries is kept
}

// owners is what a table asks about those whom its entries belong to.
type owners interface {
	// admit notes that e becomes the entry of id in r, and reports whether it
	// may. The key's lock is held.
	admit(r *era, id id, e *entry) bool
	// forget notes that e is no longer an entry. Locks of the engine are held.
	forget(id id, e *entry)
	// settle does what is left to be done after an entry of v was admitted,
	// outside locks.
	settle(v *visitor)
	// sweep lets those go who are no longer there at now, and returns when
	// more will be.
	sweep(now int64) (next int64)
}

// era is what a cache holds between two clears: the entries and the loads that
// were started for them. A clear puts a new era in place. Whatever still runs
// in the old one ends there, where nobody looks any more: so a load can never
// store across a clear, and no later call joins it.
//
// When an era is over, it lets go of its entries: loads that hang keep what they
// know of it, and nothing else.
type era struct {
	entries engine
	stored  atomic.Int64 // entries that have come and not been counted as gone; far below 0 once the era is over
	bytes   atomic.Int64 // of all entries
	room    room
	flights *flight.Table // of *entry
}

// room is what weight an engine is to hold at the moment: less than its bound
// if there are too many entries, or too much in the group. So it is always the
// engine's policy that chooses what leaves.
type room struct {
	most int64        // the bound
	used atomic.Int64 // by all entries

	mu  sync.Mutex
	now atomic.Int64 // changed under mu
}

// changes counts what was changed of a cache key by key, other than by a load in its
// time: deletes, puts and refreshes. Keys share counters, so that there is a fixed
// number of them.
type changes struct {
	seed   maphash.Seed
	counts []atomic.Uint64
}

// slot is one key of a table, with an identity and a key that no caller can change.
type slot struct {
	*table
	id      id
	own     unsafe.Pointer // the key; nil: it is in id
	visitor *visitor       // whose it is, in session scope
}

// sessions is what a cache in session scope has instead of a plain table: one
// whose keys are those of visitors.
type sessions struct {
	core          *core
	table         *table
	serial        atomic.Uint64
	visits        *visitors.Registry[*visitor]
	maxPerSession int
}

// visitor knows what one visitor keeps. Its lock is among the innermost.
type visitor struct {
	prefix [prefixLen]byte // with which the ids of its entries begin; no other visitor of the cache ever has it

	mu   sync.Mutex
	over bool
	in   *era // that kept is about
	kept map[string]*list.Element
	all  list.List // of kept, those stored first in front
}

const prefixLen = 8

// kept is one entry that a visitor keeps.
type kept struct {
	id    string // with the visitor's prefix
	entry *entry
}

// observed reports whether anybody is told of events.
func (c *core) observed() bool { return c.cfg.Observer != nil || c.group.Observed() }

// noContext is the error of a call that has got nil for a context.
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

// source is what events say about the entry of key.
func (c *core) source(key unsafe.Pointer) observe.Source {
	s := observe.Source{Group: c.group.Name(), Cache: c.name}
	if fp, err := c.keys.Fingerprint(key); err == nil {
		s.Fingerprint = fp
	}
	return s
}

// valueOf is the address of the value of e.
func (c *core) valueOf(e *entry) unsafe.Pointer { return e.value(c.result.Size()) }

// owner returns where the visitor is whose entry e is, or nil in global scope.
func (c *core) owner(e *entry) **visitor {
	if !c.layout.owned {
		return nil
	}
	return (**visitor)(e.end())
}

// birth returns where it is as what e is in the store, or nil if there is none. It is
// set before e is published.
func (c *core) birth(e *entry) *level.Birth {
	if !c.layout.hasBirth {
		return nil
	}
	return (*level.Birth)(e.end())
}

// ownKey returns where the key of e is, or nil if its identity says it all.
func (c *core) ownKey(e *entry) unsafe.Pointer {
	switch {
	case !c.layout.keyed:
		return nil
	case c.layout.owned:
		return unsafe.Add(e.end(), unsafe.Sizeof((*visitor)(nil)))
	case c.layout.hasBirth:
		return unsafe.Add(e.end(), unsafe.Sizeof(level.Birth{}))
	}
	return e.end()
}
