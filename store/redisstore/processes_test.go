package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/internal/redistest"
	"github.com/reecho-go/reecho/store"
)

// cacheRoutes are what a process of the app does with a cache whose results say by
// which load of which process they were made.
func cacheRoutes(e *echo.Echo, kept store.Store) error {
	var loads atomic.Int64
	load := func(ctx context.Context, key string) (string, error) {
		if key == "slow" && loads.Load() == 0 {
			loads.Add(1)
			time.Sleep(time.Hour)
		}
		cachedata.LoadingFrom(ctx).AddTags("t")
		return fmt.Sprint(os.Getpid(), " ", loads.Add(1)), nil
	}
	c, err := cachedata.New("app", load, cachedata.Config{Store: persist.In(kept, persist.Config{Budget: math.MaxInt64 / 4, SingleFlight: true})})
	if err != nil {
		return err
	}
	do := func(path string, f func(ctx context.Context, key string) (string, error)) {
		e.GET(path, func(c echo.Context) error {
			text, err := f(c.Request().Context(), c.QueryParam("key"))
			if err != nil {
				return err
			}
			return c.String(http.StatusOK, text)
		})
	}
	do("/cache/get", c.Get)
	do("/cache/delete", func(ctx context.Context, key string) (string, error) { return "", c.Delete(ctx, key) })
	do("/cache/clear", func(ctx context.Context, _ string) (string, error) { return "", c.Clear(ctx) })
	do("/cache/tag", func(ctx context.Context, _ string) (string, error) { return "", c.ClearTag(ctx, "t") })
	do("/cache/start", func(_ context.Context, key string) (string, error) {
		go func() { _, _ = c.Get(context.Background(), key) }() // it is never over
		for loads.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		return "", nil
	})
	do("/cache/crash", func(context.Context, string) (string, error) {
		time.AfterFunc(50*time.Millisecond, func() { os.Exit(0) })
		return "", errors.New("no more")
	})
	return nil
}

func TestProcessesShareResultsAndHearOfEachOthersClears(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	nodes := []string{node(t, server), node(t, server), node(t, server)}
	v := newVisitor(t)
	get := func(i int) string { return v.get(nodes[i] + "/cache/get?key=k") }
	for round := range 30 {
		was := get(round % 3)
		for i := range nodes {
			if now := get(i); now != was {
				t.Errorf("round %d: process %d has %q, and another one %q", round, i, now, was)
			}
		}
		v.get(nodes[round%3] + "/cache/" + []string{"delete?key=k", "clear", "tag"}[round/3%3])
		if now := get(round % 3); now == was {
			t.Errorf("round %d: the process that has cleared it serves %q", round, was)
		}
		for i := range nodes {
			for end := time.Now().Add(time.Minute); get(i) == was; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("round %d: process %d serves %q a minute after it was cleared", round, i, was)
				}
			}
		}
	}
}

func TestAProcessThatCrashesDuringALoadHoldsTheOthersForItsLeaseOnly(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	one, other := node(t, server), node(t, server)
	v := newVisitor(t)
	v.get(other + "/cache/get?key=k") // its loads of the slow key are quick then
	v.get(one + "/cache/start?key=slow")
	if res, err := v.client.Get(one + "/cache/crash"); err == nil {
		_ = res.Body.Close()
	}
	began := time.Now()
	if now := v.get(other + "/cache/get?key=slow"); now == "" {
		t.Error("there is no result")
	}
	t.Logf("the other process went on after %v", time.Since(began))
}
