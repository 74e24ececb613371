package sessionstate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

// life is the model of one session in server mode: the cookie that it answers
// to, empty when it is over, and the value of its one key.
type life struct {
	cookie string
	value  int
}

// ask is a request, and told what came of it.
type (
	ask struct {
		kind   string // "get", "incr", "delete", "renew" or "destroy"
		cookie string
	}
	told struct {
		kind   string // "nobody", "value", "done", "lost" or "failed"
		value  int
		cookie string // that a renewal has set
	}
)

// next is what may follow from a request and its answer; nothing if the answer
// is wrong.
func (l life) next(in ask, out told) []any {
	alive := in.cookie == l.cookie && l.cookie != ""
	after := l
	switch in.kind {
	case "incr":
		after.value++
	case "delete":
		after.value = 0
	case "renew":
		after.cookie = out.cookie
	case "destroy":
		after = life{}
	}
	switch out.kind {
	case "nobody", "lost": // it is over, or answers to another cookie
		if !alive {
			return []any{l}
		}
	case "value":
		if alive && out.value == after.value {
			return []any{after}
		}
	case "done":
		if alive {
			return []any{after}
		}
		if in.kind == "destroy" { // it came by a cookie that has been renewed meanwhile: whatever it is now, it is over
			return []any{life{}}
		}
	case "failed": // a 503: it may have happened or not; a renewal's new id is then known to nobody
		if (alive || in.kind == "destroy") && in.kind != "get" {
			if in.kind == "renew" {
				after = life{}
			}
			return []any{l, after}
		}
		return []any{l}
	}
	return nil
}

var lifeModel = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{life{}} },
	Step: func(state, in, out any) []any {
		if born, ok := in.(life); ok {
			return []any{born}
		}
		return state.(life).next(in.(ask), out.(told))
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}).ToModel()

// restless is a memstore in whose calls other goroutines get their turn.
type restless struct{ *memstore.Store }

func (r restless) Get(ctx context.Context, key string) (store.Item, error) {
	rest()
	defer rest()
	return r.Store.Get(ctx, key)
}

func (r restless) Swap(ctx context.Context, key string, old uint64, it store.Item) (uint64, error) {
	rest()
	defer rest()
	return r.Store.Swap(ctx, key, old, it)
}

func rest() {
	for range rand.N(4) {
		runtime.Gosched()
	}
}

// idState is what became of the session in a request: its observer and its hook
// write it down.
type idState struct {
	lost      bool
	committed bool
	value     int
}

type fateKey struct{}

func fateOf(ctx context.Context) *idState {
	f, _ := ctx.Value(fateKey{}).(*idState)
	return f
}

// Every history of reads, updates, deletions, renewals and logouts of one
// session, by cookies new and old, is one that could have happened one request
// after the other; also when the store fails, before or after it has written.
func TestHistoriesOfASessionAreLinearizable(t *testing.T) {
	t.Parallel()
	seed := soaktest.Seed()
	for _, faults := range []bool{false, true} {
		t.Run(fmt.Sprintf("faults=%v", faults), func(t *testing.T) {
			t.Parallel()
			for round := range soaktest.Rounds(400) {
				ops := sessionHistory(t, rand.New(rand.NewPCG(seed, uint64(round))), faults)
				if got := porcupine.CheckOperationsTimeout(lifeModel, ops, 10*time.Second); got == porcupine.Illegal {
					for _, o := range ops {
						t.Logf("%d-%d: %s", o.Call, o.Return, lifeModel.DescribeOperation(o.Input, o.Output))
					}
					t.Fatalf("seed %d, round %d: this history cannot have happened one request after the other", seed, round)
				}
			}
		})
	}
}

// sessionHistory lets clients do what they like with one session.
func sessionHistory(t *testing.T, rnd *rand.Rand, faults bool) []porcupine.Operation {
	t.Helper()
	s := storetest.Faulty(restless{newMem(t)})
	a := newApp(t, sessionstate.Config{
		Store: s,
		Observer: observe.Func(func(ctx context.Context, ev observe.Event) {
			if e, ok := ev.(observe.SessionLife); ok && e.Action == observe.SessionLost {
				fateOf(ctx).lost = true
			}
		}),
		Hooks: []sessionstate.Hook{count.AfterCommit(func(ctx context.Context, ch sessionstate.Change[int]) {
			if f := fateOf(ctx); f != nil {
				f.committed, f.value = true, ch.New
			}
		})},
	})
	a.handle("/born", incr)
	for kind, f := range map[string]func(s *sessionstate.State) error{
		"get": func(*sessionstate.State) error { return nil },
		"incr": func(s *sessionstate.State) error {
			_, err := sessionstate.Incr(count, s, 1)
			return err
		},
		"delete":  count.Delete,
		"renew":   (*sessionstate.State).Renew,
		"destroy": func(s *sessionstate.State) error { return s.Destroy() },
	} {
		a.handle("/"+kind, func(c echo.Context, s *sessionstate.State) error {
			if err := s.Err(); err != nil {
				return err
			}
			if s.IsNew() {
				return c.String(http.StatusUnauthorized, "nobody")
			}
			n := count.Get(s)
			if err := f(s); err != nil {
				return err
			}
			return c.String(http.StatusOK, strconv.Itoa(n))
		})
	}

	first := a.visitor()
	first.get(t, "/born").wants(t, 200, "1")
	var clock atomic.Int64
	born := clock.Add(1)
	ops := []porcupine.Operation{{Input: life{first.cookie(), 1}, Output: told{}, Call: born, Return: clock.Add(1)}}
	var mu sync.Mutex
	known := []string{first.cookie()}
	if faults {
		for _, op := range []string{"get", "swap", "delete"} {
			s.Inject(storetest.Fault{Op: op, After: rnd.IntN(20), Times: 1 + rnd.IntN(3)}, storetest.Fault{Op: op, After: rnd.IntN(20), Times: 1 + rnd.IntN(3), Lost: true})
		}
	}
	kinds := []string{"get", "get", "incr", "incr", "incr", "incr", "delete", "renew", "get", "incr", "renew", "destroy"}
	var wg sync.WaitGroup
	for client := range 6 {
		picks := rand.New(rand.NewPCG(rnd.Uint64(), 0))
		wg.Go(func() {
			for range 8 {
				in := ask{kind: kinds[picks.IntN(len(kinds))]}
				mu.Lock()
				in.cookie = known[len(known)-1]
				if picks.IntN(5) == 0 {
					in.cookie = known[picks.IntN(len(known))]
				}
				mu.Unlock()
				v, f := a.visitor(), new(idState)
				v.jar["__Host-id"] = in.cookie
				r := v.request("/" + in.kind)
				began := clock.Add(1)
				got := v.do(t, r.WithContext(context.WithValue(t.Context(), fateKey{}, f)))
				ended := clock.Add(1)
				out, err := outcome(in, got, f, v.cookie())
				mu.Lock()
				if out.cookie != "" {
					known = append(known, out.cookie)
				}
				ops = append(ops, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: began, Return: ended})
				mu.Unlock()
				if err != nil {
					t.Errorf("%s: %v", in.kind, err)
				}
			}
		})
	}
	wg.Wait()
	return ops
}

// outcome is what a response says of the session.
func outcome(in ask, got reply, f *idState, cookie string) (told, error) {
	switch got.StatusCode {
	case http.StatusUnauthorized:
		return told{kind: "nobody"}, nil
	case http.StatusServiceUnavailable:
		return told{kind: "failed"}, nil
	case http.StatusOK:
	default:
		return told{kind: "failed"}, fmt.Errorf("status %d %q, want 200, 401 or 503", got.StatusCode, got.body)
	}
	set := got.setCookies("__Host-id")
	switch {
	case f.lost && (f.committed || set > 0):
		return told{kind: "lost"}, errors.New("a lost session was committed, or a cookie was set for it")
	case f.lost:
		return told{kind: "lost"}, nil
	case in.kind == "get":
		n, err := strconv.Atoi(got.body)
		return told{kind: "value", value: n}, err
	case in.kind == "incr" && f.committed:
		return told{kind: "value", value: f.value}, nil
	case in.kind == "incr":
		return told{kind: "lost"}, errors.New("an update was neither committed nor lost")
	case in.kind == "renew" && cookie == in.cookie:
		return told{kind: "lost"}, errors.New("a renewal set no new cookie")
	case in.kind == "renew":
		return told{kind: "done", cookie: cookie}, nil
	}
	return told{kind: "done"}, nil
}
