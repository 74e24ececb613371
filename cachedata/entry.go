package cachedata

import (
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
)

// entry is one stored result. Nothing of it changes once it is published,
// except what says otherwise. There may be millions, so what only some of them
// need stands behind it in memory, as its form says; its value, our own, stands
// before it: see layout.go.
type entry struct {
	storedAt int64
	load     loadTime
	size     uint32 // see bytes; and the treeBit
}

// lifetime is what an entry has that does not stay fresh for ever, or that may be
// neither.
type lifetime struct {
	soft      int64 // fresh until then; never: math.MaxInt64
	heapIndex int32 // where it is in the expiry queue, plus one, guarded by the queue's lock
}

// details are what an entry has in a cache with rules beyond a TTL.
type details struct {
	err   error // what the load returned instead of a value; nil: a value
	size  int64 // bytes
	eager int64 // when a refresh is due although it is fresh; never: math.MaxInt64

	annotations *annotations // what its load said of it, if anything

	hits     atomic.Uint64 // reads of it, if they are counted
	used     atomic.Int64  // when it was last read, if there is an IdleTTL
	retry    atomic.Int64  // no refresh and, once it has expired, no load before
	failures atomic.Uint32 // loads that have failed in a row since it was loaded
	busy     atomic.Bool   // a background refresh runs
	told     atomic.Bool   // observers know that it is served although it has expired
}

// annotations are what the load of an entry has set; see [Loading].
type annotations struct {
	passing      bool          // it is only returned
	tags         []string      // sorted
	clearsBefore uint64        // the clears of tags before its load
	checked      atomic.Uint64 // until which clear none has been of a tag; or beingPut
	etag         string
	modified     time.Time
	seal         uint64 // of the value, if writes are looked for
}

// setClearsBefore sets the clears of tags before the load.
func (x *annotations) setClearsBefore(clears uint64) {
	x.clearsBefore = clears
	x.checked.Store(clears)
}

const never = math.MaxInt64

// making is what an entry is made of.
type making struct {
	from        unsafe.Pointer // the value; nil: there is none
	shared      *entry         // whose value from is, which need not be copied; nil: it is not our own
	err         error          // what stands in for the value; nil: nothing
	ttl         time.Duration  // for how long it is fresh; 0: for ever
	cost        int64          // what the value counts, if set
	hasCost     bool
	annotations *annotations // or nil
}

// make returns an entry of now for p.
func (p *slot) make(m making) (*entry, error) {
	c := p.core
	f := plain
	switch {
	case m.err == nil && c.seals != nil && m.annotations == nil:
		m.annotations, f = new(annotations), rich
	case c.rich || m.err != nil || m.annotations != nil:
		f = rich
	case m.ttl != 0:
		f = timed
	}
	e := c.allocate(f)
	switch {
	case m.from == nil:
	case m.shared != nil:
		c.result.Move(c.valueOf(e), m.from)
		e.link(m.shared.links())
	default:
		if err := c.copyIn(e, m.from); err != nil {
			return nil, err
		}
	}
	size := m.cost
	if !m.hasCost {
		var err error
		if size, err = c.measure(e); err != nil {
			return nil, err
		}
	}
	bytes := plus(size, p.beside(f, m.err, m.annotations))
	if bytes >= maxSize && f != rich {
		f = rich
		bytes = plus(size, p.beside(f, m.err, m.annotations))
		larger := c.allocate(f)
		c.result.Move(c.valueOf(larger), c.valueOf(e))
		larger.link(e.links())
		e = larger
	}
	if own := c.ownKey(e); own != nil {
		if err := c.keys.Store(own, p.own); err != nil {
			return nil, err
		}
	}
	if owner := c.owner(e); owner != nil {
		*owner = p.visitor
	}
	now := c.group.Now()
	e.storedAt = now
	e.size = e.size&treeBit | uint32(min(bytes, maxSize))
	if l := e.lifetime(); l != nil {
		var eager int64
		l.soft, eager = c.freshness(now, m.ttl)
		if rest := e.details(); rest != nil {
			rest.err, rest.size, rest.eager, rest.annotations = m.err, bytes, eager, m.annotations
			rest.used.Store(now)
		}
	}
	if m.err == nil {
		c.seal(e)
	}
	return e, nil
}

// copyIn makes the value of e a copy of that at src, which the program has made.
// Only here it is looked at whether pointers of it lead into it.
func (c *core) copyIn(e *entry, src unsafe.Pointer) error {
	if c.plan == nil {
		return c.copied(c.valueOf(e), src)
	}
	links, err := c.plan.CopyExactly(c.valueOf(e), src)
	if err != nil {
		return c.copyError(err)
	}
	e.link(links)
	return nil
}

// copyOf makes what is at dst, which is not on a stack, a copy of the value of e.
func (c *core) copyOf(dst unsafe.Pointer, e *entry) error {
	if e.links() != clone.Inside {
		return c.copied(dst, c.valueOf(e))
	}
	if _, err := c.plan.CopyInside(dst, c.valueOf(e)); err != nil {
		return c.copyError(err)
	}
	return nil
}

// copied makes what is at dst, which is not on a stack, a copy of what is at src.
func (c *core) copied(dst, src unsafe.Pointer) error {
	if c.copyTo == nil {
		c.result.Move(dst, src)
		return nil
	}
	if err := c.copyTo(dst, src); err != nil {
		return c.copyError(err)
	}
	return nil
}

// bytes returns what e counts.
func (e *entry) bytes() int64 {
	if size := e.size & maxSize; size < maxSize {
		return int64(size)
	}
	return e.details().size
}

// err returns the remembered error that e is, or nil.
func (e *entry) err() error {
	if m := e.details(); m != nil {
		return m.err
	}
	return nil
}

// annotations returns what the load of e said of it, or nil.
func (e *entry) annotations() *annotations {
	if m := e.details(); m != nil {
		return m.annotations
	}
	return nil
}

// Source says where a result came from.
type Source uint8

// The sources.
const (
	// Hit: the result was in memory.
	Hit Source = iota + 1
	// Load: this call loaded it.
	Load
	// Joined: this call waited for a load that another one had started.
	Joined
	// Stale: the result was in memory and had expired, and is being refreshed;
	// see Config.Stale.For and Config.Stale.SoftTimeout.
	Stale
	// FailSafe: the result was in memory and had expired, and the load of a new
	// one has failed, now or lately; see Config.Stale.OnError.
	FailSafe
	// Stored: the result was in the store; see Config.Store.
	Stored
)

// String returns the name of s in lower case.
func (s Source) String() string {
	switch s {
	case Hit:
		return "hit"
	case Load:
		return "load"
	case Joined:
		return "joined"
	case Stale:
		return "stale"
	case FailSafe:
		return "fail-safe"
	case Stored:
		return "stored"
	}
	return "none"
}

// Meta says where the result of a call came from, and how old it is.
type Meta struct {
	// Source is where the result came from; zero if the call failed.
	Source Source
	// Age is how long ago the result was loaded or put.
	Age time.Duration
	// Expires is until when it is fresh; zero means for ever. That it is in
	// the past goes with the sources Stale and FailSafe.
	Expires time.Time
	// LoadTook is how long the load took that made it, to six digits; zero
	// if it was put.
	LoadTook time.Duration
}

// meta describes e, which is served from source.
func (c *core) meta(e *entry, source Source) Meta {
	now := c.group.Now()
	m := Meta{Source: source, Age: time.Duration(max(now-e.storedAt, 0)), LoadTook: e.load.took()}
	if l := e.lifetime(); l != nil && l.soft != never {
		m.Expires = time.Now().Add(time.Duration(l.soft - now))
	}
	return m
}
