// Explorer is a data app over 10,000 wildlife strikes on aircraft, built with
// all of the toolkit and nothing that runs elsewhere. README.md says which
// file shows which package.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "explorer:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then lets requests finish.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("explorer", flag.ContinueOnError)
	flags.SetOutput(out)
	addr := flags.String("addr", "localhost:8080", "`address` to listen on; port 0 takes a free one")
	state := flags.String("state", defaultState(), "`folder` of the secret that visitors' cookies are sealed with")
	insecure := flags.Bool("insecure", false, "send cookies over plain http, for other machines and for Safari on localhost")
	persist := flags.String("persist", "", "keep results in this `file` too, so that they outlive the program")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not a flag; see -help", flags.Arg(0))
	}
	if *state == "" {
		return errors.New("this user has no config folder: name one with -state")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another program listens on %s: choose another port with -addr, such as -addr localhost:8090", *addr)
	}
	if err != nil {
		return fmt.Errorf("-addr %s: %w", *addr, err)
	}
	defer func() { _ = l.Close() }() // the server may have closed it
	fmt.Fprintln(out, "explorer: loading 10,000 strikes")
	a, err := newApp(ctx, config{State: *state, Insecure: *insecure, Persist: *persist})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, a.Close(ctx))
	}()
	url := "http://" + visibleAddress(l.Addr(), *addr)
	fmt.Fprintf(out, "explorer: %s\ndashboard: %s\n", url, url+dashboardPath+"?token="+a.token)
	return serve(ctx, l, a)
}

// serve answers requests until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
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

// defaultState is the explorer's folder in the user's config folder; empty if
// there is none.
func defaultState() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "reecho-explorer")
}

// visibleAddress returns the address to type into a browser: the host of the flag, with the port
// that the system has assigned.
func visibleAddress(got net.Addr, asked string) string {
	host, _, err := net.SplitHostPort(asked)
	_, port, portErr := net.SplitHostPort(got.String())
	if err != nil || portErr != nil {
		return got.String()
	}
	if host == "" {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
