package observe_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// all holds one of each event, so that a new one cannot be forgotten below.
var all = []observe.Event{
	observe.CacheLoad{Source: source, Took: time.Second, Waiters: 2, Err: errBoom},
	observe.CacheRefused{Source: source, Reason: "cleared"},
	observe.CacheEvict{Source: source, Cause: observe.CauseExpired},
	observe.CacheOverrun{Source: source, Took: time.Minute},
	observe.CacheStalled{Source: source, Took: time.Minute},
	observe.ContextRead{Source: source, Key: "app.userKey", Value: "*app.User"},
	observe.CacheFull{Source: source, MaxBytes: 1 << 30, Default: true},
	observe.CacheServed{Source: source, FailSafe: true, Age: time.Hour},
	observe.CacheClear{Source: observe.Source{Group: "g"}, Tag: "team:7", Entries: 3},
	observe.ResourceOpen{Source: source},
	observe.ResourceCheck{Source: source, Err: errBoom},
	observe.ResourceRelease{Source: source, Cause: observe.CauseClosed},
	observe.ResourceLeak{Source: source, Held: time.Minute, Site: "x.go:1"},
	observe.SessionLife{Action: observe.SessionCreated, ID: "ab12"},
	observe.SessionRefused{Reason: "tampered", Size: 10},
	observe.SessionConflict{ID: "ab12", Tries: 3},
	observe.SessionValue{ID: "ab12", Key: "count", Err: errBoom},
	observe.PluginFailure{Plugin: "p", Hook: "Begin", Err: errBoom},
	observe.StoreFailure{Owner: "sessions", Op: "Swap", Err: errBoom},
	observe.StoreBack{Owner: "cache", Down: time.Minute},
	observe.Anomaly{Header: "X-Forwarded-For", Reason: "malformed"},
	observe.Notice{Owner: "sessions", Text: "in memory"},
}

var (
	errBoom = errors.New("boom")
	source  = observe.Source{Group: "g", Cache: "c", Fingerprint: 0xabc}
)

func TestEveryEventHasAKindOfItsOwnAndFields(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for _, ev := range all {
		if kinds[observe.Kind(ev)] || observe.Kind(ev) == "" {
			t.Errorf("%T: Kind = %q is empty or taken", ev, observe.Kind(ev))
		}
		kinds[observe.Kind(ev)] = true
		if len(observe.Attrs(ev)) == 0 {
			t.Errorf("%T: no fields for a log", ev)
		}
	}
}

func TestErrorsRaiseTheLevel(t *testing.T) {
	t.Parallel()
	if got := observe.Level(observe.CacheLoad{}); got != slog.LevelDebug {
		t.Errorf("level of a good load = %v, want Debug", got)
	}
	if got := observe.Level(observe.CacheLoad{Err: errBoom}); got != slog.LevelWarn {
		t.Errorf("level of a failed load = %v, want Warn", got)
	}
}

func TestEmit(t *testing.T) {
	t.Parallel()
	observe.Emit(t.Context(), nil, all[0]) // silent
	observe.Emit(t.Context(), observe.Func(func(context.Context, observe.Event) { panic("observer") }), all[0])
}

func TestTeeReachesEverybodyDespiteAPanic(t *testing.T) {
	t.Parallel()
	var a, b observe.Recorder
	o := observe.Tee(&a, nil, observe.Func(func(context.Context, observe.Event) { panic("observer") }), &b)
	o.Observe(t.Context(), all[0])
	if len(a.Events()) != 1 || len(b.Events()) != 1 {
		t.Errorf("events seen = %d and %d, want 1 and 1", len(a.Events()), len(b.Events()))
	}
}

func TestTeeOfNobodyIsNil(t *testing.T) {
	t.Parallel()
	if o := observe.Tee(nil, nil); o != nil {
		t.Errorf("Tee(nil, nil) = %v, want nil", o)
	}
	var r observe.Recorder
	if o := observe.Tee(nil, &r); o != &r {
		t.Errorf("Tee(nil, r) = %v, want r itself", o)
	}
}

func TestSlog(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	o := observe.Slog(slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelInfo})))
	o.Observe(t.Context(), observe.CacheEvict{Source: source}) // Debug: filtered
	o.Observe(t.Context(), observe.CacheLoad{Source: source, Err: errBoom})
	got := buf.String()
	for _, want := range []string{"level=WARN", "msg=cache.load", "group=g", "cache=c", "key=0000000000000abc", "error=boom"} {
		if !strings.Contains(got, want) {
			t.Errorf("log line %q lacks %q", got, want)
		}
	}
	if strings.Contains(got, "cache.evict") {
		t.Errorf("log %q holds an event below the handler's level", got)
	}
}

func TestANoticeIsLoggedAsASentence(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	o := observe.Slog(slog.New(slog.NewTextHandler(&buf, nil)))
	o.Observe(t.Context(), observe.Notice{Owner: "sessionstate", Text: "Config.Secrets is empty: set it"})
	if want := `level=WARN msg="Config.Secrets is empty: set it" owner=sessionstate event=notice` + "\n"; !strings.HasSuffix(buf.String(), want) {
		t.Errorf("log line %q, want the end %q", buf.String(), want)
	}
}

func TestRecorderIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	var r observe.Recorder
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { r.Observe(t.Context(), observe.Notice{Text: "x"}) })
	}
	wg.Wait()
	if got := len(observe.Of[observe.Notice](&r)); got != 16 {
		t.Errorf("recorded %d notices, want 16", got)
	}
	if got := len(observe.Of[observe.Anomaly](&r)); got != 0 {
		t.Errorf("recorded %d anomalies, want 0", got)
	}
}
