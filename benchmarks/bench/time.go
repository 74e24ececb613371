package bench

import (
	"cmp"
	"runtime"
	"time"
)

// On one processor the time of an operation is the CPU time of this process:
// all that the operation costs, with the garbage collection that it causes,
// and nothing of what other programs do meanwhile. On all processors, and where others work
// too, it is the time that passes.

// alone gives the process one processor until the returned function is called.
func alone() (restore func()) {
	procs := runtime.GOMAXPROCS(1)
	return func() { runtime.GOMAXPROCS(procs) }
}

// timed does n operations and says how long they took.
func (w Workload) timed(row Row, n int) (time.Duration, error) {
	if !w.Parallel {
		clock := w.clock()
		start := clock()
		err := loop(row.Op, n)
		return clock() - start, err
	}
	procs := runtime.GOMAXPROCS(0)
	errs := make(chan error, procs)
	each := max(1, n/procs)
	start := time.Now()
	for range procs {
		go func() { errs <- loop(row.Op, each) }()
	}
	var first error
	for range procs {
		first = cmp.Or(first, <-errs)
	}
	return time.Since(start), first
}

func loop(op func(int) error, n int) error {
	for i := range n {
		if err := op(i); err != nil {
			return err
		}
	}
	return nil
}

// clock is what operations that are done one after the other are timed by.
func (w Workload) clock() func() time.Duration {
	if !w.Elapsed {
		return cpuTime
	}
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}
