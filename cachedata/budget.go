package cachedata

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/memory"
)

// budget bounds how many bytes the caches of a group hold together. A nil budget
// has no bound.
type budget struct {
	group *group.Group
	given bool         // GroupConfig says how many
	most  func() int64 // at least 1

	left   atomic.Int64 // bytes that may be stored before the members are added up again; never too many
	warned atomic.Bool  // observers have been told that the bound was reached

	mu     sync.Mutex // held while room is made
	recent uint64     // calls of all members since they were last halved
}

// The default budget of a group: this part of the memory that the process may
// use, but at least budgetLeast.
const (
	budgetPart  = 8
	budgetLeast = 32 << 20
)

// newBudget returns the budget of a group: most bytes, or the default if most is
// 0. The default is computed when it is first needed, because a program may set
// its memory limit after the group was made.
func newBudget(g *group.Group, most int64) *budget {
	b := &budget{group: g, given: most > 0, most: func() int64 { return min(most, largest) }}
	if !b.given {
		b.most = sync.OnceValue(func() int64 {
			return min(max(memory.Limit()/budgetPart, budgetLeast), largest)
		})
	}
	return b
}

// shareholder is a cache that shares the budget of its group.
type shareholder interface {
	bytes() int64
	shrink(bytes int64) (freed int64)
	calls() uint64 // since it was made
	usage() *usage
	full(most int64, given bool) // tells observers that there is no room left
}

// usage is what the budget remembers of a member. budget.mu guards it.
type usage struct{ calls, recent uint64 }

// spend notes that bytes were added. makeRoom has to be called afterwards.
func (b *budget) spend(bytes int64) {
	if b != nil {
		b.left.Add(-bytes)
	}
}

// makeRoom evicts until the budget is kept.
func (b *budget) makeRoom() {
	if b != nil && b.left.Load() < 0 {
		relieve(&b.mu, b.exceeded, b.evict)
	}
}

// exceeded adds up the members and reports whether the budget is exceeded.
func (b *budget) exceeded() bool {
	left := b.left.Load()
	over, _ := b.over(b.group.Members())
	// If bytes were added meanwhile, left has changed, and stays as it is.
	b.left.CompareAndSwap(left, -over)
	return over > 0
}

// relieve evicts while over reports true. If several goroutines call it at once,
// one evicts for all, and checks again after each eviction.
func relieve(mu *sync.Mutex, over func() bool, evict func() (gone int64)) {
	for over() && mu.TryLock() {
		gone := evict()
		mu.Unlock()
		if gone <= 0 {
			return // nothing left to evict: other entries are being stored or removed
		}
	}
}

// over returns by how many bytes the members exceed the budget, and how many
// members hold bytes.
func (b *budget) over(members []group.Member) (over, holders int64) {
	all := int64(0)
	for _, m := range members {
		n := max(m.(shareholder).bytes(), 0)
		if all = plus(all, n); n > 0 {
			holders++
		}
	}
	return all - b.most(), holders
}

// evict makes one member give up its coldest entries, and returns how many bytes
// that freed. Each member may keep an equal share of the budget. Of the members
// with more, evict chooses the one with the fewest recent calls per byte. b.mu is
// held.
func (b *budget) evict() (freed int64) {
	members := b.group.Members()
	over, holders := b.over(members)
	if over <= 0 {
		return 0
	}
	b.note(members)
	share := b.most() / max(holders, 1)
	var poorest shareholder
	least := 0.0
	for _, m := range members {
		m := m.(shareholder)
		if n := m.bytes(); n > share {
			if worth := float64(m.usage().recent+1) / float64(n); poorest == nil || worth < least {
				poorest, least = m, worth
			}
		}
	}
	if poorest == nil {
		return 0
	}
	if b.warned.CompareAndSwap(false, true) {
		b.group.Post(func() { poorest.full(b.most(), b.given) })
	}
	return poorest.shrink(min(over, poorest.bytes()-share))
}

// lately is how many calls of all members count as recent. Beyond it the counts
// of all are halved.
const lately = 10_000

// note adds the calls of the members since the last note.
func (b *budget) note(members []group.Member) {
	for _, m := range members {
		m := m.(shareholder)
		u, calls := m.usage(), m.calls()
		u.recent += calls - u.calls
		b.recent += calls - u.calls
		u.calls = calls
	}
	for ; b.recent > lately; b.recent /= 2 {
		for _, m := range members {
			m.(shareholder).usage().recent /= 2
		}
	}
}

// largest is more than any memory. Larger bounds on bytes count as this one, so
// that sums of sizes within their bounds never overflow.
const largest = 1 << 56

// plus is a + b, or the largest number if that would overflow. Both must not be
// negative.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
