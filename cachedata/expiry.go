package cachedata

import (
	"container/heap"
	"sync"
)

// expiry is the queue of an era's entries by the time at which they expire. It
// is safe for concurrent use; its lock is the innermost of all.
type expiry[I comparable, K, V any] struct {
	mu    sync.Mutex
	queue expiryHeap[I, K, V]
}

type due[I comparable, K, V any] struct {
	id    I
	entry *entry[K, V]
}

// add queues e, unless it never expires.
func (x *expiry[I, K, V]) add(id I, e *entry[K, V]) {
	if e.expires == never {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	heap.Push(&x.queue, due[I, K, V]{id, e})
}

// remove takes e out, if it is in.
func (x *expiry[I, K, V]) remove(e *entry[K, V]) {
	if e.expires == never {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.slot > 0 {
		heap.Remove(&x.queue, int(e.slot)-1)
	}
}

// sweepStep is how many entries are freed under one hold of the lock.
const sweepStep = 128

// take removes up to sweepStep entries that have expired at now, earliest
// first, and returns when the next one expires, or never.
func (x *expiry[I, K, V]) take(now int64) (expired []due[I, K, V], next int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.queue) > 0 && len(expired) < sweepStep && x.queue[0].entry.expires <= now {
		expired = append(expired, heap.Pop(&x.queue).(due[I, K, V]))
	}
	if len(x.queue) == 0 {
		x.queue = nil // gives its room back
		return expired, never
	}
	return expired, x.queue[0].entry.expires
}

// expiryHeap implements heap.Interface and keeps the entries' slots.
type expiryHeap[I comparable, K, V any] []due[I, K, V]

func (h expiryHeap[I, K, V]) Len() int           { return len(h) }
func (h expiryHeap[I, K, V]) Less(i, j int) bool { return h[i].entry.expires < h[j].entry.expires }

func (h expiryHeap[I, K, V]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].entry.slot, h[j].entry.slot = int32(i)+1, int32(j)+1
}

func (h *expiryHeap[I, K, V]) Push(x any) {
	d := x.(due[I, K, V])
	*h = append(*h, d)
	d.entry.slot = int32(len(*h))
}

func (h *expiryHeap[I, K, V]) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last] = due[I, K, V]{}
	*h = (*h)[:last]
	d.entry.slot = 0
	return d
}
