package bench

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// Nothing here depends on how fast the machine is, or how busy.

func TestRatioIsTheMedianOfThoseWithinRounds(t *testing.T) {
	t.Parallel()
	r := Result{Reference: "reference", Rows: []Measure{
		{Peer: "reference", perRound: []float64{10, 20, 40}}, // on a machine that gets slower
		{Peer: "twice", perRound: []float64{20, 40, 80}},
		{Peer: "one slow round", perRound: []float64{10, 200, 40}},
		{Peer: "failed"},
	}}
	r.rate()
	for i, want := range []float64{1, 2, 1, 0} {
		if got := r.Rows[i].Ratio; got != want {
			t.Errorf("%s: the ratio is %v, want %v", r.Rows[i].Peer, got, want)
		}
	}
}

// Not parallel: the time of other tests would count.
func TestCPUTimeDoesNotCountWaiting(t *testing.T) {
	const wait = time.Second
	start := cpuTime()
	time.Sleep(wait)
	if took := cpuTime() - start; took > wait/2 {
		t.Errorf("waiting for %v took %v of processor time", wait, took)
	}
}

func TestElapsedCountsWaiting(t *testing.T) {
	t.Parallel()
	const wait = 20 * time.Millisecond
	row := Row{Op: func(int) error {
		time.Sleep(wait)
		return nil
	}}
	took, err := Workload{Elapsed: true}.timed(row, 2)
	if err != nil || took < 2*wait {
		t.Errorf("two operations that wait for %v each took %v, %v", wait, took, err)
	}
	measures := make([]Measure, 1)
	if err := (Workload{Elapsed: true}).turns(t.Context(), []Row{row}, []int{2}, measures); err != nil || measures[0].perRound[0] < float64(wait) {
		t.Errorf("in turns: %+v, %v", measures, err)
	}
}

func TestRowsOfLongOperationsTakeTurns(t *testing.T) {
	t.Parallel()
	op := func(int) error { return nil }
	const round = 20 * time.Millisecond
	few, many := 10, int(round/longOperation)+1
	tests := []struct {
		name     string
		parallel bool
		rows     []Row
		loops    []int
		want     bool
	}{
		{"long operations", false, []Row{{Op: op}, {Op: op}}, []int{few, few}, true},
		{"a short one among them", false, []Row{{Op: op}, {Op: op}}, []int{few, many}, false},
		{"on all processors", true, []Row{{Op: op}}, []int{few}, false},
		{"a figure", false, []Row{{}}, []int{0}, false},
	}
	for _, tt := range tests {
		if got := (Workload{Parallel: tt.parallel}).takesTurns(tt.rows, tt.loops, round); got != tt.want {
			t.Errorf("%s: takesTurns() = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestTurnsAreSpreadEvenly(t *testing.T) {
	t.Parallel()
	var order []string
	row := func(peer string) Row {
		return Row{Peer: peer, Op: func(int) error {
			order = append(order, peer)
			return nil
		}}
	}
	rows := []Row{row("a"), row("b"), row("c"), {Peer: "broken", Op: func(int) error { return errors.New("boom") }}}
	measures := make([]Measure, len(rows))
	if err := (Workload{}).turns(t.Context(), rows, []int{6, 6, 2, 3}, measures); err != nil {
		t.Fatal(err)
	}
	// The last four of each row are for counting allocations.
	timed := order[:len(order)-3*4]
	if got, want := strings.Join(timed, ""), "abbacabababbca"; got != want {
		t.Errorf("the turns were %q, want %q", got, want)
	}
	if counted := order[len(timed):]; !slices.IsSorted(counted) {
		t.Errorf("allocations were counted in the order %v: each row is counted by itself", counted)
	}
	for i, m := range measures {
		if broken := i == 3; (m.Error != "") != broken || (len(m.perRound) == 1) == broken {
			t.Errorf("%s: %+v", rows[i].Peer, m)
		}
	}
}
