package cacheresource_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/scope/scopetest"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
)

// Everything at once, for everybody and for visitors, until a close comes in
// between: every value is released once, never while leased, never before what
// was opened with it, and nothing is opened twice at a time.
func TestRandomHistoryOfEverything(t *testing.T) {
	t.Parallel()
	for _, sc := range []cacheresource.Scope{cacheresource.Global, cacheresource.Session} {
		t.Run(fmt.Sprintf("scope %d", sc), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &history{world: world{t: t}, bases: world{t: t}, scope: sc, releases: make(map[observe.Cause]uint64)}
				for round := 0; round < soaktest.Rounds(30) || round < 100 && h.tame(); round++ {
					h.run(t)
				}
				if h.tame() {
					t.Errorf("not everything has happened: %+v, %d leaks", h.releases, h.leaks)
				}
			})
		})
	}
}

// history is a random one.
type history struct {
	world
	bases    world
	scope    cacheresource.Scope
	group    *cacheresource.Group
	resource *cacheresource.Resource[string, *thing]
	base     *cacheresource.Resource[string, *thing] // what some things are opened with
	visitors [4]struct {
		sync.Mutex
		*scopetest.Session
	}
	opening  sync.Map // life and key -> struct{}
	needs    sync.Map // *thing -> the *thing that it was opened with
	releases map[observe.Cause]uint64
	leaks    uint64
	refused  atomic.Int64 // calls that came after the close had begun
}

func (h *history) nap() { time.Sleep(rand.N(300 * time.Millisecond)) }

// open is slow, deaf at times, fails and panics.
func (h *history) open(ctx context.Context, key string) (*thing, error) {
	at := key
	if h.scope == cacheresource.Session {
		life, err := scope.LifetimeOf(ctx)
		if err != nil {
			return nil, err
		}
		at += life.ID()
	}
	if _, twice := h.opening.LoadOrStore(at, struct{}{}); twice {
		h.t.Errorf("%s is opened twice at a time", at)
	}
	defer h.opening.Delete(at)
	var with *thing
	if rand.IntN(2) == 0 {
		if err := h.base.Do(ctx, "base", func(th *thing) error { with = th; return nil }); err != nil {
			return nil, err
		}
	}
	h.nap()
	switch rand.IntN(10) {
	case 0:
		return nil, errors.New("down")
	case 1:
		panic("boom")
	case 2:
		time.Sleep(2 * time.Second) // deaf
	case 3:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	th, err := h.world.open(ctx, key)
	if err == nil && with != nil {
		h.needs.Store(th, with)
	}
	return th, err
}

func (h *history) check(_ context.Context, _ string, th *thing) error {
	if th.released.Load() != 0 {
		h.t.Error("checked after its release")
	}
	h.nap()
	if rand.IntN(10) == 0 {
		return errors.New("broken")
	}
	return nil
}

// release takes its time, fails, panics, and uses the resource, which it could
// not do under a lock.
func (h *history) release(ctx context.Context, key string, th *thing) error {
	if with, ok := h.needs.Load(th); ok && with.(*thing).released.Load() != 0 {
		h.t.Error("what it was opened with has been released before it")
	}
	err := h.world.release(ctx, key, th)
	switch rand.IntN(10) {
	case 0:
		panic("boom")
	case 1:
		_ = h.resource.Delete(ctx, key)
	case 2:
		_ = h.resource.Stats()
	case 3:
		h.nap()
		return errors.New("broken")
	}
	return err
}

func (h *history) use(th *thing) error {
	th.users.Add(1)
	defer th.users.Add(-1)
	if th.released.Load() != 0 {
		h.t.Error("used after its release")
	}
	h.nap()
	return nil
}

// visitor is one of a few, who may come back with another session.
func (h *history) visitor(end bool) *scopetest.Session {
	v := &h.visitors[rand.IntN(len(h.visitors))]
	v.Lock()
	defer v.Unlock()
	if v.Session != nil && end {
		v.End()
		v.Session = nil
	}
	if v.Session == nil {
		v.Session = scopetest.New()
		if rand.IntN(2) == 0 {
			v.Until(rand.N(time.Minute))
		}
	}
	return v.Session
}

// step reports whether the resource is still open.
func (h *history) step(ctx context.Context) (open bool) {
	key := fmt.Sprint(rand.IntN(4))
	ctx, cancel := context.WithCancel(h.visitor(rand.IntN(300) == 0).In(ctx))
	defer cancel()
	if rand.IntN(5) == 0 {
		time.AfterFunc(rand.N(time.Second), cancel)
	}
	defer func() {
		if recover() != nil { // opens panic
			open = true
		}
	}()
	var err error
	switch n := rand.IntN(1000); {
	case n < 1:
		err = h.group.Clear(ctx)
	case n < 3:
		err = h.resource.Clear(ctx)
	case n < 10:
		err = h.resource.Delete(ctx, key)
	case n < 15:
		err = h.base.Delete(ctx, "base")
	case n < 20:
		_, err = h.resource.Pin(ctx, key)
	case n < 200:
		var l *cacheresource.Lease[*thing]
		if l, err = h.resource.Acquire(ctx, key); err == nil {
			_ = h.use(l.Value())
			l.Release()
			if rand.IntN(5) == 0 {
				l.Release()
			}
		}
	default:
		err = h.resource.Do(ctx, key, h.use)
	}
	if rand.IntN(10) == 0 {
		time.Sleep(rand.N(3 * time.Second))
	}
	return !errors.Is(err, cacheresource.ErrClosed)
}

// run is one life of the resources, which ends by a close in the midst of it.
func (h *history) run(t *testing.T) {
	var err error
	h.group, err = cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, err)
	h.base, err = cacheresource.New("base", h.bases.open, cacheresource.Config{
		Group:   h.group,
		IdleTTL: time.Second,
	}, cacheresource.Funcs[string, *thing]{
		Release: h.bases.release,
	})
	must(t, err)
	h.resource, err = cacheresource.New("things", h.open, cacheresource.Config{
		Group:       h.group,
		Scope:       h.scope,
		TTL:         3 * time.Second,
		StaleFor:    2 * time.Second,
		IdleTTL:     2 * time.Second,
		MaxEntries:  3,
		OpenTimeout: time.Second,
		ErrorTTL:    100 * time.Millisecond,
		LeakAge:     200 * time.Millisecond,
		Check:       cacheresource.CheckConfig{Every: time.Second},
		Close:       cacheresource.CloseConfig{ReleaseTimeout: 250 * time.Millisecond},
	}, cacheresource.Funcs[string, *thing]{
		Release: h.release,
		Check:   h.check,
	})
	must(t, err)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for h.step(t.Context()) {
			}
			h.refused.Add(1)
		})
	}
	time.Sleep(rand.N(20 * time.Second))
	h.close(t)
	wg.Wait()
	h.everythingReleased()
	h.bases.everythingReleased()
	for _, r := range []*cacheresource.Resource[string, *thing]{h.resource, h.base} {
		if s := r.Stats(); s.Open != 0 || s.Leases != 0 || s.InFlight != 0 || s.Waiters != 0 {
			t.Errorf("stats at the end %+v, want nothing left", s)
		}
	}
	s := h.resource.Stats()
	h.leaks += s.Leaks
	for cause, n := range s.Releases {
		h.releases[cause] += n
	}
}

// close closes the resource or the whole group, with several attempts.
func (h *history) close(t *testing.T) {
	end := h.group.Close
	if rand.IntN(2) == 0 {
		end = h.resource.Close
	}
	for {
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*time.Second))
		err := end(ctx)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close() = %v", err)
		}
	}
	must(t, h.group.Close(t.Context()))
}

// tame reports whether something has not happened yet.
func (h *history) tame() bool {
	n := h.releases
	return h.refused.Load() == 0 || h.leaks == 0 ||
		h.scope == cacheresource.Session && n[observe.CauseSession] == 0 ||
		n[observe.CauseExpired]+n[observe.CauseIdle]+n[observe.CauseSize]+n[observe.CauseReplaced]+n[observe.CauseUnsound] == 0 ||
		min(n[observe.CauseCleared], n[observe.CauseDeleted], n[observe.CauseOrphan], n[observe.CauseClosed]) == 0
}
