// Command servers compares what the toolkit does with a Redis server or a file with
// what other libraries do there, on servers that it starts itself. It is a module of
// its own since its peers need more than twice as much to be fetched as all the
// others.
//
//	go run .                      everything, about five minutes
//	go run . -short               everything, roughly, nothing written
//	go run . -only cluster        one group, nothing written
//	go run . -only cluster -write one group, with its table in the README
package main

import (
	"github.com/reecho-go/reecho/benchmarks/program"
	"github.com/reecho-go/reecho/benchmarks/servers/peers"
	"github.com/reecho-go/reecho/benchmarks/servers/workloads"
	"github.com/reecho-go/reecho/internal/redisserver"
)

func main() {
	program.Main(program.Program{
		Name: "benchmarks/servers", Dir: "benchmarks/servers", Suffix: "-servers", Groups: workloads.All(), Ours: peers.Ours,
		Ready: redisserver.Installed, Publish: publish,
	})
}
