package redisstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/internal/redistest"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/redisstore"
)

// nodeServer is the environment variable by which a test starts this program
// anew as one process of an app with sessions: the address of its server. nodeNewer
// has it be a later version of the app, nodeSecret gives it another key.
const (
	nodeServer = "REDISSTORE_TEST_NODE"
	nodeNewer  = "REDISSTORE_TEST_NODE_NEWER"
	nodeSecret = "REDISSTORE_TEST_NODE_SECRET"
)

// profile is what one key of the sessions holds; newProfile in a later version.
type (
	profile    struct{ Name string }
	newProfile struct{ Name, Town string }
)

// serveNode is the process. It serves until its standard input ends.
func serveNode(server string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server}, DisableCache: true})
	fail(err)
	sessions, err := redisstore.New(client, redisstore.Config{Namespace: "app:sessions"})
	fail(err)
	secret := "hZ6uWqk0Jm2nT8sPx4vRb1yLd7fGc3eA" + os.Getenv(nodeSecret)
	m, err := sessionstate.New(sessionstate.Config{
		Secrets: []sessionstate.Secret{{ID: "test", Key: []byte(secret)}}, Store: sessions,
		Observer: observe.Func(func(context.Context, observe.Event) {}),
	})
	fail(err)
	e := echo.New()
	e.Use(echov4.Use(m))
	routes(e, m, os.Getenv(nodeNewer) != "")
	kept, err := redisstore.New(client, redisstore.Config{Namespace: "app:caches"})
	fail(err)
	fail(cacheRoutes(e, kept))
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	fail(err)
	fmt.Println("http://" + l.Addr().String())
	go func() { _ = http.Serve(l, e) }() // until the process ends
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func routes(e *echo.Echo, m *sessionstate.Manager, newer bool) {
	count := sessionstate.NewKey("count", sessionstate.KeyConfig[int]{})
	held, release := make(chan struct{}), make(chan struct{})
	text := func(c echo.Context, err error, args ...any) error {
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprint(args...))
	}
	e.GET("/count", func(c echo.Context) error { return text(c, nil, count.Get(sessionstate.From(c))) })
	e.GET("/add", func(c echo.Context) error {
		n, err := count.Update(sessionstate.From(c), func(n int) int { return n + 1 })
		return text(c, err, n)
	})
	e.GET("/hold", func(c echo.Context) error {
		s := sessionstate.From(c)
		n := count.Get(s)
		close(held)
		<-release
		return text(c, count.Set(s, n+1000))
	})
	e.GET("/held", func(c echo.Context) error {
		<-held
		return text(c, nil)
	})
	e.GET("/release", func(c echo.Context) error {
		close(release)
		return text(c, nil)
	})
	e.GET("/login", func(c echo.Context) error { return text(c, sessionstate.From(c).Login(c.QueryParam("user"))) })
	e.GET("/user", func(c echo.Context) error { return text(c, nil, sessionstate.From(c).User()) })
	e.GET("/logout", func(c echo.Context) error { return text(c, sessionstate.From(c).Destroy()) })
	e.GET("/list", func(c echo.Context) error {
		list, err := m.Users().List(c.Request().Context(), c.QueryParam("user"))
		return text(c, err, len(list))
	})
	e.GET("/revoke", func(c echo.Context) error {
		n, err := m.Users().Revoke(c.Request().Context(), c.QueryParam("user"), nil)
		return text(c, err, n)
	})
	if newer {
		own := sessionstate.NewKey("profile", sessionstate.KeyConfig[newProfile]{Default: newProfile{Town: "none"}})
		e.GET("/profile", func(c echo.Context) error { return text(c, nil, own.Get(sessionstate.From(c)).Name) })
		return
	}
	own := sessionstate.NewKey("profile", sessionstate.KeyConfig[profile]{})
	e.GET("/profile", func(c echo.Context) error { return text(c, own.Set(sessionstate.From(c), profile{"Ada"})) })
}

// node starts a process of the app and returns where it serves.
func node(t *testing.T, server *redistest.Server, env ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), self)
	cmd.Env = append(append(os.Environ(), nodeServer+"="+server.Addr), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the process ends with %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "http://") {
		t.Fatalf("the process says %q, %v", line, err)
	}
	return strings.TrimSpace(line)
}

// visitor is a browser that takes its cookie to each of the processes, as behind a
// proxy that ends TLS.
type visitor struct {
	t      *testing.T
	client *http.Client
	mu     sync.Mutex
	cookie string
}

func newVisitor(t *testing.T) *visitor {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t: t, client: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// get returns the body of a page, which must be there.
func (v *visitor) get(url string) string {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		v.t.Error(err)
		return ""
	}
	v.mu.Lock()
	if v.cookie != "" {
		req.Header.Set("Cookie", v.cookie)
	}
	v.mu.Unlock()
	res, err := v.client.Do(req)
	if err != nil {
		v.t.Error(err)
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Error(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range res.Cookies() {
		v.cookie = c.Name + "=" + c.Value
		if c.Value == "" {
			v.cookie = ""
		}
	}
	if res.StatusCode != http.StatusOK {
		v.t.Errorf("%s: status %d: %s", url, res.StatusCode, b)
	}
	return string(b)
}

func (v *visitor) sees(url, want string) {
	v.t.Helper()
	if got := v.get(url); got != want {
		v.t.Errorf("%s: %q, want %q", url, got, want)
	}
}

func TestTwoProcessesLoseNoUpdateOfASession(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := []string{node(t, server), node(t, server)}
	v := newVisitor(t)
	v.sees(nodes[0]+"/add", "1")
	var all sync.WaitGroup
	const each = 30
	for w := range 8 {
		all.Go(func() {
			for range each {
				v.get(nodes[w%2] + "/add")
			}
		})
	}
	all.Wait()
	for _, n := range nodes {
		v.sees(n+"/count", fmt.Sprint(1+8*each))
	}
}

func TestWhatOneProcessAnsweredTheOtherKnows(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := []string{node(t, server), node(t, server)}
	v := newVisitor(t)
	for i := range 50 {
		v.sees(nodes[i%2]+"/add", fmt.Sprint(i+1))
		v.sees(nodes[1-i%2]+"/count", fmt.Sprint(i+1))
	}
}

func TestASessionThatHasEndedOnOneProcessComesBackOnNone(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := []string{node(t, server), node(t, server)}
	v := newVisitor(t)
	v.get(nodes[0] + "/login?user=ada")
	v.sees(nodes[1]+"/user", "ada")
	thief := newVisitor(t)
	thief.cookie = v.cookie

	// A write is on its way on one while the other logs out.
	slow := newVisitor(t)
	slow.cookie = v.cookie
	ended := make(chan string)
	go func() {
		slow.get(nodes[0] + "/hold")
		ended <- slow.cookie
	}()
	newVisitor(t).get(nodes[0] + "/held")
	v.get(nodes[1] + "/logout")
	newVisitor(t).get(nodes[0] + "/release")
	if cookie := <-ended; cookie != thief.cookie {
		t.Errorf("a write to a session that had ended has set the cookie %q", cookie)
	}
	for _, n := range nodes {
		thief.sees(n+"/user", "")
		slow.sees(n+"/count", "0")
		v.sees(n+"/list?user=ada", "0")
	}
}

func TestIDsThatNoProcessHasGivenAreWorthNothing(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	own, other := node(t, server), node(t, server, nodeSecret+"=other")
	v := newVisitor(t)
	v.get(own + "/add")
	name, value, _ := strings.Cut(v.cookie, "=")
	ended := v.cookie
	v.get(own + "/logout")
	for what, cookie := range map[string]string{
		"made up": name + "=" + strings.Repeat("A", len(value)), "changed": name + "=" + value[:len(value)-4] + "AAAA", "of a session that has ended": ended,
	} {
		guest := newVisitor(t)
		guest.cookie = cookie
		guest.sees(own+"/add", "1")
		if guest.cookie == cookie || guest.cookie == "" {
			t.Errorf("the id that was %s is used on: %q", what, guest.cookie)
		}
	}
	v.sees(own+"/add", "1")
	v.sees(other+"/count", "0") // another secret: not ours
}

func TestAVisitThatChangesNothingWritesNothing(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := []string{node(t, server), node(t, server)}
	c := dial(t, server.Addr)
	s := open(t, c, "app:sessions")
	v := newVisitor(t)
	v.get(nodes[0] + "/add")
	versions := func() (all string) {
		for e, err := range s.Scan(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			all += fmt.Sprintf("%q %d %v; ", e.Key, e.Version, e.Expires)
		}
		return all
	}
	before := versions()
	for range 5 {
		for _, n := range nodes {
			v.sees(n+"/count", "1")
			v.sees(n+"/user", "")
		}
	}
	if after := versions(); after != before {
		t.Errorf("the store has %s, and had %s", after, before)
	}
}

func TestRevocationByUserHoldsOnEveryProcess(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := []string{node(t, server), node(t, server)}
	var visitors []*visitor
	for i := range 6 {
		v := newVisitor(t)
		v.get(nodes[i%2] + "/login?user=" + []string{"ada", "ada", "grace"}[i%3])
		visitors = append(visitors, v)
	}
	admin := newVisitor(t)
	admin.sees(nodes[1]+"/list?user=ada", "4")
	admin.sees(nodes[0]+"/revoke?user=ada", "4")
	for i, v := range visitors {
		for _, n := range nodes {
			v.sees(n+"/user", []string{"", "", "grace"}[i%3])
		}
	}
	admin.sees(nodes[1]+"/list?user=ada", "0")
	admin.sees(nodes[1]+"/list?user=grace", "2")
}

func TestALaterVersionReadsWhatAnEarlierOneHasWritten(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	older, newer := node(t, server), node(t, server, nodeNewer+"=yes")
	v := newVisitor(t)
	v.get(older + "/profile")
	v.sees(newer+"/profile", "Ada")
}
