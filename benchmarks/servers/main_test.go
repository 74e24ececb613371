package main

import (
	"os"
	"testing"

	"github.com/reecho-go/reecho/benchmarks/bench/benchtest"
	"github.com/reecho-go/reecho/benchmarks/servers/peers"
	"github.com/reecho-go/reecho/benchmarks/servers/workloads"
)

// TestMain lets the program be one of its own peers, as [main] does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == peers.ServeCommand {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestEveryRowIsRightOrSaysItsFlaw(t *testing.T) {
	benchtest.EveryRowIsRight(t, workloads.All(workloads.Size{Visitors: 50, Kept: 1000, Requests: 100}))
}

// Benchmark is every workload as an ordinary Go benchmark: go test -bench .
func Benchmark(b *testing.B) { benchtest.Benchmarks(b, workloads.All(workloads.Full)) }
