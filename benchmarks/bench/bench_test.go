package bench_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/reecho-go/reecho/benchmarks/bench"
)

var sink []byte

func rows(rows ...bench.Row) func() ([]bench.Row, error) {
	return func() ([]bench.Row, error) { return rows, nil }
}

// spin is work that makes n allocations.
func spin(n int) func(int) error {
	return func(int) error {
		for range n {
			sink = make([]byte, 1<<10)
		}
		return nil
	}
}

// Not parallel: it counts allocations.
func TestRun(t *testing.T) {
	closed := 0
	results, err := bench.Run(t.Context(), []bench.Workload{{
		Group: "g", Name: "w", Reference: "slow",
		Prepare: rows(
			bench.Row{Peer: "fast", Op: spin(1), Flaw: "wrong", Note: "odd", Close: func() { closed++ }},
			bench.Row{Peer: "slow", Op: spin(50)},
			bench.Row{Peer: "broken", Op: func(int) error { return errors.New("boom") }},
		),
	}, {
		Group: "g", Name: "parallel", Parallel: true, Prepare: rows(bench.Row{Peer: "fast", Op: func(int) error { return nil }}),
	}}, bench.Settings{Rounds: 3, Round: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	rows := results[0].Rows
	if rows[1].Ratio != 1 || rows[0].Ratio <= 0 || rows[0].Allocs != 1 || rows[1].Allocs != 50 || rows[0].Bytes < 1<<10 {
		t.Errorf("rows = %+v", rows)
	}
	if rows[2].Error != "boom" || rows[2].Ratio != 0 {
		t.Errorf("the broken row = %+v", rows[2])
	}
	if rows[0].Note != "wrong; odd" || rows[1].Note != "" {
		t.Errorf("notes are %q and %q", rows[0].Note, rows[1].Note)
	}
	if closed != 1 {
		t.Errorf("the first row was closed %d times", closed)
	}
	if results[1].Reference != "fast" || results[1].Rows[0].NsPerOp <= 0 || results[1].Rows[0].Ratio != 1 {
		t.Errorf("the parallel workload = %+v", results[1])
	}
}

func TestFiguresAndWords(t *testing.T) {
	t.Parallel()
	figures := []float64{5, 3, 4}
	measured, asked := 0, 0
	figure := func() (float64, error) {
		measured++
		return figures[measured%len(figures)], nil
	}
	results, err := bench.Run(t.Context(), []bench.Workload{{
		Unit: "B", Prepare: rows(bench.Row{Peer: "a", Figure: figure}, bench.Row{Peer: "b", Figure: func() (float64, error) { return 8, nil }}),
	}, {
		Once: true, Prepare: rows(bench.Row{Peer: "a", Figure: figure}, bench.Row{Peer: "b", Figure: func() (float64, error) { return 0, errors.New("boom") }}),
	}, {
		Prepare: rows(bench.Row{Peer: "a", Say: func() (string, error) {
			asked++
			return "yes", nil
		}}, bench.Row{Peer: "b", Say: func() (string, error) { return "", errors.New("boom") }}),
	}}, bench.Settings{Rounds: 3})
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; r.Unit != "B" || r.Words() || r.Rows[0].NsPerOp != 4 || r.Rows[0].MinNs != 3 || r.Rows[1].Ratio != 2 {
		t.Errorf("figures: %+v", r)
	}
	if r := results[1]; measured != 4 || r.Rows[1].Error != "boom" {
		t.Errorf("once: measured %d times in all, %+v", measured, r)
	}
	if r := results[2]; asked != 1 || !r.Words() || r.Rows[0].Text != "yes" || r.Rows[1].Error != "boom" {
		t.Errorf("words: asked %d times, %+v", asked, r)
	}
}

// Not parallel, since Run changes GOMAXPROCS.
func TestRunEndsEarly(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	ctx, cancel := context.WithCancel(t.Context())
	stop := bench.Row{Peer: "a", Op: func(int) error {
		cancel()
		return nil
	}}
	if _, err := bench.Run(ctx, []bench.Workload{{Prepare: rows(stop)}}, bench.Settings{Rounds: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v after an interrupt", err)
	}
	if procs := runtime.GOMAXPROCS(0); procs != before {
		t.Errorf("%d processors of %d are left", procs, before)
	}
	boom := errors.New("boom")
	failing := bench.Workload{Group: "g", Prepare: func() ([]bench.Row, error) { return nil, boom }}
	if _, err := bench.Run(t.Context(), []bench.Workload{failing}, bench.Settings{Rounds: 1}); !errors.Is(err, boom) {
		t.Errorf("Run() = %v when the rows cannot be made", err)
	}
}
