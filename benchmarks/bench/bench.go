// Package bench runs comparisons: the same work done by several peers, in
// interleaved rounds within one process, so that a machine whose speed drifts
// treats all of them alike. What is reported are medians and their ratios to a
// reference row of the same workload and run.
package bench

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
)

// A Row is one peer doing a workload.
type Row struct {
	Peer string
	// Op does the work once; i counts from 0. A parallel workload calls it from
	// one goroutine per processor at a time.
	Op func(i int) error
	// Note is printed beside the row: what the peer does less than the others.
	Note string
}

// A Workload is the same work done by several peers.
type Workload struct {
	Group string // such as "hit"
	Name  string // such as "int key, 100 rows"
	Rows  []Row
	// Reference is the peer whose median is 1.0; the first row if empty.
	Reference string
	// Parallel runs Op on all processors at once.
	Parallel bool
}

// A Measure is the result of one row.
type Measure struct {
	Peer     string  `json:"peer"`
	Note     string  `json:"note,omitempty"`
	NsPerOp  float64 `json:"ns_per_op"` // median of the rounds
	MinNs    float64 `json:"min_ns"`
	MaxNs    float64 `json:"max_ns"`
	Allocs   int64   `json:"allocs_per_op"`
	Bytes    int64   `json:"bytes_per_op"`
	Ratio    float64 `json:"ratio"` // to the reference of the workload; 0 when the row failed
	Error    string  `json:"error,omitempty"`
	perRound []float64
}

// A Result is a measured workload.
type Result struct {
	Group     string    `json:"group"`
	Name      string    `json:"name"`
	Parallel  bool      `json:"parallel"`
	Reference string    `json:"reference"`
	Rows      []Measure `json:"rows"`
}

// Settings of a run.
type Settings struct {
	Rounds int           // how often each row is measured; at least 1
	Round  time.Duration // how long one measurement takes, about
	// Progress is called before each round; nil: silent.
	Progress func(format string, args ...any)
}

// Run measures the workloads one after the other, the rows of each in turn,
// round by round; every other round goes backwards.
func Run(workloads []Workload, s Settings) []Result {
	var out []Result
	for i, w := range workloads {
		r := Result{Group: w.Group, Name: w.Name, Parallel: w.Parallel, Reference: cmp.Or(w.Reference, w.Rows[0].Peer), Rows: make([]Measure, len(w.Rows))}
		loops := make([]int, len(w.Rows))
		for j, row := range w.Rows {
			r.Rows[j] = Measure{Peer: row.Peer, Note: row.Note}
			loops[j] = calibrate(row, w.Parallel, s.Round, &r.Rows[j])
		}
		for round := range s.Rounds {
			if s.Progress != nil {
				s.Progress("%d/%d %s: %s, round %d of %d", i+1, len(workloads), w.Group, w.Name, round+1, s.Rounds)
			}
			for at := range w.Rows {
				j := at
				if round%2 == 1 {
					j = len(w.Rows) - 1 - at
				}
				if r.Rows[j].Error == "" {
					measure(w.Rows[j], w.Parallel, loops[j], &r.Rows[j])
				}
			}
		}
		for j := range r.Rows {
			r.Rows[j].finish()
		}
		r.rate()
		out = append(out, r)
	}
	return out
}

// rate fills in the ratios.
func (r *Result) rate() {
	at := slices.IndexFunc(r.Rows, func(m Measure) bool { return m.Peer == r.Reference })
	if at < 0 || r.Rows[at].NsPerOp == 0 {
		return
	}
	for j := range r.Rows {
		r.Rows[j].Ratio = r.Rows[j].NsPerOp / r.Rows[at].NsPerOp
	}
}

func (m *Measure) finish() {
	if len(m.perRound) == 0 {
		return
	}
	slices.Sort(m.perRound)
	n := len(m.perRound)
	m.MinNs, m.MaxNs = m.perRound[0], m.perRound[n-1]
	m.NsPerOp = (m.perRound[(n-1)/2] + m.perRound[n/2]) / 2
}

// calibrate finds how many operations make a round; it also warms up.
func calibrate(row Row, parallel bool, round time.Duration, m *Measure) int {
	n := 1
	for {
		took, err := timed(row, parallel, n)
		if err != nil {
			m.Error = err.Error()
			return 0
		}
		if took >= round/4 || n >= 1<<30 {
			return max(1, int(float64(n)*float64(round)/float64(max(took, 1))))
		}
		n *= 4
	}
}

func measure(row Row, parallel bool, n int, m *Measure) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, err := timed(row, parallel, n)
	runtime.ReadMemStats(&after)
	if err != nil {
		m.Error = err.Error()
		return
	}
	m.perRound = append(m.perRound, float64(took.Nanoseconds())/float64(n))
	m.Allocs = int64(after.Mallocs-before.Mallocs) / int64(n)
	m.Bytes = int64(after.TotalAlloc-before.TotalAlloc) / int64(n)
}

// timed does n operations and says how long they took.
func timed(row Row, parallel bool, n int) (time.Duration, error) {
	if !parallel {
		return loop(row.Op, n)
	}
	procs := runtime.GOMAXPROCS(0)
	errs := make(chan error, procs)
	each := max(1, n/procs)
	start := time.Now()
	for range procs {
		go func() {
			_, err := loop(row.Op, each)
			errs <- err
		}()
	}
	var first error
	for range procs {
		first = cmp.Or(first, <-errs)
	}
	return time.Since(start), first
}

func loop(op func(int) error, n int) (time.Duration, error) {
	start := time.Now()
	for i := range n {
		if err := op(i); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// Go runs the workloads as ordinary Go benchmarks.
func Go(b *testing.B, workloads []Workload) {
	for _, w := range workloads {
		for _, row := range w.Rows {
			b.Run(fmt.Sprintf("%s/%s/%s", w.Group, w.Name, row.Peer), func(b *testing.B) {
				b.ReportAllocs()
				if w.Parallel {
					b.RunParallel(func(pb *testing.PB) {
						for i := 0; pb.Next(); i++ {
							if err := row.Op(i); err != nil {
								b.Error(err)
								return
							}
						}
					})
					return
				}
				for i := 0; b.Loop(); i++ {
					if err := row.Op(i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
