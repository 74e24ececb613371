package cachedata

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/memory"
)

// budget is how many bytes the caches of a group hold at most together. Nil
// is none.
type budget struct {
	group *group.Group
	given bool         // GroupConfig says how many
	most  func() int64 // at least 1

	left   atomic.Int64 // what may be stored until it is worth adding up: at most what is left
	warned atomic.Bool  // observers know that it has been reached

	mu     sync.Mutex // held while room is made
	recent uint64     // calls of all members since they were last halved
}

// The default budget of a group is a part of the memory that the process may
// use, but not less than a little.
const (
	budgetPart  = 8
	budgetLeast = 32 << 20
)

// newBudget returns the budget of a group: most bytes, or the default if that is
// 0, which is found out when it is first needed, since a program may set its
// limit when it starts.
func newBudget(g *group.Group, most int64) *budget {
	b := &budget{group: g, given: most > 0, most: func() int64 { return min(most, largest) }}
	if !b.given {
		b.most = sync.OnceValue(func() int64 {
			return min(max(memory.Limit()/budgetPart, budgetLeast), largest)
		})
	}
	return b
}

// shareholder is a member of a group.
type shareholder interface {
	bytes() int64
	shrink(bytes int64) (freed int64)
	calls() uint64 // since it was made
	usage() *usage
	full(most int64, given bool) // tells observers that there is no room left
}

// usage is what the budget notes of a member, under its lock.
type usage struct{ calls, recent uint64 }

// spend notes that bytes have been added, which makeRoom is to look at.
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

// exceeded adds up whether the budget is exceeded.
func (b *budget) exceeded() bool {
	left := b.left.Load()
	over, _ := b.over(b.group.Members())
	// What is added meanwhile counts twice, or changes left.
	b.left.CompareAndSwap(left, -over)
	return over > 0
}

// relieve evicts while there is too much. Of those who come at once one does
// it, and looks again for the others.
func relieve(mu *sync.Mutex, over func() bool, evict func() (gone int64)) {
	for over() && mu.TryLock() {
		gone := evict()
		mu.Unlock()
		if gone <= 0 {
			return // the rest is on its way in or out
		}
	}
}

// over returns how many bytes the members have too many, and how many of them
// have any.
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

// evict makes one member give up its coldest entries, and returns how many
// bytes that were. An equal share of the budget is a member's own; of those that
// have more it is the one that was called least for its bytes. b.mu is held.
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

// lately is how many calls make recent ones: after each so many, what was
// before counts half.
const lately = 10_000

// note counts the calls of members since it did so last.
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

// largest is what a bound on bytes counts as if it is larger, which exceeds any
// memory. So sums of what is within their bounds never overflow.
const largest = 1 << 56

// plus is a + b, or the largest number if that would overflow. Both must not be
// negative.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
