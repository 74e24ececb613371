package cachedata_test

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/jinzhu/copier"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/copiermap"
)

// moving is data whose HashFunc and methods move the stack of the caller, on which its
// key may be, and collect what nobody refers to.
type moving struct{ N int }

func (m moving) Clone() moving {
	moveStack()
	return m
}

func moveStack() {
	deep(64)
	runtime.GC()
	garbage := make([][]byte, 0, 100)
	for range cap(garbage) {
		garbage = append(garbage, []byte(strings.Repeat("garbage ", 8)))
	}
	runtime.KeepAlive(garbage)
}

//go:noinline
func deep(n int) byte {
	var frame [1 << 10]byte
	if n == 0 {
		return frame[0]
	}
	frame[n] = deep(n - 1)
	return frame[n]
}

type onStack struct {
	Name  string
	Parts map[string]int
	Any   any
	Moves moving
}

// A key stays on the caller's stack, wherever user code moves that, and what only
// the key refers to is not collected.
func TestKeysOnAStackThatMoves(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(_ context.Context, k onStack) (string, error) {
		return fmt.Sprint(k.Name, k.Parts, k.Any), nil
	}, cachedata.Config{
		Keys: cachedata.KeyConfig{HashFuncs: map[reflect.Type]func(any) (any, error){
			reflect.TypeFor[moving](): func(v any) (any, error) {
				moveStack()
				return v.(moving).N, nil
			},
		}},
	})
	key := func(i int) onStack {
		return onStack{strings.Repeat(fmt.Sprint("name ", i, " "), 4), map[string]int{fmt.Sprint("part ", i): i}, []string{fmt.Sprint("any ", i)}, moving{i}}
	}
	for i := range 20 {
		want := fmt.Sprint(key(i).Name, key(i).Parts, key(i).Any)
		done := make(chan error)
		go func() { // on a stack that is small
			for range 2 {
				if got, err := c.Get(context.Background(), key(i)); got != want || err != nil {
					done <- fmt.Errorf("Get() = %q, %w; want %q", got, err, want)
					return
				}
			}
			if got, ok := c.Peek(context.Background(), key(i)); got != want || !ok {
				done <- fmt.Errorf("Peek() = %q, %v; want %q", got, ok, want)
				return
			}
			done <- c.Delete(context.Background(), key(i))
		}()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if s := c.Stats(); s.Entries != 0 || s.Hits != 20 {
		t.Errorf("%+v", s)
	}
}

// What is put is copied by user code that moves the stack, too.
func TestResultsOnAStackThatMoves(t *testing.T) {
	t.Parallel()
	type result struct {
		Name  string
		Parts []moving
	}
	load := func(context.Context, int) (result, error) { return result{}, nil }
	for name, how := range map[string]struct {
		cfg   cachedata.Config
		funcs cachedata.Funcs[int, result]
	}{
		"by plan":   {},
		"by Clone":  {funcs: cachedata.Funcs[int, result]{Clone: func(r result) result { moveStack(); return result{r.Name, append([]moving(nil), r.Parts...)} }}},
		"by copier": {cfg: cachedata.Config{Copy: cachedata.CopyConfig{Engine: copiermap.Engine(copier.Option{IgnoreEmpty: true})}}},
		"with tags": {funcs: cachedata.Funcs[int, result]{Tags: func(_ int, r result) []string { moveStack(); return []string{r.Name} }}},
		"with Size": {funcs: cachedata.Funcs[int, result]{Size: func(r result) int64 { moveStack(); return int64(len(r.Name)) }}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t, load, how.cfg, how.funcs)
			for i := range 10 {
				done := make(chan error)
				go func() {
					done <- c.Put(context.Background(), i, result{strings.Repeat(fmt.Sprint("name ", i, " "), 4), []moving{{i}}})
				}()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				want := strings.Repeat(fmt.Sprint("name ", i, " "), 4)
				if got, err := c.Get(t.Context(), i); err != nil || got.Name != want || len(got.Parts) != 1 || got.Parts[0].N != i {
					t.Errorf("Get() = %+v, %v; want %q", got, err, want)
				}
			}
		})
	}
}

// reaching is a key whose first part moves the stack, on which what the other parts
// refer to could be.
type reaching struct {
	Moves moving
	Names []string
	To    *string
	Left  *string `hash:"-"`
}

// What a key refers to may be a variable of the caller, also in a field that is left
// out of the key.
func TestKeysThatReferToAStackThatMoves(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(_ context.Context, k reaching) (string, error) {
		moveStack()
		return fmt.Sprint(k.Names, *k.To, *k.Left), nil
	}, cachedata.Config{
		Keys: cachedata.KeyConfig{HashFuncs: map[reflect.Type]func(any) (any, error){
			reflect.TypeFor[moving](): func(v any) (any, error) {
				moveStack()
				var others sync.WaitGroup
				for range 16 { // which get the memory of the stack from before
					others.Go(func() { deep(6) })
				}
				others.Wait()
				return v.(moving).N, nil
			},
		}},
	})
	for i := range 20 {
		want := fmt.Sprint([]string{"a", fmt.Sprint(i)}, "to", "left")
		for _, call := range []func() (string, error){
			func() (string, error) {
				names, to, left := [2]string{"a", fmt.Sprint(i)}, "to", "left"
				return c.Get(context.Background(), reaching{moving{i}, names[:], &to, &left})
			},
			func() (string, error) {
				names, to, left := [2]string{"a", fmt.Sprint(i)}, "to", "left"
				v, _ := c.Peek(context.Background(), reaching{moving{i}, names[:], &to, &left})
				return v, nil
			},
			func() (string, error) {
				names, to, left := [2]string{"a", fmt.Sprint(i)}, "to", "left"
				key := reaching{moving{i}, names[:], &to, &left}
				if err := c.Put(context.Background(), key, want); err != nil {
					return "", err
				}
				return c.Refresh(context.Background(), key)
			},
		} {
			var got string
			var err error
			done := make(chan bool)
			go func() { // on a stack that is small
				defer close(done)
				got, err = call()
			}()
			if <-done; got != want || err != nil {
				t.Fatalf("%q, %v; want %q", got, err, want)
			}
		}
	}
}
