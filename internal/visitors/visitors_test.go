package visitors_test

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/internal/scope/scopetest"
	"github.com/reecho-go/reecho/internal/visitors"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// part is what a visitor has.
type part struct {
	n    int64
	left atomic.Int32
}

// log is what a registry says.
type log struct {
	*visitors.Registry[*part]

	made   atomic.Int64
	mu     sync.Mutex
	causes []visitors.Cause
	due    []time.Duration
}

func newLog(t testing.TB, most int) *log {
	l := &log{}
	base := time.Now()
	l.Registry = visitors.New(visitors.Config[*part]{
		Most: most,
		Now:  func() int64 { return int64(time.Since(base)) },
		Make: func() *part { return &part{n: l.made.Add(1)} },
		Left: func(p *part, c visitors.Cause) {
			if p.left.Add(1) > 1 {
				t.Errorf("part %d was handed over twice", p.n)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.causes = append(l.causes, c)
		},
		Due: func(at int64) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.due = append(l.due, time.Duration(at))
		},
	})
	return l
}

func (l *log) of(t testing.TB, s *scopetest.Session) *part {
	t.Helper()
	p, err := l.Of(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (l *log) left() []visitors.Cause {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.causes)
}

func TestOnePartForEachVisitor(t *testing.T) {
	t.Parallel()
	l, alice, bob := newLog(t, 0), scopetest.New(), scopetest.New()
	if _, ok := l.Find(alice); ok {
		t.Error("Find made a part")
	}
	a, b := l.of(t, alice), l.of(t, bob)
	if a == b || l.of(t, alice) != a || l.Len() != 2 {
		t.Errorf("parts %p, %p, %d visitors", a, b, l.Len())
	}
	if p, ok := l.Find(bob); !ok || p != b {
		t.Errorf("Find() = %p, %v, want %p", p, ok, b)
	}
	if got := len(slices.Collect(l.All())); got != 2 {
		t.Errorf("All() has %d", got)
	}
}

func TestPartLeavesWhenItsSessionEnds(t *testing.T) {
	t.Parallel()
	l, alice := newLog(t, 0), scopetest.New()
	a := l.of(t, alice)
	alice.End()
	if a.left.Load() != 1 || l.Len() != 0 || !slices.Equal(l.left(), []visitors.Cause{visitors.Ended}) {
		t.Errorf("after the end: left %d times, %d visitors, %v", a.left.Load(), l.Len(), l.left())
	}
	// What asks later gets something that stays nowhere.
	late := l.of(t, alice)
	if late == a || late.left.Load() != 1 || l.Len() != 0 || alice.Watchers() != 0 {
		t.Errorf("too late: part %d left %d times, %d visitors", late.n, late.left.Load(), l.Len())
	}
}

func TestPartLeavesWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, alice, bob := newLog(t, 0), scopetest.New(), scopetest.New()
		alice.Until(time.Minute)
		a := l.of(t, alice)
		l.of(t, bob)
		if want := []time.Duration{time.Minute}; !slices.Equal(l.due, want) {
			t.Errorf("due %v, want %v", l.due, want)
		}
		time.Sleep(time.Minute - 1)
		if got := l.of(t, alice); got != a {
			t.Error("it left a nanosecond early")
		}
		alice.Until(time.Hour) // the session was used
		time.Sleep(time.Minute)
		if next := l.Sweep(int64(2*time.Minute - 1)); next != int64(time.Minute-1+time.Hour) || l.Len() != 2 {
			t.Errorf("swept: next at %v, %d visitors", time.Duration(next), l.Len())
		}
		time.Sleep(time.Hour - time.Minute)
		if p, ok := l.Find(alice); ok {
			t.Errorf("Find() = %p at the deadline", p)
		}
		if next := l.Sweep(int64(time.Hour + time.Minute)); next != visitors.Never || l.Len() != 1 {
			t.Errorf("swept: next at %v, %d visitors", time.Duration(next), l.Len())
		}
		if a.left.Load() != 1 || !slices.Equal(l.left(), []visitors.Cause{visitors.Expired}) || alice.Watchers() != 0 {
			t.Errorf("it left %d times: %v; %d watchers", a.left.Load(), l.left(), alice.Watchers())
		}
		if p := l.of(t, alice); p.left.Load() != 1 || l.Len() != 1 {
			t.Errorf("a part of a session that is over stays: %d visitors", l.Len())
		}
	})
}

func TestSweepDropsWithoutTraffic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, alice := newLog(t, 0), scopetest.New()
		alice.Until(time.Second)
		l.of(t, alice)
		time.Sleep(time.Second)
		if next := l.Sweep(int64(time.Second)); next != visitors.Never || l.Len() != 0 {
			t.Errorf("next %v, %d visitors", next, l.Len())
		}
	})
}

func TestTheLeastRecentLeaveACrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 128
		l := newLog(t, most)
		var all []*scopetest.Session
		for range most {
			s := scopetest.New()
			all = append(all, s)
			l.of(t, s)
			time.Sleep(time.Nanosecond)
		}
		l.of(t, all[0]) // is here again
		time.Sleep(time.Nanosecond)
		l.of(t, scopetest.New())
		if l.Len() > most {
			t.Errorf("%d visitors, want at most %d", l.Len(), most)
		}
		if _, ok := l.Find(all[0]); !ok {
			t.Error("one who was just here has left")
		}
		if _, ok := l.Find(all[1]); ok {
			t.Error("one who was not here for longest is kept")
		}
		if _, ok := l.Find(all[10]); !ok {
			t.Error("too many left")
		}
		if all[1].Watchers() != 0 {
			t.Error("a session keeps what has left")
		}
		for range 10 * most {
			l.of(t, scopetest.New())
		}
		if l.Len() > most {
			t.Errorf("%d visitors, want at most %d", l.Len(), most)
		}
	})
}

func TestResetDropsAll(t *testing.T) {
	t.Parallel()
	l, alice := newLog(t, 0), scopetest.New()
	a := l.of(t, alice)
	release := l.Reset()
	if l.Len() != 0 {
		t.Errorf("%d visitors after Reset", l.Len())
	}
	b := l.of(t, alice)
	if a == b {
		t.Error("the old part is still found")
	}
	release()
	if a.left.Load() != 1 || b.left.Load() != 0 || alice.Watchers() != 1 {
		t.Errorf("old part left %d times, new one %d; %d watchers", a.left.Load(), b.left.Load(), alice.Watchers())
	}
	l.Close()
	l.Close()
	if b.left.Load() != 1 || alice.Watchers() != 0 {
		t.Errorf("after Close: left %d times, %d watchers", b.left.Load(), alice.Watchers())
	}
	if _, err := l.Of(alice); !errors.Is(err, visitors.ErrClosed) {
		t.Errorf("Of after Close: %v", err)
	}
	if _, ok := l.Find(alice); ok || l.Sweep(1) != visitors.Never {
		t.Error("something is there after Close")
	}
	l.Reset()()
}

// Everything at once: each part that was made and given out leaves exactly once, and no
// session holds on to anything in the end.
func TestRace(t *testing.T) {
	t.Parallel()
	l := newLog(t, 8)
	var mu sync.Mutex
	seen := map[*part]bool{}
	var all []*scopetest.Session
	for range 32 {
		all = append(all, scopetest.New())
	}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 300 {
				s := all[(g*7+i*5)%len(all)]
				switch {
				case i%97 == 0:
					l.Reset()()
				case i%31 == 0:
					s.End()
				case i%13 == 0:
					s.Until(time.Duration(i%3) * time.Millisecond)
				case i%11 == 0:
					l.Sweep(int64(i))
				default:
					p, err := l.Of(s)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					seen[p] = true
					mu.Unlock()
				}
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	l.Close()
	for p := range seen {
		if p.left.Load() != 1 {
			t.Errorf("part %d left %d times", p.n, p.left.Load())
		}
	}
	for _, s := range all {
		if s.Watchers() != 0 {
			t.Error("a session holds on to a part")
		}
	}
	if len(seen) < 32 {
		t.Errorf("only %d parts", len(seen))
	}
}
