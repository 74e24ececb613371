package cachedata

import (
	"sync"

	"github.com/reecho-go/reecho/internal/group"
)

// budget is how many bytes the caches of a group hold at most together. A nil
// budget is none.
type budget struct {
	most  int64
	group *group.Group

	mu     sync.Mutex // held while room is made
	recent uint64     // calls of all members since they were last halved
}

// shareholder is a member of a group with a budget.
type shareholder interface {
	bytes() int64
	shrink(bytes int64) (freed int64)
	calls() uint64 // since it was made
	usage() *usage
}

// usage is what the budget notes of a member, under its lock.
type usage struct{ calls, recent uint64 }

// makeRoom evicts until the budget is kept.
func (b *budget) makeRoom() {
	if b == nil {
		return
	}
	relieve(&b.mu, func() bool {
		over, _ := b.over(b.group.Members())
		return over > 0
	}, b.evict)
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
	over = -b.most
	for _, m := range members {
		n := m.(shareholder).bytes()
		if over += n; n > 0 {
			holders++
		}
	}
	return over, holders
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
	share := b.most / max(holders, 1)
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
	return poorest.shrink(min(over, poorest.bytes()-share))
}

// memory is how many calls make recent ones: after each so many, what was
// before counts half.
const memory = 10_000

// note counts the calls of members since it did so last.
func (b *budget) note(members []group.Member) {
	for _, m := range members {
		m := m.(shareholder)
		u, calls := m.usage(), m.calls()
		u.recent += calls - u.calls
		b.recent += calls - u.calls
		u.calls = calls
	}
	for ; b.recent > memory; b.recent /= 2 {
		for _, m := range members {
			m.(shareholder).usage().recent /= 2
		}
	}
}
