// Package bench runs comparisons: the same work done by several peers, in
// interleaved rounds within one process, so that a machine whose speed drifts
// treats all of them alike. What is reported are medians and their ratios to a
// reference row of the same workload and run.
package bench

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A Row is one peer doing a workload. It has one of Op, Figure and Say.
type Row struct {
	Peer string
	// Op does the work once; i counts from 0. A parallel workload calls it from
	// one goroutine per processor at a time.
	Op func(i int) error
	// Figure does its own measuring, once a round, in the workload's Unit.
	Figure func() (float64, error)
	// Say answers in words; it is asked once. Then all rows of the workload do.
	Say func() (string, error)
	// Check says what is wrong with the answers; nil if nothing is. It is for
	// tests, and not measured. A nil Check is content.
	Check func() error
	// Flaw is what Check finds wrong with this peer; empty: nothing. It is
	// printed beside the row.
	Flaw string
	// Note is what else is printed beside the row.
	Note string
	// Close ends what the row has started; nil: nothing.
	Close func()
}

// A Workload is the same work done by several peers.
type Workload struct {
	Group string // such as "hit"
	Name  string // such as "int key, 100 rows"
	// Prepare makes the rows. It is called right before they are used, so that
	// no workload is measured beside the data of another.
	Prepare func() ([]Row, error)
	// Small makes the same rows over less data, for tests, which ask whether the answers
	// are right; nil: Prepare does.
	Small func() ([]Row, error)
	// Reference is the peer whose median is 1.0; the first row if empty.
	Reference string
	// Parallel runs Op on all processors at once; otherwise it runs on one.
	Parallel bool
	// Elapsed measures the time that passes, of one operation after the other on all
	// processors, since others do the work too: a server, a disk. Parallel does so by
	// itself.
	Elapsed bool
	// Unit is that of the rows' figures; empty: nanoseconds.
	Unit string
	// Once measures the rows' figures in one round, since they are slow and do
	// not vary.
	Once bool
	// Waits says that a row's Check waits for times of its own choice. Tests run it
	// in a bubble of testing/synctest, where no busy machine changes its answer.
	Waits bool
}

// Close ends what the rows have started.
func Close(rows []Row) {
	for _, row := range rows {
		if row.Close != nil {
			row.Close()
		}
	}
}

// A Measure is the result of one row.
type Measure struct {
	Peer     string  `json:"peer"`
	Note     string  `json:"note,omitempty"`
	Text     string  `json:"text,omitempty"` // the answer in words: then there are no numbers
	NsPerOp  float64 `json:"ns_per_op"`      // median of the rounds, in the Unit of the result
	MinNs    float64 `json:"min_ns"`
	MaxNs    float64 `json:"max_ns"`
	Allocs   int64   `json:"allocs_per_op"`
	Bytes    int64   `json:"bytes_per_op"`
	Ratio    float64 `json:"ratio"` // median of those to the reference of the workload; 0 when the row failed
	Error    string  `json:"error,omitempty"`
	perRound []float64
}

// A Result is a measured workload.
type Result struct {
	Group     string    `json:"group"`
	Name      string    `json:"name"`
	Parallel  bool      `json:"parallel"`
	Unit      string    `json:"unit,omitempty"` // empty: nanoseconds per operation
	Reference string    `json:"reference"`
	Rows      []Measure `json:"rows"`
}

// Words reports whether the rows answer in words.
func (r Result) Words() bool {
	return slices.ContainsFunc(r.Rows, func(m Measure) bool { return m.Text != "" })
}

// Settings of a run.
type Settings struct {
	Rounds int           // how often each row is measured; at least 1
	Round  time.Duration // how long one measurement takes, about
	// Progress is called before each round; nil: silent.
	Progress func(format string, args ...any)
}

// liveHeap is how much memory is alive while rows are measured, as in a small
// app. Without it the heap would be at its least, 4 MB, and a row that makes
// 1 MB of garbage would start a collection at every third operation: its fixed
// price and the pages given back to the system and faulted in again, not the
// row's work, made up nine tenths of the time, and the ratio of two equal rows
// was anything from 0.4 to 3. Nothing touches this memory, and all rows share it.
const liveHeap = 64 << 20

// Run measures the workloads one after the other, the rows of each in turn,
// round by round, and long operations one by one; every other round goes
// backwards. It ends early, by an error,
// when ctx does.
func Run(ctx context.Context, workloads []Workload, s Settings) ([]Result, error) {
	var out []Result
	live := make([]byte, liveHeap)
	defer runtime.KeepAlive(live)
	for i, w := range workloads {
		r, err := run(ctx, w, s, fmt.Sprintf("%d/%d", i+1, len(workloads)))
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", w.Group, w.Name, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// run measures one workload; at says how far the whole run is.
func run(ctx context.Context, w Workload, s Settings, at string) (Result, error) {
	r := Result{Group: w.Group, Name: w.Name, Parallel: w.Parallel, Unit: w.Unit, Reference: w.Reference}
	rows, err := w.Prepare()
	defer Close(rows)
	if err != nil {
		return r, err
	}
	r.Reference = cmp.Or(r.Reference, rows[0].Peer)
	if !w.Parallel && !w.Elapsed && rows[0].Op != nil {
		defer alone()()
	}
	r.Rows = make([]Measure, len(rows))
	loops := make([]int, len(rows))
	// Twice: the first rows would be slowed down by memory that is used for the
	// first time, and so get rounds that are too short to see the collector.
	for range 2 {
		for j, row := range rows {
			r.Rows[j] = Measure{Peer: row.Peer, Note: row.note()}
			if row.Op != nil {
				loops[j] = w.calibrate(row, s.Round, &r.Rows[j])
			}
		}
	}
	rounds := s.Rounds
	if w.Once || rows[0].Say != nil {
		rounds = 1
	}
	for round := range rounds {
		if s.Progress != nil {
			s.Progress("%s %s: %s, round %d of %d", at, w.Group, w.Name, round+1, rounds)
		}
		if w.takesTurns(rows, loops, s.Round) {
			if err := w.turns(ctx, rows, loops, r.Rows); err != nil {
				return r, err
			}
			continue
		}
		for j := range rows {
			if round%2 == 1 {
				j = len(rows) - 1 - j
			}
			if err := ctx.Err(); err != nil {
				return r, err
			}
			if r.Rows[j].Error == "" {
				w.measure(rows[j], loops[j], &r.Rows[j])
			}
		}
	}
	for j := range r.Rows {
		r.Rows[j].finish()
	}
	r.rate()
	return r, nil
}

// note is what is printed beside the row.
func (r Row) note() string {
	return strings.Join(slices.DeleteFunc([]string{r.Flaw, r.Note}, func(s string) bool { return s == "" }), "; ")
}

// rate fills in the ratios: each is the median of the ratios within a round,
// since what slows a machine down lasts longer than a round and concerns all
// rows.
func (r *Result) rate() {
	at := slices.IndexFunc(r.Rows, func(m Measure) bool { return m.Peer == r.Reference })
	if at < 0 {
		return
	}
	reference := r.Rows[at].perRound
	for j := range r.Rows {
		var ratios []float64
		for round, ns := range r.Rows[j].perRound {
			if round < len(reference) && reference[round] > 0 {
				ratios = append(ratios, ns/reference[round])
			}
		}
		r.Rows[j].Ratio = Median(ratios)
	}
}

func (m *Measure) finish() {
	if len(m.perRound) == 0 {
		return
	}
	m.MinNs, m.MaxNs = slices.Min(m.perRound), slices.Max(m.perRound)
	m.NsPerOp = Median(slices.Clone(m.perRound))
}

// Median is the middle of xs, or the mean of the two in the middle; 0 for
// none. It sorts xs.
func Median(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	slices.Sort(xs)
	return (xs[(len(xs)-1)/2] + xs[len(xs)/2]) / 2
}

// calibrate finds how many operations make a round; it also warms up.
func (w Workload) calibrate(row Row, round time.Duration, m *Measure) int {
	n := 1
	for {
		took, err := w.timed(row, n)
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

func (w Workload) measure(row Row, n int, m *Measure) {
	switch {
	case row.Say != nil:
		m.answer(row.Say)
		return
	case row.Figure != nil:
		runtime.GC() // as below
		m.figure(row.Figure)
		return
	}
	runtime.GC() // so that no row pays for the garbage of another
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, err := w.timed(row, n)
	runtime.ReadMemStats(&after)
	if err != nil {
		m.Error = err.Error()
		return
	}
	m.perRound = append(m.perRound, float64(took.Nanoseconds())/float64(n))
	m.allocated(&before, &after, n)
}

func (m *Measure) answer(say func() (string, error)) {
	var err error
	if m.Text, err = say(); err != nil {
		m.Error = err.Error()
	}
}

func (m *Measure) figure(figure func() (float64, error)) {
	v, err := figure()
	if err != nil {
		m.Error = err.Error()
		return
	}
	m.perRound = append(m.perRound, v)
}
