// Login is a small app with accounts: log in, stay logged in, see where, log
// out here or everywhere. README.md says what to try and what it shows.
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
	"syscall"
	"time"
)

func main() { program(rounds) }

// program is the program with that many rounds for passwords: the tests of whole
// processes, which run it under the race detector, take fewer.
func program(rounds int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, rounds); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "login:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then lets requests finish.
func run(ctx context.Context, args []string, out io.Writer, rounds int) (err error) {
	flags := flag.NewFlagSet("login", flag.ContinueOnError)
	flags.SetOutput(out)
	addr := flags.String("addr", "localhost:8080", "`address` to listen on; port 0 takes a free one")
	insecure := flags.Bool("insecure", false, "send cookies over plain http, for other machines and for Safari on localhost")
	var sessions place
	flags.StringVar(&sessions.File, "file", "", "keep sessions in this `file`, so that they outlive the program")
	flags.StringVar(&sessions.Redis, "redis", "", "keep sessions in the Redis server at this `address`, so that several programs share them; needs -secret")
	flags.StringVar(&sessions.Secret, "secret", "", "`file` of the key that seals the cookies, made if it is not there (default: with -file, its name and .secret; without, a new key at each start)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not a flag; see -help", flags.Arg(0))
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another program listens on %s: choose another port with -addr, such as -addr localhost:8090", *addr)
	}
	if err != nil {
		return fmt.Errorf("-addr %s: %w", *addr, err)
	}
	defer func() { _ = l.Close() }() // the server may have closed it
	a, err := newApp(ctx, config{Insecure: *insecure, Sessions: sessions, Rounds: rounds, Accounts: map[string]string{"ada": "analytical engine", "grace": "nanoseconds"}})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, a.Close(ctx))
	}()
	fmt.Fprintf(out, "login: http://%s (ada, \"analytical engine\"; or grace, \"nanoseconds\")\n", l.Addr())

	server := &http.Server{Handler: a, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 64 << 10}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = server.Shutdown(ctx)
	if served := <-done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
