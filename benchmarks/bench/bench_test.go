package bench_test

import (
	"errors"
	"testing"
	"time"

	"github.com/reecho-go/reecho/benchmarks/bench"
)

var sink []byte

func TestRun(t *testing.T) {
	spin := func(n int) func(int) error {
		return func(int) error {
			for range n {
				sink = make([]byte, 1<<10)
			}
			return nil
		}
	}
	results := bench.Run([]bench.Workload{{
		Group: "g", Name: "w", Reference: "slow",
		Rows: []bench.Row{{Peer: "fast", Op: spin(1)}, {Peer: "slow", Op: spin(50)}, {Peer: "broken", Op: func(int) error { return errors.New("boom") }}},
	}, {
		Group: "g", Name: "parallel", Parallel: true, Rows: []bench.Row{{Peer: "fast", Op: spin(1)}},
	}}, bench.Settings{Rounds: 3, Round: time.Millisecond})
	rows := results[0].Rows
	if rows[1].Ratio != 1 || rows[0].Ratio >= 1 || rows[0].Allocs != 1 || rows[1].Allocs != 50 || rows[0].Bytes < 1<<10 {
		t.Errorf("rows = %+v", rows)
	}
	if rows[2].Error != "boom" || rows[2].Ratio != 0 {
		t.Errorf("the broken row = %+v", rows[2])
	}
	if results[1].Rows[0].NsPerOp <= 0 || results[1].Rows[0].Ratio != 1 {
		t.Errorf("the parallel row = %+v", results[1].Rows[0])
	}
}
