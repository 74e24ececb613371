package respcache

import (
	"sync"
	"time"

	"github.com/reecho-go/reecho/internal/uses"
)

// usedResults are the results of cached functions that a response is made of. It is a
// [uses.Recorder].
type usedResults struct {
	mu      sync.Mutex
	stamps  []uses.Stamp
	until   time.Time // when the first of them expires; zero: never
	private bool      // a result of one visitor was used
}

// Use implements uses.Recorder.
func (i *usedResults) Use(s uses.Stamp, left time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if s == nil {
		i.private = true
		return
	}
	if len(i.stamps) <= maxStamps {
		i.stamps = append(i.stamps, s)
	}
	if left == uses.Forever {
		return
	}
	if at := time.Now().Add(max(left, 0)); i.until.IsZero() || at.Before(i.until) {
		i.until = at
	}
}

// into adds the results to p, and limits the TTL of p to theirs. It returns why p must not be
// stored, or "".
func (i *usedResults) into(p *page) reason {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.private:
		return "a result of one visitor was used"
	case len(i.stamps) > maxStamps:
		return "too many results were used"
	}
	if !i.until.IsZero() {
		if p.ttl = min(p.ttl, time.Until(i.until)); p.ttl <= 0 {
			return "a result that is not kept was used"
		}
	}
	p.stamps = i.stamps
	return ""
}
