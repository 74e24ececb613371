package dashboard

import (
	"sync"
	"time"

	"github.com/reecho-go/reecho/cachedata"
)

const (
	sampleEvery  = 2 * time.Second // the shortest time between two samples
	maxSamples   = 150             // samples of one cache
	historyLasts = time.Minute     // without a view of the page; then the history starts again
)

// sample has the figures of a cache since the sample before.
type sample struct {
	at       int64 // seconds
	calls    uint32
	ratio    float32 // the hit ratio; 0 if there were no calls
	p50, p99 float32 // of the durations of loads, in seconds; 0: there were none
	bytes    int64
}

// series are the latest samples of one cache.
type series struct {
	last   cachedata.Stats
	seen   uint64 // the last turn in which the cache existed
	latest ring[sample]
}

// add adds a sample made of new counters and the last ones.
func (s *series) add(at time.Time, now cachedata.Stats) {
	before := s.last
	s.last = now
	var delta cachedata.Histogram
	for i := range delta {
		delta[i] = now.LoadTimes[i] - before.LoadTimes[i]
	}
	calls := calls(now) - calls(before)
	p := sample{
		at: at.Unix(), calls: uint32(min(calls, 1<<32-1)), bytes: now.Bytes,
		p50: float32(delta.Quantile(0.5).Seconds()), p99: float32(delta.Quantile(0.99).Seconds()),
	}
	if calls > 0 {
		p.ratio = float32(float64(now.Hits+now.StaleHits-before.Hits-before.StaleHits) / float64(calls))
	}
	s.latest.add(p, maxSamples)
}

// calls returns the number of calls.
func calls(s cachedata.Stats) uint64 { return s.Hits + s.StaleHits + s.FailSafe + s.Misses }

// history has the series of all caches. Samples are taken only when a page is shown. After a
// minute without a view the history starts again. The zero history is ready to use.
type history struct {
	mu   sync.Mutex
	turn uint64
	last time.Time
	all  map[string]*series
}

// note takes samples of the caches if sampleEvery has passed, and sets their field samples.
func (h *history) note(now time.Time, caches []*cacheState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	since := now.Sub(h.last)
	if h.all == nil || since > historyLasts {
		h.all = make(map[string]*series)
	}
	due := since >= sampleEvery
	if due {
		h.last = now
		h.turn++
	}
	for _, c := range caches {
		s := h.all[c.id]
		if s == nil {
			s = &series{last: c.stats} // the first sample is the difference to these
			h.all[c.id] = s
		} else if due {
			s.add(now, c.stats)
		}
		s.seen = h.turn
		c.samples = s.latest.all()
	}
	for id, s := range h.all {
		if due && s.seen != h.turn {
			delete(h.all, id) // the cache was closed
		}
	}
}
