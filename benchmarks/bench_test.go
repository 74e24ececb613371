package main

import (
	"testing"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/workloads"
)

// Benchmark is every workload as an ordinary Go benchmark: go test -bench .
func Benchmark(b *testing.B) {
	list, err := workloads.Of(workloads.Groups()...)
	if err != nil {
		b.Fatal(err)
	}
	bench.Go(b, list)
}
