package cachedata

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
)

// hit returns the entry of the key if it is in memory, and counts the call.
func (c *core) hit(ctx context.Context, key unsafe.Pointer) (*entry, error) {
	e, _, err := c.lookup(ctx, key)
	if err != nil {
		err = c.failed(err)
	}
	return e, err
}

// loadMany loads keys, or joins their loads, and calls give with each outcome.
func (c *core) loadMany(ctx context.Context, keys []unsafe.Pointer, give func(unsafe.Pointer, *entry, error)) {
	r := c.recorder(ctx)
	used := make([]*used, 0, len(keys))
	if r != nil {
		for _, key := range keys {
			used = append(used, c.use(ctx, key))
		}
	}
	settled := 0
	defer func() { c.counters.misses.Add(uint64(len(keys) - settled)) }() // more than 0 if a load panicked
	for i, o := range c.calls(ctx, keys) {
		settled++
		c.counters.missed(o.source)
		if o.err == nil {
			c.counters.served(o.source)
			c.tellExpired(ctx, keys[i], o.entry, o.source)
		}
		if r != nil {
			used[i].tell(r, o.entry)
		}
		give(keys[i], o.entry, c.loadError(o.err))
	}
}

// outcome is what a call got for one key.
type outcome struct {
	entry  *entry
	source Source
	err    error
}

// calls loads keys, or joins their loads, and returns the outcome for each.
func (c *core) calls(ctx context.Context, keys []unsafe.Pointer) []outcome {
	results := make([]outcome, len(keys))
	slots := make([]slot, len(keys))
	index := make([]int, 0, len(keys)) // the keys without an outcome yet
	for i, key := range keys {
		if results[i].err = c.findSlot(ctx, key, &slots[i]); results[i].err == nil {
			index = append(index, i)
		}
	}
	for len(index) > 0 {
		index = c.joinMany(ctx, slots, index, results)
	}
	return results
}

// joinMany sets the results of the keys at index. It returns those whose results
// are too old for this call.
func (c *core) joinMany(ctx context.Context, slots []slot, index []int, results []outcome) (again []int) {
	in := c.table.era.Load()
	w := &batchWork{core: c}
	terms := flight.Terms{At: c.group.Gate().Mark(), Limit: c.cfg.Timeout, Quiet: true}
	if c.cfg.FailSafe > 0 {
		terms.Patience = c.cfg.SoftTimeout
	}
	if c.observed() {
		terms.Joined = w.waiting(ctx)
	}
	ids := make([]id, len(index))
	for j, i := range index {
		w.loads = append(w.loads, slots[i].newLoad(in, terms.At, toGet))
		ids[j] = slots[i].id
	}
	var led []error
	for j, r := range in.flights.DoMany(ctx, ids, terms, c.cfg.MaxBatch, w) {
		l, o := w.loads[j], &results[index[j]]
		if r.Err == flight.ErrImpatient {
			*o = w.left[j]
			continue
		}
		if o.entry, o.source = l.fallback(ctx, r.Err); o.entry != nil {
			continue
		}
		e, _ := r.Value.(*entry)
		if r.Role == flight.Joined && l.tooOld(l.in, l.id, e, l.came) {
			again = append(again, index[j])
			continue
		}
		*o = outcome{e, l.sourceOf(r.Role, e), r.Err}
		if r.Role == flight.Led {
			led = append(led, r.Err)
		}
	}
	for _, err := range led {
		flight.Repanic(err)
	}
	return again
}

// waiting returns a function that tells a tracing observer, once for each, of the
// loads that other calls have started and that the call of ctx has waited for.
func (w *batchWork) waiting(ctx context.Context) func(flight.Task) {
	told := make(map[*context.Context]bool)
	return func(task flight.Task) {
		l, ok := task.(*load)
		if !ok || slices.Contains(w.loads, l) {
			return
		}
		if own := l.trace.Load(); own != nil && !told[own] {
			told[own] = true
			w.core.waited(ctx, l)
		}
	}
}

// batchWork is the flight.Batch of a call of GetMany.
type batchWork struct {
	core  *core
	loads []*load
	left  map[int]outcome // old results that the caller takes instead of waiting longer
}

// Leave implements flight.Batch.
func (w *batchWork) Leave(i int) bool {
	e, source := w.loads[i].fallback(context.Background(), flight.ErrImpatient)
	if e == nil {
		return false
	}
	if w.left == nil {
		w.left = make(map[int]outcome)
	}
	w.left[i] = outcome{entry: e, source: source}
	return true
}

// Task implements flight.Batch.
func (w *batchWork) Task(i int) flight.Task { return w.loads[i] }

// Name implements flight.Batch.
func (w *batchWork) Name(led []int) string {
	name := w.loads[led[0]].Name()
	if rest := len(led) - 1; rest > 0 {
		name = fmt.Sprintf("%s and %d more", name, rest)
	}
	return name
}

// Load implements flight.Batch.
func (w *batchWork) Load(ctx context.Context, led []int, settle func(int, any, error)) {
	c := w.core
	keys := make([]unsafe.Pointer, 0, len(led))
	asked := make([]int, 0, len(led)) // indexes into led
	asking := make([]*load, 0, len(led))
	all := make([]*load, len(led))
	for n, i := range led {
		all[n] = w.loads[i]
	}
	if c.second != nil {
		c.second.find(ctx, all)
	}
	for n, i := range led {
		if found := w.loads[i].found; found != nil {
			settle(n, found, nil)
			continue
		}
		key, err := w.loads[i].begin()
		if err != nil {
			settle(n, nil, err)
			continue
		}
		keys, asked, asking = append(keys, key), append(asked, n), append(asking, w.loads[i])
	}
	if len(keys) == 0 {
		return
	}
	var from answers
	ctx = c.traced(ctx, asking...)
	err := c.callLoader(ctx, newBatchLoadings(asking), func(ctx context.Context) (err error) {
		from, err = c.fns.many(ctx, keys)
		return err
	})
	if errors.Is(err, ErrVisitorInGlobalLoad) {
		from = nothing // no result of this load may be stored
	}
	come := make([]outcome, 0, len(asked)) // the results that are being written to the store
	var stored sync.WaitGroup
	defer func() { // also if a function of the cache panics for a later key
		stored.Wait()
		for j, o := range come {
			settle(asked[j], o.entry, o.err)
		}
	}()
	for j, n := range asked {
		v, err := c.answer(from, keys[j], err)
		l := w.loads[led[n]]
		e, err := l.loaded(ctx, v, err)
		if c.second == nil {
			settle(n, e, err)
			continue
		}
		come = append(come, outcome{})
		o := &come[len(come)-1]
		stored.Go(func() { o.entry, o.err = l.toStore(ctx, e, err) }) // all at once, so that they share the time of one
	}
}

// nothing are the answers of a load that has returned no results.
func nothing(unsafe.Pointer) unsafe.Pointer { return nil }

// answer returns the result for a key of a load of several keys, which returned err.
func (c *core) answer(from answers, key unsafe.Pointer, err error) (unsafe.Pointer, error) {
	v := from(key)
	switch {
	case v != nil:
		return v, nil
	case err != nil:
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s", ErrNotFound, c.name)
}
