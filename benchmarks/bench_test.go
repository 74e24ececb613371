package main

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/workloads"
)

// Benchmark is every workload as an ordinary Go benchmark: go test -bench .
func Benchmark(b *testing.B) {
	for _, w := range workloads.Of(workloads.Groups()...) {
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
