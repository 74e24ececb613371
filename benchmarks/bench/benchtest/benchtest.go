// Package benchtest tests workloads, and runs them as ordinary benchmarks.
package benchtest

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/reecho-go/reecho/benchmarks/bench"
)

// EveryRowIsRight fails the test if a row does not answer what it was asked, but for
// what it says beside it: a benchmark of a wrong answer measures nothing. A workload
// that is measured once is not run in parallel: it may measure the heap, which is
// everybody's.
func EveryRowIsRight(t *testing.T, groups bench.Groups) {
	t.Helper()
	for _, w := range groups.Of(groups.Names()...) {
		t.Run(w.Group+"/"+w.Name, func(t *testing.T) {
			if !w.Once {
				t.Parallel()
			}
			prepare := w.Small
			if prepare == nil {
				prepare = w.Prepare
			}
			rows, err := prepare()
			defer bench.Close(rows)
			if err != nil {
				t.Fatal(err)
			}
			reference := false
			for _, row := range rows {
				reference = reference || row.Peer == w.Reference
				if row.Op != nil {
					if err := row.Op(0); err != nil {
						t.Errorf("%s: %v", row.Peer, err)
					}
				}
				if row.Check == nil {
					continue
				}
				err := check(t, w, row)
				switch {
				case err != nil && row.Flaw == "":
					t.Errorf("%s: %v", row.Peer, err)
				case err == nil && row.Flaw != "":
					t.Errorf("%s: is right, though its row says %q", row.Peer, row.Flaw)
				}
			}
			if !reference {
				t.Errorf("no row is called %q", w.Reference)
			}
		})
	}
}

// check checks a row, in a bubble of fake time if the workload waits.
func check(t *testing.T, w bench.Workload, row bench.Row) (err error) {
	t.Helper()
	if !w.Waits {
		return row.Check()
	}
	synctest.Test(t, func(*testing.T) { err = row.Check() })
	return err
}

// Benchmarks runs every row of every workload as an ordinary benchmark.
func Benchmarks(b *testing.B, groups bench.Groups) {
	b.Helper()
	for _, w := range groups.Of(groups.Names()...) {
		b.Run(fmt.Sprintf("%s/%s", w.Group, w.Name), func(b *testing.B) {
			rows, err := w.Prepare()
			defer bench.Close(rows)
			if err != nil {
				b.Fatal(err)
			}
			for _, row := range rows {
				b.Run(row.Peer, func(b *testing.B) {
					if row.Op == nil {
						other(b, row, w.Unit)
						return
					}
					b.ReportAllocs()
					if w.Parallel {
						parallel(b, row.Op)
						return
					}
					for i := 0; b.Loop(); i++ {
						if err := row.Op(i); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

// other reports what is no time per operation.
func other(b *testing.B, row bench.Row, unit string) {
	for b.Loop() {
		if row.Say != nil {
			text, err := row.Say()
			if err != nil {
				b.Fatal(err)
			}
			b.Log(text)
			continue
		}
		v, err := row.Figure()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(v, strings.ReplaceAll(cmp.Or(unit, "ns"), " ", "-"))
	}
}

func parallel(b *testing.B, op func(int) error) {
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if err := op(i); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
