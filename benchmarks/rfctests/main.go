// Command rfctests runs the public suite of tests for HTTP caches, http-cache-tests
// of npm, against package respcache with Config.RFC: the suite's origin behind an app
// on echo whose only handler is a reverse proxy. It fails unless those tests fail,
// and only those, that the document given by -failures lists.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware/respcache"
)

// version is that of the suite. The document of failures is about it.
const version = "0.4.5"

// originProgram starts the suite's origin on a free port of the loopback interface
// only, and kindsProgram prints what kind each test is of.
var (
	//go:embed origin.mjs
	originProgram string
	//go:embed kinds.mjs
	kindsProgram string
)

func main() {
	dir := flag.String("dir", "artifacts/rfctests", "where the suite is installed")
	failures := flag.String("failures", "docs/rfc9111.md", "the document that lists the tests that fail")
	id := flag.String("id", "", "run this test alone, and show its messages")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := run(ctx, *dir, *failures, *id); err != nil {
		fmt.Fprintln(os.Stderr, "rfctests:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, failures, id string) error {
	suite, err := install(ctx, dir)
	if err != nil {
		return err
	}
	origin, err := startOrigin(ctx, suite)
	if err != nil {
		return err
	}
	defer origin.stop()
	base, stop, err := startProxy(ctx, origin.url)
	if err != nil {
		return err
	}
	defer stop()
	if id != "" {
		out, err := node(ctx, suite, "cli.mjs", "npm_config_base="+base, "npm_config_id="+id)
		fmt.Printf("%s", out)
		return err
	}
	results, err := test(ctx, suite, base)
	if err != nil {
		return err
	}
	return judge(results, failures)
}

// install makes sure that the suite is in dir, and returns its folder.
func install(ctx context.Context, dir string) (string, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%s is missing: install it, on Debian with apt-get install nodejs npm", program)
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	suite := filepath.Join(dir, "node_modules", "http-cache-tests")
	if b, err := os.ReadFile(filepath.Join(suite, "package.json")); err == nil && bytes.Contains(b, []byte(`"version": "`+version+`"`)) {
		return suite, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "http-cache-tests@"+version)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the suite cannot be installed: npm install --prefix %s http-cache-tests@%s: %w: %s", dir, version, err, bytes.TrimSpace(out))
	}
	return suite, nil
}

// command is node with these arguments and variables, in the suite's folder.
func command(ctx context.Context, suite string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "node", append([]string{"--no-warnings"}, args...)...)
	cmd.Dir, cmd.Stderr = suite, os.Stderr
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// node runs a program of the suite and returns what it has printed.
func node(ctx context.Context, suite, program string, env ...string) ([]byte, error) {
	out, err := command(ctx, suite, append(env, "npm_package_config_id="), program).Output()
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", program, err)
	}
	return out, nil
}

// server is the origin of the suite.
type server struct {
	url  *url.URL
	stop func()
}

func startOrigin(ctx context.Context, suite string) (*server, error) {
	ctx, cancel := context.WithCancel(ctx)
	env := []string{"npm_config_protocol=http", "npm_config_port=0", "npm_config_pidfile=" + os.DevNull}
	cmd := command(ctx, suite, env, "--input-type=module", "--eval", originProgram)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("the origin does not start: %w", err)
	}
	s := &server{stop: func() { cancel(); _ = cmd.Wait() }}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "Listening on "); ok {
			if s.url, err = url.Parse(strings.TrimSuffix(at, "/")); err != nil {
				break
			}
			go func() { // what it prints later would block it
				for lines.Scan() {
				}
			}()
			return s, nil
		}
	}
	s.stop()
	return nil, errors.Join(errors.New("the origin does not say where it listens"), lines.Err())
}

// startProxy serves an app that is a caching proxy of origin.
func startProxy(ctx context.Context, origin *url.URL) (base string, stop func(), err error) {
	pages, err := respcache.New("pages", respcache.Config{RFC: true})
	if err != nil {
		return "", nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(origin) },
		Transport:    &http.Transport{DisableCompression: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	e := echo.New()
	methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "M-SEARCH"}
	e.Match(methods, "/*", echo.WrapHandler(proxy), echov4.Use(pages))
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	return "http://" + l.Addr().String(), func() { _ = s.Close(); _ = pages.Close(context.Background()) }, nil
}

// result is what has become of one test.
type result struct {
	kind   string // required, optimal or check
	failed string // why; empty: it has not
}

// test runs all tests of the suite.
func test(ctx context.Context, suite, base string) (map[string]result, error) {
	out, err := command(ctx, suite, nil, "--input-type=module", "--eval", kindsProgram).Output()
	if err != nil {
		return nil, err
	}
	var kinds map[string]string
	if err := json.Unmarshal(out, &kinds); err != nil {
		return nil, fmt.Errorf("what kinds the tests are of: %w", err)
	}
	out, err = node(ctx, suite, "cli.mjs", "npm_config_base="+base, "npm_config_id=")
	if err != nil {
		return nil, err
	}
	var said map[string]any
	if err := json.Unmarshal(out, &said); err != nil {
		return nil, fmt.Errorf("the results of the suite: %w", err)
	}
	results := make(map[string]result)
	for id, kind := range kinds {
		r := result{kind: kind}
		switch what := said[id].(type) {
		case bool:
		case []any:
			r.failed = fmt.Sprint(what...)
		default:
			r.failed = "it was not run"
		}
		results[id] = r
	}
	return results, nil
}

// row is a line of the document: the name of a test and why it fails.
var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (required|optimal) \\| (.+) \\|$")

// judge compares the results with the document.
func judge(results map[string]result, failures string) error {
	doc, err := os.ReadFile(failures)
	if err != nil {
		return err
	}
	listed := make(map[string]bool)
	var errs []error
	for _, m := range row.FindAllStringSubmatch(string(doc), -1) {
		listed[m[1]] = true
		if r := results[m[1]]; r.failed == "" {
			errs = append(errs, fmt.Errorf("%s (%s) passes, or is none: take it out of %s", m[1], cmp.Or(r.kind, "unknown"), failures))
		}
	}
	passed, all := make(map[string]int), make(map[string]int)
	for _, id := range slices.Sorted(maps.Keys(results)) {
		r := results[id]
		all[r.kind]++
		if r.failed == "" {
			passed[r.kind]++
		} else if r.kind != "check" && !listed[id] {
			errs = append(errs, fmt.Errorf("%s (%s) fails: %s", id, r.kind, r.failed))
		}
	}
	for _, kind := range []string{"required", "optimal"} {
		fmt.Printf("%s: %d of %d pass\n", kind, passed[kind], all[kind])
	}
	fmt.Printf("checks, which have no right answer: %d of %d are answered with yes\n", passed["check"], all["check"])
	return errors.Join(errs...)
}
