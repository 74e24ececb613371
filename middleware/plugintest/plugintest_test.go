package plugintest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/plugintest"
	"github.com/reecho-go/reecho/observe"
)

// good has every hook and keeps every rule.
type good struct{}

func (*good) Name() string                                          { return "good" }
func (*good) Start(context.Context) error                           { return nil }
func (*good) Begin(middleware.Context) error                        { return nil }
func (*good) Wrap(next middleware.Handler) middleware.Handler       { return next }
func (*good) BeforeHeaders(context.Context, int, http.Header) error { return nil }
func (*good) End(_ middleware.Context, err error) error             { return err }
func (*good) Close(context.Context) error                           { return nil }

func TestAGoodPluginPasses(t *testing.T) {
	plugintest.Run(t, func(testing.TB) middleware.Plugin { return new(good) })
}

// dependent comes after a plugin that is of no use once it has been closed.
type dependent struct{ good }

func (*dependent) After() []string { return []string{"earlier"} }

type earlier struct {
	good
	closed atomic.Bool
}

func (*earlier) Name() string                  { return "earlier" }
func (p *earlier) Close(context.Context) error { p.closed.Store(true); return nil }
func (p *earlier) Begin(middleware.Context) error {
	if p.closed.Load() {
		return errors.New("closed")
	}
	return nil
}

func TestAPluginThatComesAfterAnotherPasses(t *testing.T) {
	plugintest.Run(t,
		func(testing.TB) middleware.Plugin { return new(dependent) },
		func(testing.TB) middleware.Plugin { return new(earlier) })
}

type (
	nameless    struct{ good }
	writesBegin struct{ good }
	eatsErrors  struct{ good }
	closesOnce  struct {
		good
		closed bool
	}
	failsCommit struct{ good }
	loner       struct{ good }
	needsStart  struct {
		good
		ok bool
	}
	keepsFailing struct {
		good
		err error
	}
	swallows  struct{ good }
	panicsEnd struct{ good }
	shared    struct{ good }
)

func (*nameless) Name() string { return "" }
func (*writesBegin) Begin(c middleware.Context) error {
	_, err := io.WriteString(middleware.Response(c), "mine")
	return err
}
func (*eatsErrors) End(middleware.Context, error) error { return nil }
func (p *closesOnce) Close(context.Context) error {
	if p.closed {
		return errors.New("closed already")
	}
	p.closed = true
	return nil
}

func (*failsCommit) BeforeHeaders(_ context.Context, status int, _ http.Header) error {
	if status == http.StatusNotModified {
		return errors.New("unexpected status")
	}
	return nil
}

func (*loner) After() []string { return []string{"nobody"} }

func (p *needsStart) Start(context.Context) error { p.ok = true; return nil }
func (p *needsStart) Close(context.Context) error {
	if !p.ok {
		return errors.New("not started")
	}
	return nil
}

func (p *keepsFailing) Start(ctx context.Context) error { p.err = ctx.Err(); return p.err }
func (p *keepsFailing) Close(context.Context) error     { return p.err }

func (*swallows) Wrap(next middleware.Handler) middleware.Handler {
	return func(c middleware.Context) error {
		defer func() { _ = recover() }()
		return next(c)
	}
}

func (*panicsEnd) End(_ middleware.Context, err error) error {
	if _, ok := errors.AsType[*observe.PanicError](err); ok {
		panic("unexpected")
	}
	return err
}

var sharedClosed bool

func (*shared) Close(context.Context) error { sharedClosed = true; return nil }
func (*shared) Begin(middleware.Context) error {
	if sharedClosed {
		return errors.New("closed")
	}
	return nil
}

// bad are plugins that break one rule each, and the case that must notice.
var bad = map[string]struct {
	open func() middleware.Plugin
	want string
}{
	"nameless":      {func() middleware.Plugin { return new(nameless) }, "/name"},
	"writes":        {func() middleware.Plugin { return new(writesBegin) }, "/handler's_answer"},
	"eats errors":   {func() middleware.Plugin { return new(eatsErrors) }, "/handler's_error"},
	"closes once":   {func() middleware.Plugin { return new(closesOnce) }, "/close_twice"},
	"fails commit":  {func() middleware.Plugin { return new(failsCommit) }, "/commit_once"},
	"cannot fit":    {func() middleware.Plugin { return new(loner) }, "/fits_a_stack"},
	"needs start":   {func() middleware.Plugin { return new(needsStart) }, "/close_without_start"},
	"keeps failing": {func() middleware.Plugin { return new(keepsFailing) }, "/close_after_failed_start"},
	"swallows":      {func() middleware.Plugin { return new(swallows) }, "/handler's_panic"},
	"panics":        {func() middleware.Plugin { return new(panicsEnd) }, "/handler's_panic"},
	"shares state":  {func() middleware.Plugin { return new(shared) }, "/two_at_once"},
}

const badEnv = "PLUGINTEST_BAD"

// TestBad is run by TestABadPluginIsFound in a process of its own, where it fails.
func TestBad(t *testing.T) {
	b, ok := bad[os.Getenv(badEnv)]
	if !ok {
		t.Skip("runs in a child process only")
	}
	plugintest.Run(t, func(testing.TB) middleware.Plugin { return b.open() })
}

func TestABadPluginIsFound(t *testing.T) {
	t.Parallel()
	for name, b := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBad$")
			cmd.Env = append(os.Environ(), badEnv+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestBad"+b.want) || !strings.Contains(string(out), "the rule: ") {
				t.Errorf("the suite did not fail in %s:\n%s", b.want, out)
			}
		})
	}
}
