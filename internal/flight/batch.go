package flight

import "context"

// Batch is a load of several keys at once.
type Batch interface {
	// Task returns the task of key i, an index into the keys of [Table.DoMany].
	Task(i int) Task
	// Leave is Leave of [Terms] for key i.
	Leave(i int) bool
	// Name returns the name of a load of the keys led for a [CycleError], as
	// Work.Name does.
	Name(led []int) string
	// Load computes the results of the keys led, in a goroutine of its own.
	// Before it returns, it calls settle once for each of them, with its index n
	// in led. Its context is like that of Work.Load. If it panics, all its keys
	// have failed.
	Load(ctx context.Context, led []int, settle func(n int, result any, err error))
}

// Result is what DoMany returns for a key.
type Result struct {
	Value any
	Role  Role
	Err   error
}

// DoMany returns the results of the calls of keys. It joins the calls that are in
// flight, takes the results that Find returns, and loads the remaining keys in
// one load, or, if size is not 0, in several at the same time with at most size
// keys each. Everything else is as with [Table.DoAt], for each key separately:
// one may fail while others succeed. When ctx ends, the keys whose calls have
// ended have their results, and the others have the error of ctx.
//
// It starts all its loads before it waits, so callers whose keys overlap never
// wait for each other in a cycle. A duplicate key joins the call of its first
// occurrence.
func (t *Table) DoMany(ctx context.Context, keys []Key, terms Terms, size int, work Batch) []Result {
	results := make([]Result, len(keys))
	if err := ctx.Err(); err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	loading := nodeOf(ctx)
	calls := t.joinMany(ctx, keys, terms, size, work, results, loading)
	if loading != nil {
		defer t.awaitMany(loading, calls, results)()
	}
	t.tracker.waiting.Add(1)
	defer t.tracker.waiting.Add(-1)
	var raised error // a panic of a load that this caller started
	for i, c := range calls {
		if c == nil {
			continue
		}
		r := &results[i]
		if terms.Patience > 0 {
			terms.Leave = func() bool { return work.Leave(i) }
		}
		r.Err = t.wait(ctx, c, &terms)
		if r.Role == Joined && terms.Joined != nil {
			terms.Joined(c.task)
		}
		if r.Err == nil {
			r.Value, r.Err = c.result, c.err
			if r.Role == Led && !terms.Quiet && panicked(c.err) {
				raised = c.err
			}
		}
	}
	Repanic(raised)
	return results
}

// chunk is a load of several keys that is being put together.
type chunk struct {
	*run
	work Batch
	led  []int // the indexes of its keys, in the order of the run's calls
}

// Name names the load by its keys. It is called only when the load has all its keys and
// waits for another load.
func (c *chunk) Name() string { return c.work.Name(c.led) }

// joinMany returns the calls to wait for, nil for a key that has a result already, and
// starts the loads that are needed.
func (t *Table) joinMany(ctx context.Context, keys []Key, terms Terms, size int, work Batch, results []Result, loading *node) []*call {
	calls := make([]*call, len(keys))
	var next *chunk
	lead := func() (*run, error) {
		if next != nil {
			return next.run, nil
		}
		c := &chunk{work: work}
		var err error
		if c.run, err = t.tracker.start(ctx, terms, c, loading); err != nil {
			return nil, err
		}
		next = c
		return c.run, nil
	}
	start := func() {
		if next != nil {
			go t.load(next.run, next.compute)
			next = nil
		}
	}
	for i, key := range keys {
		r := &results[i]
		calls[i], r.Value, r.Role, r.Err = t.join(key, terms.At, loading, work.Task(i), lead)
		if r.Err == errWithin {
			r.Err = loading.backTo(t.within(loading, key))
		}
		if calls[i] == nil || r.Role != Led {
			continue
		}
		next.led = append(next.led, i)
		if len(next.led) == size {
			start()
		}
	}
	start()
	return calls
}

// compute settles the calls of the load.
func (c *chunk) compute(ctx context.Context) {
	c.work.Load(ctx, c.led, func(n int, result any, err error) { c.calls[n].settle(result, err) })
}

// awaitMany notes that loading waits for the calls, until release is called. It leaves
// the calls that would close a cycle.
func (t *Table) awaitMany(loading *node, calls []*call, results []Result) (release func()) {
	awaited := make(map[*run]error)
	for i, c := range calls {
		if c == nil {
			continue
		}
		err, seen := awaited[c.run]
		if !seen {
			err = loading.await(&c.node)
			awaited[c.run] = err
		}
		if err != nil && t.leave(c, false) {
			calls[i], results[i].Err = nil, err
		}
	}
	return func() {
		for r, err := range awaited {
			if err == nil {
				loading.release(&r.node)
			}
		}
	}
}
