// Package workloads is what the benchmarks with servers do: one file per group of
// them.
package workloads

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/servers/peers"
	"github.com/reecho-go/reecho/internal/redisserver"
)

// Size is how much there is of what there is much of.
type Size struct {
	Visitors int // sessions in the server
	Kept     int // results before a restart
	Requests int // of one figure over connections
}

// Full is what the names of the workloads say.
var Full = Size{Visitors: 10_000, Kept: 100_000, Requests: 5_000}

// All are all groups, in the order of the report.
func All(size Size) bench.Groups {
	return bench.Groups{
		{Name: "servers", Workloads: func() []bench.Workload {
			return slices.Concat(Caches(), Sessions(size.Visitors), Files(), Restarts(size.Kept))
		}},
		{Name: "cluster", Workloads: Cluster},
		{Name: "loopback", Workloads: func() []bench.Workload { return Loopback(size.Requests) }},
	}
}

// keyCount is a power of two, so that i&(keyCount-1) walks through the keys.
const keyCount = 1024

func key(i int) string { return "user:" + strconv.Itoa(i) }

// profileOf is what the source has for a key.
func profileOf(key string) peers.Profile {
	return peers.Profile{ID: key, Name: "name " + key, Email: key + "@example.org", City: "Seattle", Bio: "a short text about " + key, Version: 1}
}

func load(_ context.Context, key string) (peers.Profile, error) { return profileOf(key), nil }

// checkAnswer returns an error if an answer is wrong.
func checkAnswer(key string, got peers.Profile, err error) error {
	if err != nil {
		return err
	}
	if want := profileOf(key); got != want {
		return fmt.Errorf("%s: %+v, want %+v", key, got, want)
	}
	return nil
}

// withServer makes the rows of a workload on a Redis server of its own, which is
// stopped after the last of them.
func withServer(rows func(addr string) ([]bench.Row, error)) func() ([]bench.Row, error) {
	return func() ([]bench.Row, error) {
		server, err := redisserver.Start()
		if err != nil {
			return nil, err
		}
		list, err := rows(server.Addr)
		return closing(list, func() { _ = server.Stop() }), err // it is killed anyway
	}
}

// closing has end called after all rows are closed.
func closing(rows []bench.Row, end func()) []bench.Row {
	if len(rows) == 0 {
		end()
		return rows
	}
	last := &rows[len(rows)-1]
	before := last.Close
	last.Close = func() {
		if before != nil {
			before()
		}
		end()
	}
	return rows
}
