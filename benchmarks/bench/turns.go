package bench

import (
	"context"
	"runtime"
	"slices"
	"time"
)

// longOperation is how long an operation takes beside which a look at the clock
// does not count.
const longOperation = 20 * time.Microsecond

// takesTurns reports whether the rows take turns at each operation instead of
// at each round. Long operations can afford it, and need it: they make garbage
// by the megabyte, and what that costs depends on which pages the allocator
// happens to have at hand. With whole rounds for each row, two equal rows that
// copy 1 MB differed by up to 1.7.
func (w Workload) takesTurns(rows []Row, loops []int, round time.Duration) bool {
	if w.Parallel {
		return false
	}
	for j, row := range rows {
		// A failed row has no loops, and no turns.
		if row.Op == nil || loops[j] > int(round/longOperation) {
			return false
		}
	}
	return true
}

// turns measures one round of all rows. Slow rows have fewer turns, spread
// evenly.
func (w Workload) turns(ctx context.Context, rows []Row, loops []int, to []Measure) error {
	runtime.GC()
	clock := w.clock()
	took := make([]time.Duration, len(rows))
	most := slices.Max(loops)
	for i := range most {
		if err := ctx.Err(); err != nil {
			return err
		}
		for j := range rows {
			j = (i + j) % len(rows)
			turn := i * loops[j] / most
			if turn == (i+1)*loops[j]/most || to[j].Error != "" {
				continue
			}
			start := clock()
			err := rows[j].Op(turn)
			took[j] += clock() - start
			if err != nil {
				to[j].Error = err.Error()
			}
		}
	}
	for j, row := range rows {
		if to[j].Error != "" {
			continue
		}
		to[j].perRound = append(to[j].perRound, float64(took[j].Nanoseconds())/float64(loops[j]))
		to[j].count(row)
	}
	return nil
}

// count finds out what a few operations allocate, each row by itself.
func (m *Measure) count(row Row) {
	const n = 4
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := loop(row.Op, n)
	runtime.ReadMemStats(&after)
	if err != nil {
		m.Error = err.Error()
		return
	}
	m.allocated(&before, &after, n)
}

// allocated notes what n operations have allocated.
func (m *Measure) allocated(before, after *runtime.MemStats, n int) {
	m.Allocs = int64(after.Mallocs-before.Mallocs) / int64(n)
	m.Bytes = int64(after.TotalAlloc-before.TotalAlloc) / int64(n)
}
