package peers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	others "github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware/respcache"
)

// Responder is a process that answers GET requests over the loopback interface with
// [Page].
type Responder struct {
	Name, Note string

	Addr string // host and port
	Hit  string // how a line of the headers begins that says that the cache has answered; empty: there is no cache
	PID  int    // of the process, or of that one of its processes which answers

	close func()
}

// Close ends the process.
func (r Responder) Close() {
	if r.close != nil {
		r.close()
	}
}

// The rows of responders.
const (
	EchoAlone = "echo alone"
	OursProxy = Ours + ", RFC, as a proxy"
	Fiber     = "fiber cache"
	Nginx     = "nginx proxy_cache"
)

// Page is what is answered.
var Page = bytes.Repeat([]byte("x"), 4<<10)

// lifetime is how long the route lets its page be kept.
const lifetime = "max-age=3600"

// Responders starts all of them, the one without a cache first, which is also what
// stands behind the proxies. The caller closes what is returned, also with an error.
func Responders() (all []Responder, err error) {
	add := func(r Responder, failed error) {
		all, err = append(all, r), errors.Join(err, failed)
	}
	add(startSelf(Responder{Name: EchoAlone}))
	add(startSelf(Responder{Name: Ours, Hit: "Cache-Status: reecho; hit"}))
	add(startSelf(Responder{Name: Fiber, Hit: "X-Cache: hit", Note: "on fasthttp, without net/http"}))
	if err != nil {
		return all, err
	}
	origin := all[0].Addr
	add(startSelf(Responder{Name: OursProxy, Hit: "Cache-Status: reecho; hit", Note: "in front of " + EchoAlone}, origin))
	add(startNginx(Responder{Name: Nginx, Hit: "X-Cache-Status: HIT", Note: "one worker, in front of " + EchoAlone}, origin))
	return all, err
}

// ServeCommand is the first argument of a program that is one of its own peers; see
// [Serve].
const ServeCommand = "serve"

// startSelf starts this program as a responder, with as many processors as a worker of
// nginx has.
func startSelf(r Responder, origin ...string) (Responder, error) {
	program, err := os.Executable()
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(context.Background(), program, append([]string{ServeCommand, r.Name}, origin...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return r, err
	}
	if err := cmd.Start(); err != nil {
		return r, err
	}
	r.PID, r.close = cmd.Process.Pid, func() {
		_ = in.Close()
		_ = cmd.Wait() // it ends
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return r, fmt.Errorf("%s does not say where it listens: %w", r.Name, err)
	}
	r.Addr = strings.TrimSpace(line)
	return r, nil
}

// Serve is what the process of a responder does: it prints its address, and answers
// until stdin ends, as it does when the process ends that has started it. The arguments
// are the responder's name, and for a proxy the address of what stands behind it.
func Serve(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s: name a responder", ServeCommand)
	}
	serve, err := server(args[0], args[1:])
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	over := make(chan error, 2)
	go func() { over <- serve(l) }()
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		over <- err
	}()
	return <-over
}

// server is what a responder answers by.
func server(name string, args []string) (func(net.Listener) error, error) {
	switch {
	case name == Fiber && len(args) == 0:
		return others.FiberCached(func(string) ([]byte, string) { return Page, "" }).Listener, nil
	case name == EchoAlone && len(args) == 0:
		return echoServer(page), nil
	case name == Ours && len(args) == 0:
		return cachedServer(page, respcache.Config{TTL: time.Hour})
	case name == OursProxy && len(args) == 1:
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: args[0]}) }}
		return cachedServer(echo.WrapHandler(proxy), respcache.Config{RFC: true})
	}
	return nil, fmt.Errorf("%s: no responder is %q with %q", ServeCommand, name, args)
}

// page is the route that all of them have. It says how long its page is: without that
// echo alone and nginx send it in chunks, and the caches written in Go do not.
func page(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Cache-Control", lifetime)
	h.Set("Content-Length", strconv.Itoa(len(Page)))
	return c.Blob(http.StatusOK, "text/plain", Page)
}

func echoServer(route echo.HandlerFunc, mws ...echo.MiddlewareFunc) func(net.Listener) error {
	e := echo.New()
	e.GET("/*", route, mws...)
	s := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	return s.Serve
}

// cachedServer is a route of echo behind our cache.
func cachedServer(route echo.HandlerFunc, cfg respcache.Config) (func(net.Listener) error, error) {
	var err error
	if cfg.Group, err = cachedata.NewGroup("responses", cachedata.GroupConfig{}); err != nil {
		return nil, err
	}
	c, err := respcache.New("pages", cfg)
	if err != nil {
		return nil, err
	}
	return echoServer(route, echov4.Use(c)), nil
}
