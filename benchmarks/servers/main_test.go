package main

import (
	"testing"

	"github.com/reecho-go/reecho/benchmarks/bench/benchtest"
	"github.com/reecho-go/reecho/benchmarks/servers/workloads"
)

func TestEveryRowIsRightOrSaysItsFlaw(t *testing.T) {
	benchtest.EveryRowIsRight(t, workloads.All(workloads.Size{Visitors: 50, Kept: 1000}))
}

// Benchmark is every workload as an ordinary Go benchmark: go test -bench .
func Benchmark(b *testing.B) { benchtest.Benchmarks(b, workloads.All(workloads.Full)) }
