package cachedata

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Histogram counts durations. Element i counts those that are at most 50
// microseconds times 2 to the power of i, and longer than the bound of the
// element before. The last element counts all that are longer, which is more than
// 26 seconds.
type Histogram [21]uint64

const finest = 50 * time.Microsecond

// Bound returns the longest duration that element i counts, and false for the
// last one, which has no bound.
func (*Histogram) Bound(i int) (most time.Duration, ok bool) {
	if i < 0 || i >= len(Histogram{})-1 {
		return 0, false
	}
	return finest << i, true
}

// Quantile returns an upper bound of the quantile q of the durations, such as
// 0.99 for the 99th percentile. It is the bound of the element that holds the
// quantile; for the last element, it is twice the bound of the element before.
// Without durations it is 0.
func (h *Histogram) Quantile(q float64) time.Duration {
	var all uint64
	for _, n := range h {
		all += n
	}
	if all == 0 {
		return 0
	}
	rank, seen := uint64(min(max(q, 0), 1)*float64(all-1)), uint64(0)
	for i, n := range h {
		if seen += n; seen > rank {
			return finest << i
		}
	}
	return finest << (len(h) - 1)
}

func (h *Histogram) add(o Histogram) {
	for i, n := range o {
		h[i] += n
	}
}

// histogram is a Histogram in the making.
type histogram [len(Histogram{})]atomic.Uint64

func (h *histogram) note(d time.Duration) {
	steps := uint64(max(d-1, 0) / finest)
	h[min(bits.Len64(steps), len(h)-1)].Add(1)
}

func (h *histogram) read() (out Histogram) {
	for i := range h {
		out[i] = h[i].Load()
	}
	return out
}
