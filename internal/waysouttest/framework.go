package waysouttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/reecho-go/reecho/middleware"
)

// Answer is how a handler answers in a web framework.
type Answer interface {
	middleware.Context
	// Writer is the framework's own response.
	Writer() http.ResponseWriter
	// Raw is the writer that a handler finds behind it, where there is such.
	Raw() http.ResponseWriter
	// Committed says whether the framework takes the response for sent.
	Committed() bool
	String(code int, s string) error
	JSON(code int, v any) error
	NoContent(code int) error
	Redirect(code int, url string) error
	Flush()
	// NotFound is the framework's error for 404.
	NotFound() error
	// Ours is an error of the toolkit as handlers return it.
	Ours(err error) error
}

// Layer is a middleware around a handler: a Stack, or one of the framework's own
// by its name.
type Layer struct {
	Stack *middleware.Stack
	Name  string
}

// Framework is a web framework that the toolkit serves.
type Framework struct {
	// Knows names the middlewares that it has.
	Knows []string
	// Handler returns an app with the layers, the first outermost, in front of
	// handlers by their paths. An error is answered by the framework.
	Handler func(t testing.TB, layers []Layer, routes map[string]func(Answer) error) http.Handler
	// Loose is said of a framework in which the status of a response that gzip
	// delays is the last one that is written, not the first, and in which a second
	// Response that sent an informational status drops the final one.
	Loose bool
}

// Around is a mix of other middlewares outside and inside of the tested one.
type Around struct {
	Name            string // fit for a path
	Outside, Inside []string
	Buffers         bool // cannot be hijacked
}

// Layers puts the stacks between the middlewares of a.
func (a Around) Layers(stacks ...*middleware.Stack) (layers []Layer) {
	for _, name := range a.Outside {
		layers = append(layers, Layer{Name: name})
	}
	for _, s := range stacks {
		layers = append(layers, Layer{Stack: s})
	}
	for _, name := range a.Inside {
		layers = append(layers, Layer{Name: name})
	}
	return layers
}

// Arounds returns those that f knows. A panic is always recovered somewhere.
func (f Framework) Arounds() []Around {
	all := []Around{
		{Name: "Recover-outside", Outside: []string{"recover"}},
		{Name: "Recover-inside", Inside: []string{"recover"}},
		{Name: "gzip-outside", Outside: []string{"recover", "gzip"}, Buffers: true},
		{Name: "gzip-inside", Outside: []string{"recover"}, Inside: []string{"gzip"}, Buffers: true},
		{Name: "gzip-of-everything-outside", Outside: []string{"recover", "gzipAll"}, Buffers: true},
		{Name: "gzip-of-everything-inside", Outside: []string{"recover"}, Inside: []string{"gzipAll"}, Buffers: true},
		{Name: "BodyDump-outside", Outside: []string{"recover", "dump"}},
		{Name: "BodyDump-inside", Outside: []string{"recover"}, Inside: []string{"dump"}},
		{Name: "ContextTimeout-outside", Outside: []string{"recover", "timeout"}},
		{Name: "ContextTimeout-inside", Outside: []string{"recover"}, Inside: []string{"timeout"}},
		{Name: "all", Outside: []string{"recover", "gzip", "dump", "timeout"}, Inside: []string{"timeout", "dump", "recover"}, Buffers: true},
	}
	return slices.DeleteFunc(all, func(a Around) bool {
		return slices.ContainsFunc(slices.Concat(a.Outside, a.Inside), func(name string) bool { return !slices.Contains(f.Knows, name) })
	})
}

// Stamp commits one header and counts how often it was asked to.
type Stamp struct {
	Of     string
	Fail   error
	Runs   atomic.Int32
	Status atomic.Int32
}

// Name implements middleware.Plugin.
func (s *Stamp) Name() string { return s.Of }

// BeforeHeaders implements middleware.Committer.
func (s *Stamp) BeforeHeaders(_ context.Context, status int, h http.Header) error {
	s.Runs.Add(1)
	s.Status.Store(int32(status))
	if s.Fail != nil {
		return s.Fail
	}
	h.Add("X-"+s.Of, "committed")
	return nil
}

// Unavailable is an error of the kind that the toolkit makes, of status 503. Its
// text is not for clients.
type Unavailable struct{} //lint:ignore errname it stands for any error

// Error implements error.
func (Unavailable) Error() string { return "store down: secret host name" }

// StatusCode is 503.
func (Unavailable) StatusCode() int { return http.StatusServiceUnavailable }

// Problem implements the toolkit's error interface.
func (Unavailable) Problem() middleware.Problem { return middleware.Problem{Detail: "try later"} }

// hosting is a way to put committers into an app; the last one fails with fail.
type hosting struct {
	name string
	make func(fail error) ([]*Stamp, []*middleware.Stack)
}

func hostings() []hosting {
	stack := func(ps ...middleware.Plugin) *middleware.Stack { return middleware.Must(middleware.New(ps...)) }
	return []hosting{
		{"alone", func(fail error) ([]*Stamp, []*middleware.Stack) {
			a := &Stamp{Of: "A", Fail: fail}
			return []*Stamp{a}, []*middleware.Stack{stack(a)}
		}},
		{"stack of two", func(fail error) ([]*Stamp, []*middleware.Stack) {
			a, b := &Stamp{Of: "A"}, &Stamp{Of: "B", Fail: fail}
			return []*Stamp{a, b}, []*middleware.Stack{stack(a, b)}
		}},
		{"stack in a stack", func(fail error) ([]*Stamp, []*middleware.Stack) {
			a, b := &Stamp{Of: "A"}, &Stamp{Of: "B", Fail: fail}
			return []*Stamp{a, b}, []*middleware.Stack{stack(a), stack(b)}
		}},
	}
}

// Test tests that a commit runs once on every way out of a handler, that a failed
// one becomes the response, and random histories.
func (f Framework) Test(t *testing.T) {
	t.Run("every way out is committed once", func(t *testing.T) {
		t.Parallel()
		f.each(t, []bool{false, true}, []error{nil}, func(t *testing.T, w Way, stamps []*Stamp, res *http.Response, body string, _ error) {
			w.Answered(t, res, body)
			for _, s := range stamps {
				if got := s.Runs.Load(); got != 1 {
					t.Errorf("committer %s ran %d times, want 1", s.Of, got)
				}
				if got := int(s.Status.Load()); got != w.Status {
					t.Errorf("committer %s saw status %d, want %d", s.Of, got, w.Status)
				}
				if got := res.Header.Values("X-" + s.Of); len(got) != 1 {
					t.Errorf("header X-%s = %q, want it once", s.Of, got)
				}
			}
		})
	})
	t.Run("a failed commit becomes the response", func(t *testing.T) {
		t.Parallel()
		f.each(t, []bool{false}, []error{Unavailable{}, errors.New("secret reason")}, failedCommit)
	})
	t.Run("random histories", func(t *testing.T) {
		t.Parallel()
		f.histories(t)
	})
}

func failedCommit(t *testing.T, w Way, _ []*Stamp, res *http.Response, body string, fail error) {
	want := http.StatusInternalServerError
	if _, ok := errors.AsType[Unavailable](fail); ok {
		want = http.StatusServiceUnavailable
	}
	if res.StatusCode != want {
		t.Errorf("status = %d, want %d", res.StatusCode, want)
	}
	if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type = %q, want a problem", got)
	}
	if w.Method != http.MethodHead && !strings.Contains(body, fmt.Sprintf(`"status":%d`, want)) {
		t.Errorf("body = %.200q, want the problem alone", body)
	}
	if strings.Contains(body, "secret") || (w.Body != "" && strings.Contains(body, w.Body)) {
		t.Errorf("body = %.200q leaks the cause or what the handler wrote", body)
	}
}

// each takes every way out through every mix of middlewares, over real
// connections.
func (f Framework) each(t *testing.T, http2s []bool, fails []error, check func(t *testing.T, w Way, stamps []*Stamp, res *http.Response, body string, fail error)) {
	for _, h2 := range http2s {
		for _, fail := range fails {
			for _, ho := range hostings() {
				for _, ar := range f.Arounds() {
					for _, w := range Ways(t) {
						if !w.Exists(ar, h2) {
							continue
						}
						t.Run(fmt.Sprintf("%v/%s/%s/%s/http2=%v", fail, w.Name, ho.name, ar.Name, h2), func(t *testing.T) {
							t.Parallel()
							stamps, stacks := ho.make(fail)
							if fail != nil {
								w.Hijack = false // what comes is an answer with a body
							}
							h := f.Handler(t, ar.Layers(stacks...), map[string]func(Answer) error{"/": w.Out})
							res, body := w.Take(t, Serve(t, h, h2), "/")
							check(t, w, stamps, res, body, fail)
						})
					}
				}
			}
		}
	}
}
