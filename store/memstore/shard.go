package memstore

import (
	"container/heap"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/store"
)

// shard is one lock and what it guards.
type shard struct {
	mu      sync.RWMutex
	entries map[string]*entry // nil once closed
	due     expiryHeap        // the entries that have a deadline
	kept    ring              // the entries that are not expendable
	spare   ring              // the expendable entries
	last    uint64            // the last version given; never goes back
	peak    int               // the most entries that the map has held
	budget  *budget
}

// ring has entries in order of arrival.
type ring struct {
	head entry  // head.next is the newest, head.prev the oldest
	hand *entry // where eviction goes on, towards newer ones; nil: at the oldest
}

// add makes e the newest.
func (r *ring) add(e *entry) {
	e.prev, e.next = &r.head, r.head.next
	e.prev.next, e.next.prev = e, e
}

func (r *ring) drop(e *entry) {
	if r.hand == e {
		r.hand = e.prev
	}
	e.prev.next, e.next.prev = e.next, e.prev
}

// next returns the entry to evict by SIEVE, or nil. It never returns the given one.
func (r *ring) next(but *entry) *entry {
	oldest := r.head.prev
	if oldest == &r.head || oldest == but && oldest.prev == &r.head {
		return nil
	}
	e := r.hand
	for {
		if e == nil || e == &r.head {
			e = r.head.prev
		}
		if e != but && !e.read.Swap(false) {
			break
		}
		e = e.prev
	}
	r.hand = e.prev
	return e
}

// ringOf returns the ring of an entry.
func (sh *shard) ringOf(expendable bool) *ring {
	if expendable {
		return &sh.spare
	}
	return &sh.kept
}

// smallMap is the size up to which an empty map is kept for the next entries.
const smallMap = 64

// entry is a stored item. All but read is guarded by the shard's lock. The
// bytes of value are never changed once they are here.
type entry struct {
	key     string
	value   []byte
	version uint64
	expires time.Time

	expendable bool
	at         int // index in the heap; -1: not there
	prev, next *entry
	read       atomic.Bool // since the hand passed it; set under the read lock
}

// expired says whether e is absent at now.
func (e *entry) expired(now time.Time) bool {
	return !e.expires.IsZero() && !now.Before(e.expires)
}

// condition is the version that a write requires.
type condition struct {
	version uint64 // 0: absent
	matters bool
}

// whatever is the condition of Put.
var whatever = condition{}

// check compares the condition with the current entry, which is nil if absent.
func (c condition) check(cur *entry) error {
	switch {
	case !c.matters:
		return nil
	case cur == nil && c.version != 0:
		return store.ErrNotFound
	case cur != nil && c.version != cur.version:
		return store.ErrConflict
	}
	return nil
}

// cost is what an entry counts towards the bound on bytes.
func cost(key string, value []byte) int64 {
	return int64(len(key)) + int64(len(value)) + Overhead
}

func (sh *shard) open(b *budget) {
	sh.budget = b
	sh.entries = make(map[string]*entry)
	for _, r := range []*ring{&sh.kept, &sh.spare} {
		r.head.prev, r.head.next = &r.head, &r.head
	}
}

// lookup returns the entry of key if it is present. The caller holds a lock.
func (sh *shard) lookup(key string) (*entry, error) {
	if sh.entries == nil {
		return nil, store.ErrClosed
	}
	e := sh.entries[key]
	if e == nil || !e.expires.IsZero() && e.expired(time.Now()) {
		return nil, store.ErrNotFound
	}
	return e, nil
}

// get returns the item with the stored value itself.
func (sh *shard) get(key string) (store.Item, error) {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	e, err := sh.lookup(key)
	if err != nil {
		return store.Item{}, err
	}
	if !e.read.Load() { // most often it is set, and a write would cost the other readers their cache line
		e.read.Store(true)
	}
	return store.Item{Value: e.value, Version: e.version, Expires: e.expires}, nil
}

// write stores the item it, whose value it keeps, if cond holds and the budget allows.
func (sh *shard) write(key string, cond condition, it store.Item) (*entry, uint64, error) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	cur, err := sh.lookup(key)
	if err == store.ErrClosed {
		return nil, 0, err
	}
	if err := cond.check(cur); err != nil {
		return nil, 0, err
	}
	e := sh.entries[key] // present, or expired and not freed yet
	if e == nil {
		if !sh.budget.reserve(1, cost(key, it.Value), it.Expendable) {
			return nil, 0, store.ErrFull
		}
		e = &entry{key: strings.Clone(key), at: -1, expendable: it.Expendable}
		sh.entries[e.key] = e
		sh.peak = max(sh.peak, len(sh.entries))
		sh.ringOf(e.expendable).add(e)
	} else {
		if !sh.budget.reserve(0, int64(len(it.Value))-int64(len(e.value)), it.Expendable) {
			return nil, 0, store.ErrFull
		}
		if e.expendable != it.Expendable {
			sh.ringOf(e.expendable).drop(e)
			e.expendable = it.Expendable
			sh.ringOf(e.expendable).add(e)
		}
		e.read.Store(true)
	}
	sh.last++
	e.value, e.version = it.Value, sh.last
	sh.expire(e, it.Expires)
	return e, e.version, nil
}

func (sh *shard) delete(key string) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.entries == nil {
		return store.ErrClosed
	}
	if e := sh.entries[key]; e != nil {
		sh.remove(e)
	}
	return nil
}

func (sh *shard) touch(key string, expires time.Time) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e, err := sh.lookup(key)
	if err != nil {
		return err
	}
	sh.expire(e, expires)
	return nil
}

// appendKeys adds the keys with prefix, expired ones included.
func (sh *shard) appendKeys(keys []string, prefix string) ([]string, error) {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.entries == nil {
		return keys, store.ErrClosed
	}
	for key := range sh.entries {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func (sh *shard) close() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, e := range sh.entries {
		sh.remove(e)
	}
	sh.entries, sh.due = nil, nil
}

// evict removes one entry other than but, and reports whether it found one. It takes an
// expired entry if there is one, and otherwise one of the given kind by SIEVE.
func (sh *shard) evict(but *entry, expendable bool) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(sh.due) > 0 && sh.due[0] != but && sh.due[0].expired(time.Now()) {
		sh.remove(sh.due[0])
		sh.budget.expired.Add(1)
		return true
	}
	e := sh.ringOf(expendable).next(but)
	if e == nil {
		return false
	}
	sh.remove(e)
	sh.budget.evicted.Add(1)
	return true
}

// sweep frees at most limit entries that expired before now. It returns how
// many, and the next deadline, which is zero when there is none.
func (sh *shard) sweep(now time.Time, limit int) (freed int, next time.Time) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for ; freed < limit && len(sh.due) > 0 && sh.due[0].expired(now); freed++ {
		sh.remove(sh.due[0])
		sh.budget.expired.Add(1)
	}
	if len(sh.due) > 0 {
		next = sh.due[0].expires
	}
	return freed, next
}

// remove removes e from the map, the heap and its ring. The caller holds the lock.
func (sh *shard) remove(e *entry) {
	delete(sh.entries, e.key)
	sh.expire(e, time.Time{})
	sh.ringOf(e.expendable).drop(e)
	sh.budget.release(1, cost(e.key, e.value))
	if len(sh.entries) == 0 && sh.peak > smallMap {
		// A map and a slice keep the size that they had at their peak.
		sh.entries, sh.due, sh.peak = make(map[string]*entry), nil, 0
	}
}

// expire sets the deadline of e. The caller holds the lock.
func (sh *shard) expire(e *entry, expires time.Time) {
	e.expires = expires
	switch {
	case expires.IsZero() && e.at >= 0:
		heap.Remove(&sh.due, e.at)
	case !expires.IsZero() && e.at >= 0:
		heap.Fix(&sh.due, e.at)
	case !expires.IsZero():
		heap.Push(&sh.due, e)
	}
}

// expiryHeap has the entry with the earliest deadline first.
type expiryHeap []*entry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].expires.Before(h[j].expires) }

func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *expiryHeap) Push(x any) {
	e := x.(*entry)
	e.at = len(*h)
	*h = append(*h, e)
}

func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.at = -1
	return e
}
