package cachedata

import (
	"container/heap"
	"sync"
)

// expiry is the queue of an era's entries by the time at which they may have
// expired. It is safe for concurrent use; its lock is the innermost of all.
type expiry[I word] struct {
	mu       sync.Mutex
	queue    expiryHeap[I]
	released bool
}

type due[I word] struct {
	id    I
	entry *entry
	at    int64
}

// add queues e to be looked at then, unless that is never.
func (x *expiry[I]) add(id I, e *entry, at int64) {
	if at == never {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.released {
		heap.Push(&x.queue, due[I]{id, e, at})
	}
}

// release lets go of all entries. Nothing is queued any more.
func (x *expiry[I]) release() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.queue, x.released = nil, true
}

// remove takes e out, if it is in.
func (x *expiry[I]) remove(e *entry) {
	l := e.life()
	if l == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if l.slot > 0 && !x.released {
		heap.Remove(&x.queue, int(l.slot)-1)
	}
}

// sweepStep is how many entries are freed under one hold of the lock.
const sweepStep = 128

// take removes up to sweepStep entries that are to be looked at by now, earliest
// first, and returns when the next one is, or never.
func (x *expiry[I]) take(now int64) (taken []due[I], next int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.queue) > 0 && len(taken) < sweepStep && x.queue[0].at <= now {
		taken = append(taken, heap.Pop(&x.queue).(due[I]))
	}
	if len(x.queue) == 0 {
		x.queue = nil // gives its room back
		return taken, never
	}
	return taken, x.queue[0].at
}

func (x *expiry[I]) len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.queue)
}

// expiryHeap implements heap.Interface and keeps the entries' slots.
type expiryHeap[I word] []due[I]

func (h expiryHeap[I]) Len() int           { return len(h) }
func (h expiryHeap[I]) Less(i, j int) bool { return h[i].at < h[j].at }

func (h expiryHeap[I]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].entry.life().slot, h[j].entry.life().slot = int32(i)+1, int32(j)+1
}

func (h *expiryHeap[I]) Push(x any) {
	d := x.(due[I])
	*h = append(*h, d)
	d.entry.life().slot = int32(len(*h))
}

func (h *expiryHeap[I]) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last] = due[I]{}
	*h = (*h)[:last]
	d.entry.life().slot = 0
	return d
}
