package cachedata

import "sync"

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

// add queues e for the time at, unless that is never.
func (x *expiry[I]) add(id I, e *entry, at int64) {
	if at == never {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.released {
		x.queue.push(due[I]{id, e, at})
	}
}

// release drops all entries. From then on add does nothing.
func (x *expiry[I]) release() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.queue, x.released = nil, true
}

// remove takes e out, if it is in.
func (x *expiry[I]) remove(e *entry) {
	l := e.lifetime()
	if l == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if l.heapIndex > 0 && !x.released {
		x.queue.remove(int(l.heapIndex) - 1)
	}
}

// sweepStep is how many entries one popDue takes at most.
const sweepStep = 128

// popDue removes up to sweepStep entries whose time has come by now, earliest
// first, and returns the time of the next one, or never.
func (x *expiry[I]) popDue(now int64) (taken []due[I], next int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.queue) > 0 && len(taken) < sweepStep && x.queue[0].at <= now {
		taken = append(taken, x.queue.remove(0))
	}
	if len(x.queue) == 0 {
		x.queue = nil // frees its memory
		return taken, never
	}
	return taken, x.queue[0].at
}

func (x *expiry[I]) len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.queue)
}

// expiryHeap is a binary heap, the earliest first, which notes in each entry where
// the entry is. container/heap would move entries through an interface and by swaps.
type expiryHeap[I word] []due[I]

// put stores d at i.
func (h expiryHeap[I]) put(i int, d due[I]) {
	h[i] = d
	d.entry.lifetime().heapIndex = int32(i) + 1
}

func (h *expiryHeap[I]) push(d due[I]) {
	*h = append(*h, d)
	h.up(len(*h)-1, d)
}

// remove removes and returns the element at i.
func (h *expiryHeap[I]) remove(i int) due[I] {
	d, last := (*h)[i], len(*h)-1
	moved := (*h)[last]
	(*h)[last] = due[I]{}
	*h = (*h)[:last]
	d.entry.lifetime().heapIndex = 0
	if i < last && !h.up(i, moved) {
		h.down(i, moved)
	}
	return d
}

// up stores d at i or nearer to the top, and reports whether it is nearer.
func (h expiryHeap[I]) up(i int, d due[I]) (moved bool) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= d.at {
			break
		}
		h.put(i, h[parent])
		i, moved = parent, true
	}
	h.put(i, d)
	return moved
}

// down stores d at i or farther from the top.
func (h expiryHeap[I]) down(i int, d due[I]) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if d.at <= h[child].at {
			break
		}
		h.put(i, h[child])
		i = child
	}
	h.put(i, d)
}
