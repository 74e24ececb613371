// Command servers compares what the toolkit does with a Redis server or a file, and
// over connections, with what others do there, on servers that it starts itself. It is
// a module of its own since its peers need as much to be fetched as all the others, or
// more.
//
//	go run .                      everything, about ten minutes
//	go run . -short               everything, roughly, nothing written
//	go run . -only cluster        one group, nothing written
//	go run . -only cluster -write one group, with its table in the README
package main

import (
	"context"
	"errors"

	"github.com/reecho-go/reecho/benchmarks/program"
	"github.com/reecho-go/reecho/benchmarks/servers/peers"
	"github.com/reecho-go/reecho/benchmarks/servers/workloads"
	"github.com/reecho-go/reecho/internal/redisserver"
)

func main() {
	program.Main(program.Program{
		Name: "benchmarks/servers", Dir: "benchmarks/servers", Suffix: "-servers-cluster-loopback", Groups: workloads.All(workloads.Full), Ours: peers.Ours,
		Ready: func() error { return errors.Join(redisserver.Installed(), peers.NginxInstalled()) }, Publish: publish,
		Commands: map[string]func(context.Context, []string) error{peers.ServeCommand: peers.Serve},
		Compared: []string{
			"github.com/alexedwards/scs/v2", "github.com/alexedwards/scs/goredisstore", "github.com/boj/redistore", "github.com/go-redis/cache/v9",
			"github.com/labstack/echo-contrib", "github.com/labstack/echo/v4", "github.com/maypok86/otter/v2", "github.com/redis/go-redis/v9",
			"github.com/redis/rueidis", "go.etcd.io/bbolt", "github.com/gofiber/fiber/v2",
		},
	})
}
