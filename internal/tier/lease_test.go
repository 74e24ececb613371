package tier_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/tier"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/storetest"
)

func single(c *tier.Config) { c.Single = true }

// loading is what a process does that loads a key, as a cache does it. It returns the
// result and whether it has loaded it.
func loading(ctx context.Context, tr *tier.Tier, k string, load func(context.Context) (level.Result, error)) (got int, led bool, err error) {
	results, tickets := tr.Get(ctx, key(k))
	if results[0] != nil {
		return *results[0].Value.(*int), false, nil
	}
	r, own, over := tr.Lead(ctx, tickets[0])
	defer over()
	if r != nil {
		return *r.Value.(*int), false, nil
	}
	loaded, err := load(ctx)
	if err != nil {
		return 0, true, err
	}
	tr.Store(ctx, own, loaded)
	return *loaded.Value.(*int), true, nil
}

func TestOneProcessLoadsForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory(t)
		var loads atomic.Int64
		var all sync.WaitGroup
		began := time.Now()
		for range 20 {
			tr, _ := on(t, s, single)
			all.Go(func() {
				got, _, err := loading(t.Context(), tr, "k", func(context.Context) (level.Result, error) {
					n := int(loads.Add(1))
					time.Sleep(20 * time.Second) // longer than a lease
					return result(n), nil
				})
				if got != 1 || err != nil {
					t.Errorf("it is %d, %v", got, err)
				}
			})
		}
		all.Wait()
		if n, took := loads.Load(), time.Since(began); n != 1 || took > 21*time.Second {
			t.Errorf("%d loads in %v", n, took)
		}
	})
}

func TestALoadThatComesToNothingLetsTheNextOneLoadAtOnce(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(context.Context) (level.Result, error){
		"an error": func(context.Context) (level.Result, error) { return level.Result{}, errors.New("broken") },
		"a panic":  func(context.Context) (level.Result, error) { panic("broken") },
		"its context ends, and it does not heed it": func(context.Context) (level.Result, error) {
			time.Sleep(time.Hour)
			return level.Result{}, errors.New("late")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := memory(t)
				one, _ := on(t, s, single)
				other, _ := on(t, s, single)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				go func() {
					defer func() { _ = recover() }() // of the load
					_, _, err := loading(ctx, one, "k", func(ctx context.Context) (level.Result, error) {
						time.Sleep(9 * time.Second)
						return fails(ctx)
					})
					if err == nil {
						t.Error("it has not failed")
					}
				}()
				synctest.Wait()
				time.Sleep(time.Second)
				began := time.Now()
				got, led, err := loading(t.Context(), other, "k", func(context.Context) (level.Result, error) { return result(2), nil })
				if took := time.Since(began); got != 2 || !led || err != nil || took < 8*time.Second || took > 10*time.Second {
					t.Errorf("it is %d, led: %v, %v, after %v", got, led, err, took)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// One that is killed, or cut off, can neither renew its lease nor give it up.
func TestWhoIsGoneHoldsNobodyLongerThanItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memory(t)
		cut := storetest.Faulty(inner)
		one, _ := on(t, cut, single)
		other, _ := on(t, inner, single)
		go func() {
			_, _, err := loading(t.Context(), one, "k", func(context.Context) (level.Result, error) {
				cut.Inject(storetest.Fault{Err: errors.New("away"), Times: -1})
				time.Sleep(30 * time.Second)
				cut.Heal()
				time.Sleep(30 * time.Second) // the breaker closes
				return result(1), nil
			})
			if err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		began := time.Now()
		got, led, err := loading(t.Context(), other, "k", func(context.Context) (level.Result, error) { return result(2), nil })
		if took := time.Since(began); got != 2 || !led || err != nil || took > 7*time.Second {
			t.Errorf("it is %d, led: %v, %v, after %v", got, led, err, took)
		}
		time.Sleep(2 * time.Minute)
		wants(t, other, "k", 2) // what came late was not stored
	})
}

func TestAClearDuringALoadTakesItsLease(t *testing.T) {
	t.Parallel()
	for name, clears := range map[string]func(*tier.Tier){
		"delete": func(tr *tier.Tier) { tr.Delete(context.Background(), key("k")) },
		"tag":    func(tr *tier.Tier) { tr.ClearTag(context.Background(), "t") },
		"clear":  func(tr *tier.Tier) { tr.Clear(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := memory(t)
				one, _ := on(t, s, single)
				other, _ := on(t, s, single)
				load(t, other, "another", result(0, "t"))
				load(t, other, "another", result(0, "t")) // the tag is known
				go func() {
					_, led, err := loading(t.Context(), one, "k", func(context.Context) (level.Result, error) {
						time.Sleep(10 * time.Second)
						return result(1, "t"), nil
					})
					if !led || err != nil {
						t.Errorf("led: %v, %v", led, err)
					}
				}()
				synctest.Wait()
				clears(other)
				began := time.Now()
				got, led, err := loading(t.Context(), other, "k", func(context.Context) (level.Result, error) { return result(2, "t"), nil })
				if took := time.Since(began); got != 2 || !led || err != nil || took != 0 {
					t.Errorf("it is %d, led: %v, %v, after %v", got, led, err, took)
				}
				time.Sleep(time.Minute)
				wants(t, other, "k", 2)
				wants(t, one, "k", 2)
			})
		})
	}
}

func TestNobodyWaitsForALoadWhileTheStoreIsAwayOrForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memory(t)
		s := storetest.Faulty(inner)
		one, _ := on(t, inner, single)
		other, _ := on(t, s, func(c *tier.Config) {
			single(c)
			c.Budget = 100 * time.Millisecond
		})
		third, _ := on(t, inner, single)
		go func() {
			if _, _, err := loading(t.Context(), one, "k", func(context.Context) (level.Result, error) {
				time.Sleep(time.Hour)
				return result(1), nil
			}); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		began := time.Now()
		time.AfterFunc(5*time.Second, func() { s.Inject(storetest.Fault{Hang: true, Times: -1}) })
		_, led, err := loading(t.Context(), other, "k", func(context.Context) (level.Result, error) { return result(2), nil })
		if took := time.Since(began); !led || err != nil || took > 6*time.Second {
			t.Errorf("led: %v, %v, after %v", led, err, took)
		}
		began = time.Now()
		_, led, err = loading(t.Context(), third, "k", func(context.Context) (level.Result, error) { return result(3), nil })
		if took := time.Since(began); !led || err != nil || took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("led: %v, %v, after %v", led, err, took)
		}
		time.Sleep(2 * time.Hour)
		wants(t, third, "k", 3)
	})
}

// Who waits is woken by what it hears, and need not ask.
func TestWhoWaitsForALoadIsWoken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memory(t)
		s := &audible{Store: inner, heard: make(map[string]store.Listener)}
		one, _ := on(t, s, single)
		other, _ := on(t, s, single)
		if !other.Watch(new(deafMemory)) {
			t.Fatal("it cannot be watched")
		}
		go func() {
			if _, _, err := loading(t.Context(), one, "k", func(context.Context) (level.Result, error) {
				time.Sleep(20 * time.Second) // by then it asks each 250 ms
				time.Sleep(time.Millisecond)
				return result(1), nil
			}); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		began := time.Now()
		got, led, err := loading(t.Context(), other, "k", nil)
		if took := time.Since(began); got != 1 || led || err != nil || took > 20*time.Second+10*time.Millisecond {
			t.Errorf("it is %d, led: %v, %v, after %v", got, led, err, took)
		}
	})
}

func TestLeasesAreRefusedWhereTheyCannotBe(t *testing.T) {
	t.Parallel()
	_, err := tier.New(tier.Config{
		Store: memory(t), Codec: tier.JSON{}, Single: true, Behind: true,
		Cache: level.Cache{Key: reflect.TypeFor[int](), Result: reflect.TypeFor[int](), Batch: true},
	})
	for _, want := range []string{"several keys at a time", "WriteBehind"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want %q", err, want)
		}
	}
}

// audible is a store that tells of what is written and deleted, by whomever.
type audible struct {
	store.Store
	mu    sync.Mutex
	heard map[string]store.Listener
}

func (a *audible) Watch(prefix string, l store.Listener) (stop func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard[prefix] = l
	l.Found()
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.heard, prefix)
	}
}

func (a *audible) tell(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for prefix, l := range a.heard {
		if strings.HasPrefix(key, prefix) {
			l.Changed(key)
		}
	}
}

func (a *audible) Swap(ctx context.Context, key string, old uint64, it store.Item) (uint64, error) {
	s, _ := store.As[store.Swapper](a.Store)
	version, err := s.Swap(ctx, key, old, it)
	if err == nil {
		a.tell(key)
	}
	return version, err
}

func (a *audible) Put(ctx context.Context, key string, it store.Item) error {
	defer a.tell(key)
	return a.Store.Put(ctx, key, it)
}

func (a *audible) Delete(ctx context.Context, key string) error {
	defer a.tell(key)
	return a.Store.Delete(ctx, key)
}

// deafMemory does nothing about what it is told.
type deafMemory struct{}

func (*deafMemory) Changed(level.Sum) {}
func (*deafMemory) ClearTag(string)   {}
func (*deafMemory) Clear()            {}
func (*deafMemory) ChangesLost()      {}
