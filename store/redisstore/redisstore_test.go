package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/internal/redistest"
	"github.com/reecho-go/reecho/internal/tcpproxy"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/redisstore"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestMain(m *testing.M) {
	if server := os.Getenv(nodeServer); server != "" {
		serveNode(server)
	}
	leaktest.Main(m)
}

// dial makes a client, which ends with the test.
func dial(t testing.TB, addr string) rueidis.Client {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func open(t testing.TB, c rueidis.Client, namespace string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(c, redisstore.Config{Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, s store.Store, key, value string) {
	t.Helper()
	if err := s.Put(t.Context(), key, store.Item{Value: []byte(value)}); err != nil {
		t.Fatalf("Put(%.40q): %v", key, err)
	}
}

func version(t testing.TB, s store.Store, key string) uint64 {
	t.Helper()
	it, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%.40q): %v", key, err)
	}
	return it.Version
}

func TestContract(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"one server":       nil,
		"a cluster of one": {"--cluster-enabled", "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, args...)
			if args != nil {
				makeCluster(t, server)
			}
			c := dial(t, server.Addr)
			var n atomic.Int64
			// The cases are parallel, and the client is to live as long as they do.
			t.Run("case", func(t *testing.T) {
				storetest.Run(t, func(t testing.TB) store.Store {
					return open(t, c, fmt.Sprintf("test.%d", n.Add(1)))
				})
			})
		})
	}
}

// makeCluster gives a server all slots of a cluster, and waits until it is one.
func makeCluster(t *testing.T, s *redistest.Server) {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.Addr}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Do(t.Context(), c.B().ClusterAddslotsrange().StartSlotEndSlot().StartSlotEndSlot(0, 16383).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	for {
		info, err := c.Do(t.Context(), c.B().ClusterInfo().Build()).ToString()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(info, "cluster_state:ok") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestNewNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := redisstore.New(nil, redisstore.Config{Namespace: "a{b}" + strings.Repeat("x", 100)})
	for _, want := range []string{"the client is nil", `Config.Namespace is "a{b}x`, "Config.Namespace has 104 bytes"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want %q in it", err, want)
		}
	}
}

func TestNamespacesAreApart(t *testing.T) {
	t.Parallel()
	c := dial(t, redistest.Start(t).Addr)
	one, other := open(t, c, "app"), open(t, c, "app:k") // its keys begin alike
	put(t, one, "a", "1")
	put(t, other, "a", "2")
	put(t, one, "*?[a]\\", "glob")
	for _, tt := range []struct {
		store *redisstore.Store
		want  string
	}{{one, "*?[a]\\=glob a=1"}, {other, "a=2"}} {
		var got []string
		for e, err := range tt.store.Scan(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Key+"="+string(e.Value))
		}
		if all := strings.Join(got, " "); all != tt.want {
			t.Errorf("Scan has %q, want %q", all, tt.want)
		}
	}
	if err := one.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if it, err := other.Get(t.Context(), "a"); err != nil || string(it.Value) != "2" {
		t.Errorf("Delete in one namespace: the other has %q, %v", it.Value, err)
	}
}

// Two apps that were given one namespace have one store, which is exact for both.
func TestAppsThatShareANamespaceShareTheStore(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var apps []*redisstore.Store
	for range 2 {
		apps = append(apps, open(t, dial(t, server.Addr), "app"))
	}
	put(t, apps[0], "n", "0")
	var all sync.WaitGroup
	for _, s := range apps {
		for range 4 {
			all.Go(func() {
				for done := 0; done < 25; {
					it, err := s.Get(t.Context(), "n")
					var n int
					if err == nil {
						_, err = fmt.Sscan(string(it.Value), &n)
					}
					if err != nil {
						t.Error(err)
						return
					}
					_, err = s.Swap(t.Context(), "n", it.Version, store.Item{Value: []byte(fmt.Sprint(n + 1))})
					switch {
					case err == nil:
						done++
					case !errors.Is(err, store.ErrConflict):
						t.Error(err)
						return
					}
				}
			})
		}
	}
	all.Wait()
	if it, err := apps[1].Get(t.Context(), "n"); err != nil || string(it.Value) != "200" {
		t.Errorf("Get: %q, %v, want 200", it.Value, err)
	}
}

func TestValuesOfOthersAreFaults(t *testing.T) {
	t.Parallel()
	c := dial(t, redistest.Start(t).Addr)
	s := open(t, c, "app")
	set := func(key, value string) {
		t.Helper()
		if err := c.Do(t.Context(), c.B().Set().Key("{app}:k:"+key).Value(value).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "ours", "0123456789")
	whole, err := c.Do(t.Context(), c.B().Get().Key("{app}:k:ours").Build()).ToString()
	if err != nil {
		t.Fatal(err)
	}
	foreign := []string{"short", "text", "zero", "cut off", "cut off in the header", "longer", "huge"}
	set("short", "x")
	set("text", strings.Repeat("some text ", 10))
	set("zero", strings.Repeat("0", 42))
	set("cut off", whole[:len(whole)-1])
	set("cut off in the header", whole[:20])
	set("longer", whole+"0")
	if err := c.Do(t.Context(), c.B().Setrange().Key("{app}:k:huge").Offset(512<<20-1).Value("x").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(t.Context(), c.B().Lpush().Key("{app}:k:list").Element("x").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	for _, key := range append(foreign, "list") {
		_, err := s.Get(t.Context(), key)
		_, manyErr := s.GetMany(t.Context(), []string{"ours", key})
		touchErr := s.Touch(t.Context(), key, time.Now().Add(time.Hour))
		for what, err := range map[string]error{"Get": err, "GetMany": manyErr, "Touch": touchErr} {
			fault := new(store.Error)
			switch {
			case what == "Touch" && (key == "cut off" || key == "longer" || key == "zero"): // it looks at the header only
			case !errors.As(err, &fault) || fault.Key != key || !errors.Is(err, store.ErrForeign):
				t.Errorf("%s(%s): %v, want a fault that names the key", what, key, err)
			}
		}
		if _, err := s.Swap(t.Context(), key, 1, store.Item{}); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("Swap(%s): %v, want that it is there", key, err)
		}
	}
	for _, key := range append(foreign, "list") {
		put(t, s, key, "ours")
		if it, err := s.Get(t.Context(), key); err != nil || string(it.Value) != "ours" {
			t.Errorf("%s, written over: %q, %v", key, it.Value, err)
		}
	}
}

func TestTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t, dial(t, redistest.Start(t).Addr), "app")
	most := make([]byte, 64<<20)
	if err := s.Put(t.Context(), "a", store.Item{Value: most}); err != nil {
		t.Fatal(err)
	}
	if it, err := s.Get(t.Context(), "a"); err != nil || len(it.Value) != len(most) {
		t.Errorf("Get of the largest value: %d bytes, %v", len(it.Value), err)
	}
	if err := s.Put(t.Context(), "a", store.Item{Value: make([]byte, len(most)+1)}); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Put of more: %v", err)
	}
}

func TestVersionsGoOnAfterTheServerLostItsData(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, dial(t, server.Addr), "app")
	put(t, s, "a", "1")
	before := version(t, s, "a")
	server.Restart(t)
	putAgain(t, s, "a")
	if after := version(t, s, "a"); after <= before {
		t.Errorf("the version is %d after a restart, and was %d", after, before)
	}
	if _, err := s.Swap(t.Context(), "a", before, store.Item{}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Swap of a version that was lost: %v, want ErrConflict", err)
	}
}

// putAgain writes until the client has found the server again.
func putAgain(t *testing.T, s store.Store, key string) {
	t.Helper()
	for {
		err := s.Put(t.Context(), key, store.Item{})
		if err == nil {
			return
		}
		fault := new(store.Error)
		if !errors.As(err, &fault) {
			t.Fatalf("Put: %v, want a fault", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestAPausedServerHoldsACallUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, dial(t, server.Addr), "app")
	put(t, s, "a", "1")
	server.Pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Get(ctx, "a")
	server.Resume(t)
	if fault := new(store.Error); !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &fault) {
		t.Errorf("Get: %v, want a fault for the deadline", err)
	}
	if version(t, s, "a") == 0 {
		t.Error("nothing is there after the pause")
	}
}

func TestAFullServerSaysSoAndKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	s := open(t, dial(t, redistest.Start(t, "--maxmemory", "5mb", "--maxmemory-policy", "noeviction").Addr), "app")
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = s.Put(t.Context(), fmt.Sprint(n), store.Item{Value: make([]byte, 100_000)})
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("Put %d: %v, want ErrFull", n, err)
	}
	for i := range n - 1 {
		if version(t, s, fmt.Sprint(i)) == 0 {
			t.Errorf("value %d is gone", i)
		}
	}
	for i := range n - 1 {
		if err := s.Delete(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	putAgain(t, s, "a") // the memory comes back a little later
}

func TestTheCallersClientStaysOpen(t *testing.T) {
	t.Parallel()
	c := dial(t, redistest.Start(t).Addr)
	s := open(t, c, "")
	put(t, s, "a", "1")
	if _, ok := store.As[store.Closer](s); ok {
		t.Error("the store closes what it has not opened")
	}
	c.Close()
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Get after the client was closed: %v, want ErrClosed", err)
	}
}

// proxy is between a client and a server.
type proxy struct{ *tcpproxy.Proxy }

func newProxy(t *testing.T, to string) proxy {
	t.Helper()
	p, err := tcpproxy.New(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return proxy{p}
}

// cut ends all connections. New ones are made.
func (p proxy) cut() {
	p.Cut()
	p.Mend()
}

func TestALostReplyIsAFaultAndTheWriteIsNotRepeated(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := newProxy(t, server.Addr)
	direct, far := open(t, dial(t, server.Addr), "app"), open(t, dial(t, p.Addr), "app")
	put(t, far, "a", "1")
	before, err := far.Swap(t.Context(), "a", version(t, direct, "a"), store.Item{Value: []byte("1")}) // the server knows the script now
	if err != nil {
		t.Fatal(err)
	}
	// The first thing that is lost may be the reply to a ping of the client's.
	var it store.Item
	for it.Version = before; it.Version == before; {
		p.LoseAnswers(true)
		_, err = far.Swap(t.Context(), "a", before, store.Item{Value: []byte("2")})
		p.LoseAnswers(false)
		if fault := new(store.Error); !errors.As(err, &fault) || errors.Is(err, store.ErrConflict) {
			t.Fatalf("Swap whose reply was lost: %v, want a fault that is no conflict", err)
		}
		if it, err = direct.Get(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		putAgain(t, far, "b") // connected again
	}
	if string(it.Value) != "2" {
		t.Errorf("Get: %q", it.Value)
	}
	p.cut()
	putAgain(t, far, "b")
	if after := version(t, direct, "a"); after != it.Version {
		t.Errorf("the write was repeated: version %d, then %d", it.Version, after)
	}
}

// Connections that end in the middle of everything lose no write that was
// acknowledged, and make no call anything but a fault.
func TestConnectionsThatAreCutLoseNothing(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := newProxy(t, server.Addr)
	far := open(t, dial(t, p.Addr), "app")
	const writers, cuts = 8, 10
	var last [writers]atomic.Int64
	var faults, stop atomic.Int64
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := int64(1); stop.Load() == 0; n++ {
				err := far.Put(t.Context(), fmt.Sprint(w), store.Item{Value: []byte(fmt.Sprint(n))})
				if fault := new(store.Error); err != nil && !errors.As(err, &fault) {
					t.Errorf("Put: %v, want a fault", err)
				}
				if err != nil {
					faults.Add(1)
					continue
				}
				last[w].Store(n)
			}
		})
	}
	for cut := 0; cut < cuts || faults.Load() == 0 && cut < 1000; cut++ {
		for before := last[0].Load(); last[0].Load() < before+20; {
			time.Sleep(time.Millisecond)
		}
		p.cut()
	}
	stop.Store(1)
	all.Wait()
	direct := open(t, dial(t, server.Addr), "app")
	for w := range writers {
		var n int64
		it, err := direct.Get(t.Context(), fmt.Sprint(w))
		if err == nil {
			_, err = fmt.Sscan(string(it.Value), &n)
		}
		if acknowledged := last[w].Load(); err != nil || n < acknowledged {
			t.Errorf("writer %d: the value is %d, and %d was acknowledged: %v", w, n, acknowledged, err)
		}
	}
	if faults.Load() == 0 {
		t.Error("no call has met a cut")
	}
}
