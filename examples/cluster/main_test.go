package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/examples/internal/chromiumtest"
	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/internal/redistest"
)

// asProgram is the environment variable by which a test starts this program anew as
// what it is: the cluster example. What that starts is one too.
const asProgram = "CLUSTER_TEST_PROGRAM"

var browser chromiumtest.Browser // closed by TestMain

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	code := m.Run()
	if err := errors.Join(browser.Close(), leaktest.Find()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// A cluster is the program, running, with its nodes.
type cluster struct {
	cmd   *exec.Cmd
	url   string
	pids  map[string]int
	addrs map[string]string
}

var nodeLine = regexp.MustCompile(`^node (\w+): process (\d+), http://(\S+)$`)

// startCluster starts the program with these flags. It is ended with the test as by
// Ctrl-C.
func startCluster(t *testing.T, flags ...string) *cluster {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), self, append([]string{"-addr", "127.0.0.1:0", "-insecure"}, flags...)...)
	cmd.Env = append(os.Environ(), asProgram+"=yes")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &cluster{cmd: cmd, pids: make(map[string]int), addrs: make(map[string]string)}
	t.Cleanup(c.end)
	for lines := bufio.NewScanner(out); c.url == "" && lines.Scan(); {
		if m := nodeLine.FindStringSubmatch(lines.Text()); m != nil {
			c.pids[m[1]], _ = strconv.Atoi(m[2]) // it is digits
			c.addrs[m[1]] = m[3]
		}
		c.url, _ = strings.CutPrefix(lines.Text(), "cluster: ")
		if !strings.HasPrefix(c.url, "http") {
			c.url = ""
		}
	}
	if c.url == "" || len(c.pids) != 2 {
		t.Fatalf("the program says %+v", c)
	}
	return c
}

// end ends the program gracefully. Twice is fine.
func (c *cluster) end() {
	_ = c.cmd.Process.Signal(os.Interrupt) // it may have ended
	_ = c.cmd.Wait()
}

// A visitor is a browser without scripts.
type visitor struct {
	t      *testing.T
	url    string
	client *http.Client
	body   string
}

func newVisitor(t *testing.T, c *cluster) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t: t, url: c.url, client: &http.Client{Jar: jar, Transport: transport}}
}

func (v *visitor) take(res *http.Response, err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		v.t.Fatalf("%s, %v: %s", res.Status, err, b)
	}
	v.body = string(b)
}

func (v *visitor) get() {
	v.t.Helper()
	v.take(v.client.Get(v.url))
}

var token = regexp.MustCompile(`name="csrf_token" value="([^"]+)"`)

func (v *visitor) clearOn(node string) {
	v.t.Helper()
	m := token.FindStringSubmatch(v.body)
	if m == nil {
		v.t.Fatalf("no token in %s", v.body)
	}
	v.take(v.client.PostForm(v.url+"/node/"+node+"/clear", url.Values{"csrf_token": {m[1]}}))
}

var (
	visitLine = regexp.MustCompile(`this page (\d+) times. This time node (\w+)`)
	rowLine   = regexp.MustCompile(`<td>node (\w+)<td>report (\d+)<td>node (\w+)<td>[^<]+<td>(\w+)<td>`)
)

// page is what the page says.
type shown struct {
	visits, shownBy string
	rows            map[string]rowOf
}

type rowOf struct{ number, madeBy, source string }

func (v *visitor) page() shown {
	v.t.Helper()
	m := visitLine.FindStringSubmatch(v.body)
	if m == nil {
		v.t.Fatalf("no visits in %s", v.body)
	}
	p := shown{m[1], m[2], make(map[string]rowOf)}
	for _, r := range rowLine.FindAllStringSubmatch(v.body, -1) {
		p.rows[r[1]] = rowOf{r[2], r[3], r[4]}
	}
	return p
}

func TestNodesShareSessionsAndResultsAndHearOfEachOthersClears(t *testing.T) {
	t.Parallel()
	c := startCluster(t) // with a server of its own
	v := newVisitor(t, c)
	v.get()
	first := v.page()
	v.get()
	second := v.page()
	if first.visits != "1" || second.visits != "2" || first.shownBy == second.shownBy {
		t.Errorf("two visits: %+v, %+v", first, second)
	}
	both := func(page shown, is func(rowOf) bool) bool { return is(page.rows["A"]) && is(page.rows["B"]) }
	redistest.Eventually(t, "node A loads the report, and node B has the same from the store", func() bool {
		v.clearOn("A")
		page := v.page()
		a := page.rows["A"]
		return a.source == "load" && a.madeBy == "A" && page.rows["B"] == rowOf{a.number, "A", "stored"}
	})
	var report rowOf
	redistest.Eventually(t, "both nodes then have it in memory", func() bool {
		v.get()
		page := v.page()
		report = page.rows["A"]
		return both(page, func(r rowOf) bool { return r == rowOf{report.number, report.madeBy, "hit"} })
	})
	number := report.number
	for i, node := range []string{"B", "A", "B", "A"} {
		v.clearOn(node)
		if r := v.page().rows[node]; r.number <= number {
			t.Errorf("after clear %d, on node %s, it has %+v, and %s was cleared", i, node, r, number)
		}
		redistest.Eventually(t, "no node has what was cleared on node "+node, func() bool {
			v.get()
			return both(v.page(), func(r rowOf) bool { return r.number > number })
		})
		number = max(v.page().rows["A"].number, v.page().rows["B"].number)
	}
}

func TestNodesReplayEachOthersPagesUntilTheReportIsCleared(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	v := newVisitor(t, c)
	v.get() // with the cookies of a session from now on
	form := v.body
	show := func(node string) (body, status string) {
		res, err := v.client.Get(v.url + "/node/" + node + "/print")
		v.take(res, err)
		return v.body, strings.Join(res.Header["Cache-Status"], ", ")
	}
	clearOn := func(node string) {
		v.body = form
		v.clearOn(node)
	}
	var first string
	redistest.Eventually(t, "node B replays the page that node A has made", func() bool {
		clearOn("B")
		first, _ = show("A")
		if !strings.Contains(first, "This page was made by node A") {
			return false // it has not heard of the clear
		}
		for range 2 {
			if body, status := show("B"); body != first || !strings.Contains(status, "; hit") || strings.Contains(status, "detail") {
				return false
			}
		}
		return true
	})
	clearOn("B")
	if body, _ := show("B"); body == first {
		t.Errorf("node B shows %q, and has cleared it", body)
	}
	redistest.Eventually(t, "node A shows another page after the clear on node B", func() bool {
		body, _ := show("A")
		return body != first
	})
}

func TestTheOtherNodeGoesOnWhenOneIsKilled(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "-redis", redistest.Start(t).Addr)
	v := newVisitor(t, c)
	v.get()
	before := v.page()
	kill(t, c.pids["A"])
	for visits := 2; visits <= 4; visits++ {
		v.get()
		p := v.page()
		if p.shownBy != "B" || p.visits != strconv.Itoa(visits) || p.rows["B"].number != before.rows["B"].number || p.rows["A"] != (rowOf{}) {
			t.Errorf("without A: %+v", p)
		}
		if !strings.Contains(v.body, "does not answer") {
			t.Errorf("the page does not say that A is away: %s", v.body)
		}
	}
	v.clearOn("B")
	if p := v.page(); p.rows["B"].source != "load" || p.rows["B"].madeBy != "B" {
		t.Errorf("after a clear on B: %+v", p)
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

func TestNodesEndWithTheProgramThatIsKilled(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "-redis", redistest.Start(t).Addr)
	kill(t, c.cmd.Process.Pid)
	_ = c.cmd.Wait() // it was killed
	for _, addr := range c.addrs {
		for there := true; there; { // a node that stays fails the test by its deadline
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
			if there = err == nil; there {
				_ = conn.Close()
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
}

func TestWhatIsWrongIsSaidInOneLine(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, tt := range []struct {
		name string
		args []string
		path string // of programs
		want string
	}{
		{"a port that is taken", []string{"-addr", taken.Addr().String()}, os.Getenv("PATH"), "another program listens on " + taken.Addr().String()},
		{"an address without a port", []string{"-addr", "nonsense"}, os.Getenv("PATH"), "-addr nonsense: "},
		{"no redis-server", []string{"-addr", "127.0.0.1:0"}, t.TempDir(), "install the Debian package redis-server"},
		{"no server there", []string{"-addr", "127.0.0.1:0", "-redis", "127.0.0.1:1"}, os.Getenv("PATH"), "-redis 127.0.0.1:1"},
		{"an argument too many", []string{"more"}, os.Getenv("PATH"), `"more" is not a flag`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PATH", tt.path)
			var out bytes.Buffer
			err := run(t.Context(), tt.args, strings.NewReader(""), &out)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("run: %v, want one line with %q", err, tt.want)
			}
		})
	}
}

func TestBrowserSeesAClearOnBothNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	tab := browser.NewTab(t)
	tab.Open(c.url)
	tab.Shows("You have seen this page 1 times.")
	tab.Click("#clear-B")
	tab.Shows("You have seen this page 2 times.")
	tab.Click("#clear-A")
	tab.Shows("You have seen this page 3 times.")
}
