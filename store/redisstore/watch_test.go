package redisstore_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/internal/redistest"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/redisstore"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestWhatOneStoreChangesTheOtherHears(t *testing.T) {
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
			c, o := dial(t, server.Addr), dial(t, server.Addr)
			var n atomic.Int64
			t.Run("case", func(t *testing.T) {
				storetest.RunShared(t, func(testing.TB) (one, other store.Store) {
					namespace := fmt.Sprintf("test.%d", n.Add(1))
					return open(t, c, namespace), open(t, o, namespace)
				})
			})
		})
	}
}

// news is a listener that remembers what it was told.
type news struct {
	mu   sync.Mutex
	said []string
}

func listening(t *testing.T, s *redisstore.Store) *news {
	t.Helper()
	l := new(news)
	say := func(what string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.said = append(l.said, what)
	}
	t.Cleanup(s.Watch("", store.Listener{
		Found: func() { say("found") }, Lost: func(error) { say("lost") }, Changed: say,
	}))
	return l
}

// until waits until it was told this, in this order and since it last waited.
func (l *news) until(t *testing.T, want ...string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		rest := want
		for _, what := range l.said {
			if len(rest) > 0 && what == rest[0] {
				rest = rest[1:]
			}
		}
		said := slices.Clone(l.said)
		if len(rest) == 0 {
			l.said = nil
		}
		l.mu.Unlock()
		if len(rest) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("told %q within a minute, want %q", said, want)
		}
	}
}

func TestAGapIsTold(t *testing.T) {
	t.Parallel()
	gaps := map[string]func(t *testing.T, server *redistest.Server, p proxy){
		"a cut": func(_ *testing.T, _ *redistest.Server, p proxy) { p.cut() },
		"a restart": func(t *testing.T, server *redistest.Server, _ proxy) {
			t.Helper()
			server.Restart(t)
		},
		"a flush": func(t *testing.T, server *redistest.Server, _ proxy) {
			t.Helper()
			c := dial(t, server.Addr)
			if err := c.Do(t.Context(), c.B().Flushdb().Build()).Error(); err != nil {
				t.Fatal(err)
			}
		},
		"a pause": func(t *testing.T, server *redistest.Server, _ proxy) {
			t.Helper()
			server.Pause(t) // until the loss is told
		},
		"the connection is killed": func(t *testing.T, server *redistest.Server, _ proxy) {
			t.Helper()
			c := dial(t, server.Addr)
			if err := c.Do(t.Context(), c.B().Arbitrary("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Build()).Error(); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, gap := range gaps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			p := newProxy(t, server.Addr)
			l := listening(t, open(t, dial(t, p.Addr), "app"))
			l.until(t, "found")
			put(t, open(t, dial(t, server.Addr), "app"), "a", "1")
			l.until(t, "a")
			gap(t, server, p)
			if name == "a pause" {
				l.until(t, "lost")
				server.Resume(t)
				l.until(t, "found")
			} else {
				l.until(t, "lost", "found")
			}
			putAgain(t, open(t, dial(t, server.Addr), "app"), "b")
			l.until(t, "b")
		})
	}
}

func TestHearingBeginsWhenTheServerComes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr}, ForceSingleClient: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	server.Stop(t)
	l := listening(t, open(t, client, "app"))
	l.until(t, "lost")
	server.Restart(t)
	l.until(t, "found")
	put(t, open(t, dial(t, server.Addr), "app"), "a", "1")
	l.until(t, "a")
}

// Clients that do not speak RESP3 cannot hear, and are told so.
func TestHearingNeedsRESP3(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr}, AlwaysRESP2: true, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	heard := make(chan error, 1)
	stop := open(t, client, "app").Watch("", store.Listener{
		Found:   func() { heard <- nil },
		Lost:    func(err error) { heard <- err },
		Changed: func(string) {},
	})
	defer stop()
	if err := <-heard; err == nil {
		t.Error("it was found")
	} else {
		t.Log(err)
	}
}

func TestHearingOfAClosedClientIsLostForGood(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	listening(t, open(t, client, "app")).until(t, "lost")
}

// The delay between a change here and the news of it there.
func TestTheDelayOfNewsIsMeasured(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	one, other := open(t, dial(t, server.Addr), "app"), open(t, dial(t, server.Addr), "app")
	found, told := make(chan bool, 10), make(chan time.Time, 1)
	stop := other.Watch("k", store.Listener{
		Found: func() { found <- true }, Lost: func(err error) { t.Log(err) },
		Changed: func(string) { told <- time.Now() },
	})
	defer stop()
	<-found
	const rounds = 500
	var after, beyond []time.Duration // since the write began, and since it had returned
	for range rounds {
		began := time.Now()
		if err := one.Put(context.Background(), "k", store.Item{Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
		returned := time.Now()
		at := <-told
		after, beyond = append(after, at.Sub(began)), append(beyond, at.Sub(returned))
	}
	slices.Sort(after)
	slices.Sort(beyond)
	t.Logf("news of a change: p50 %v, p99 %v after it began; p50 %v, p99 %v after it had returned",
		after[rounds/2], after[rounds*99/100], beyond[rounds/2], beyond[rounds*99/100])
}
