// Cluster is two processes of one app behind a proxy that asks them in turn, with one
// Redis server between them. README.md says what to try and what it shows.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/reecho-go/reecho/internal/redisserver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// run is the whole cluster, or with -node one process of it, until ctx ends.
func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(out)
	addr := flags.String("addr", "localhost:8080", "`address` to listen on; port 0 takes a free one")
	redis := flags.String("redis", "", "`address` of a Redis server (default: one that is started, and ends with the program)")
	insecure := flags.Bool("insecure", false, "send cookies over plain http, for other machines and for Safari on localhost")
	node := flags.String("node", "", "be the process with this `name` of a cluster that runs: the program starts its own with it")
	front := flags.String("front", "", "with -node: the `URL` of the proxy")
	secret := flags.String("secret", "", "with -node: the `file` of the key that seals the cookies")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not a flag; see -help", flags.Arg(0))
	}
	if *node != "" {
		return runNode(ctx, nodeConfig{Name: *node, Front: *front, Redis: *redis, Secret: *secret, Insecure: *insecure}, in, out)
	}
	return runCluster(ctx, *addr, *redis, *insecure, out)
}

// names are those of the processes.
var names = []string{"A", "B"}

// runCluster starts Redis, the processes and the proxy, and ends them when ctx does.
func runCluster(ctx context.Context, addr, redis string, insecure bool, out io.Writer) (err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another program listens on %s: choose another port with -addr, such as -addr localhost:8090", addr)
	}
	if err != nil {
		return fmt.Errorf("-addr %s: %w", addr, err)
	}
	defer func() { _ = l.Close() }() // the server may have closed it
	dir, err := os.MkdirTemp("", "cluster-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if redis == "" {
		server, err := redisserver.Start()
		if errors.Is(err, redisserver.ErrNotInstalled) {
			return fmt.Errorf("%w, or name a server that runs with -redis", err)
		} else if err != nil {
			return err
		}
		defer func() { _ = server.Stop() }()
		redis = server.Addr
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", redis)
	if err != nil {
		return fmt.Errorf("-redis %s: %w", redis, err)
	}
	_ = conn.Close() // there is a server
	url := "http://" + l.Addr().String()
	nodes := new(front)
	for _, name := range names {
		args := []string{"-node", name, "-front", url, "-redis", redis, "-secret", filepath.Join(dir, "secret"), fmt.Sprintf("-insecure=%t", insecure)}
		p, err := startProcess(args)
		if err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
		defer p.end()
		nodes.names, nodes.addrs = append(nodes.names, name), append(nodes.addrs, p.addr)
		fmt.Fprintf(out, "node %s: process %d, http://%s\n", name, p.cmd.Process.Pid, p.addr)
	}
	fmt.Fprintf(out, "cluster: %s\n", url)
	return serve(ctx, l, nodes.proxy())
}

// serve answers requests until ctx ends, then lets them finish.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 64 << 10}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := server.Shutdown(ctx)
	if served := <-done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
