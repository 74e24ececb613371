package pgtest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/observe"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const workers = 16

// load asks the pool for answers from several goroutines at once.
type load struct {
	pools    *cacheresource.Resource[string, *pool]
	dsn      string
	down     atomic.Bool  // the server cannot serve
	served   atomic.Int64 // since the last reset
	failures atomic.Int64 // of requests that began and ended while the server could serve
	misused  atomic.Int64 // requests that got a pool that had been released
	over     atomic.Bool
	wg       sync.WaitGroup
}

func newLoad(pools *cacheresource.Resource[string, *pool], dsn string) *load {
	l := &load{pools: pools, dsn: dsn}
	for range workers {
		l.wg.Go(l.work)
	}
	return l
}

func (l *load) work() {
	for !l.over.Load() {
		before := l.down.Load()
		err := l.request()
		switch after := l.down.Load(); {
		case err == nil:
			l.served.Add(1)
		case !before && !after:
			l.failures.Add(1)
		default:
			time.Sleep(10 * time.Millisecond) // there is nobody to ask
		}
	}
}

// request is what a handler does: one query, which is safe to repeat, and is
// repeated if its connection broke under it.
func (l *load) request() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var err error
	for range 3 {
		err = l.pools.Do(ctx, l.dsn, func(p *pool) error { return p.answer(ctx) })
		if err == nil {
			return nil
		}
		if errors.Is(err, errClosed) {
			l.misused.Add(1)
		}
	}
	return err
}

// end stops the load.
func (l *load) end() {
	l.over.Store(true)
	l.wg.Wait()
}

// wait waits until the load has been served n more times.
func (l *load) wait(t *testing.T, n int64) {
	t.Helper()
	l.served.Store(0)
	deadline := time.Now().Add(time.Minute)
	for l.served.Load() < n {
		if time.Now().After(deadline) {
			t.Fatalf("served %d times in a minute, want %d", l.served.Load(), n)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// ask queries the server beside the pool.
func ask(t *testing.T, s *server, query string) (n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.dsn("watcher"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// connections waits until the app has most connections at most, and returns how many it has:
// the server notices in its own time that one has ended.
func (s *server) connections(t *testing.T, most int) (n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if n = ask(t, s, count); n <= most || time.Now().After(deadline) {
			return n
		}
	}
}

const (
	kill  = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'app'"
	count = "select count(*) from pg_stat_activity where application_name = 'app'"
)

// A pool whose connections break under load is replaced, and released once
// nobody uses it: no request that could be served fails, no connection is left.
func TestAPoolSurvivesItsServer(t *testing.T) {
	s := newServer(t)
	group, err := cacheresource.NewGroup("pg", cacheresource.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var opened, closed atomic.Int64
	var rec observe.Recorder
	pools, err := cacheresource.New("pool", func(ctx context.Context, dsn string) (*pool, error) {
		p, err := openPool(ctx, dsn)
		if err == nil {
			opened.Add(1)
		}
		return p, err
	}, cacheresource.Config{
		Group:       group,
		Observer:    &rec,
		OpenTimeout: 10 * time.Second,
		Check:       cacheresource.CheckConfig{EachUse: true},
	}, cacheresource.Funcs[string, *pool]{
		Check: func(ctx context.Context, _ string, p *pool) error { return p.check(ctx) },
		Release: func(ctx context.Context, _ string, p *pool) error {
			closed.Add(1)
			return p.close(ctx)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := newLoad(pools, s.dsn("app"))
	defer l.end()
	l.wait(t, 100)

	for range 5 {
		if n := ask(t, s, kill); n == 0 {
			t.Error("there was no connection to kill")
		}
		l.wait(t, 200)
	}
	if n := l.failures.Load(); n != 0 {
		t.Errorf("%d requests failed that could be served", n)
	}
	if failed := pools.Stats().FailedChecks; failed == 0 || opened.Load() < 2 {
		t.Errorf("%d checks failed, %d pools were opened: want the check to have replaced the pool", failed, opened.Load())
	}

	for range 2 {
		l.down.Store(true)
		s.stop(t)
		time.Sleep(100 * time.Millisecond)
		s.start(t)
		l.wait(t, workers*3) // those that began while it was down are over
		l.down.Store(false)
		l.wait(t, 200)
	}
	if n := l.failures.Load(); n != 0 {
		t.Errorf("%d requests failed that could be served", n)
	}
	if n := s.connections(t, 2*poolSize); n > 2*poolSize { // a pool, and one that is being replaced
		t.Errorf("%d connections, want no more than those of two pools", n)
	}

	l.end()
	if err := group.Close(context.Background()); err != nil {
		t.Errorf("Close() = %v", err)
	}
	if o, c := opened.Load(), closed.Load(); o != c {
		t.Errorf("%d pools were opened and %d closed", o, c)
	}
	if n := s.connections(t, 0); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	if n := l.misused.Load(); n != 0 {
		t.Errorf("%d requests got a pool that had been released", n)
	}
	if n := len(observe.Of[observe.ResourceRelease](&rec)); int64(n) != opened.Load() {
		t.Errorf("%d releases for %d pools", n, opened.Load())
	}
}
