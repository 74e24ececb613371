package boltstore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/boltstore"
)

// texts makes a cache that is kept in a store, in a group of its own, as a process
// has it.
func texts(t testing.TB, s store.Store, observer observe.Observer) (c *cachedata.Cache[int, string], stop func()) {
	t.Helper()
	g, err := cachedata.NewGroup("app", cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c, err = cachedata.New("texts", func(ctx context.Context, n int) (string, error) {
		cachedata.LoadingFrom(ctx).AddTags(fmt.Sprint("tag ", n%3))
		return fmt.Sprint("text ", n), nil
	}, cachedata.Config{Group: g, Observer: observer, TTL: time.Hour, Store: persist.In(s, persist.Config{Budget: time.Minute})})
	if err != nil {
		t.Fatal(err)
	}
	return c, func() { _ = g.Close(context.Background()) } // nothing is in flight
}

// cacheChild is the environment variable by which a test starts this program anew
// as a process with a cache that is kept in a file.
const cacheChild = "BOLTSTORE_TEST_CACHE"

// loadUntilKilled loads one result after the other, deletes some and clears a tag
// once, and says what it has done.
func loadUntilKilled(path string) {
	s, err := boltstore.New(path, boltstore.Config{})
	check(err)
	g, err := cachedata.NewGroup("app", cachedata.GroupConfig{})
	check(err)
	c, err := cachedata.New("texts", func(ctx context.Context, n int) (string, error) {
		cachedata.LoadingFrom(ctx).AddTags(fmt.Sprint("tag ", n%3))
		return fmt.Sprint("text ", n), nil
	}, cachedata.Config{Group: g, TTL: time.Hour, Store: persist.In(s, persist.Config{Budget: time.Minute})})
	check(err)
	ctx := context.Background()
	for n := range 9 {
		_, err := c.Get(ctx, n)
		check(err)
	}
	check(c.ClearTag(ctx, "tag 0"))
	check(c.Delete(ctx, 1))
	fmt.Println("done")
	for n := 1000; ; n++ {
		_, err := c.Get(ctx, n)
		check(err)
	}
}

func TestResultsAndClearsSurviveAKill(t *testing.T) {
	t.Parallel()
	path := inFile(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), cacheChild+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "done\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed

	c, stop := texts(t, open(t, path, boltstore.Config{}), nil)
	defer stop()
	for n := range 9 {
		want := cachedata.Stored
		if n%3 == 0 || n == 1 {
			want = cachedata.Load
		}
		if v, meta, err := c.GetMeta(t.Context(), n); err != nil || v != fmt.Sprint("text ", n) || meta.Source != want {
			t.Errorf("GetMeta(%d) = %q from %v, %v, want it from %v", n, v, meta.Source, err, want)
		}
	}
}

// A cache whose file is damaged while it runs goes on, with one event of each.
func TestACacheWorksOnWhenItsFileIsDamaged(t *testing.T) {
	t.Parallel()
	path := inFile(t)
	var r observe.Recorder
	s := open(t, path, boltstore.Config{Observer: &r})
	c, stop := texts(t, s, &r)
	for n := range 200 {
		if _, err := c.Get(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := os.Truncate(path, 3*4096); err != nil {
		t.Fatal(err)
	}
	c, stop = texts(t, s, &r)
	defer stop()
	for n := range 200 {
		if v, err := c.Get(t.Context(), n); err != nil || v != fmt.Sprint("text ", n) {
			t.Errorf("Get(%d) = %q, %v", n, v, err)
		}
	}
	damaged := 0
	for _, e := range r.Events() {
		if f, ok := e.(observe.StoreFailure); ok && strings.HasPrefix(f.Owner, "boltstore") {
			damaged++
		}
	}
	if n := s.Stats().Damaged; n != 1 || damaged != 1 {
		t.Errorf("%d files were replaced, and %d events came", n, damaged)
	}
}
