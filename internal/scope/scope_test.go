package scope_test

import (
	"context"
	"errors"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/reecho-go/reecho/internal/scope"
)

type fact struct{ n int }

type state struct{ scope.Request }

func newState(ctx context.Context) *state {
	s := new(state)
	s.Init(s, httptest.NewRequestWithContext(ctx, http.MethodGet, "/?a=1", http.NoBody))
	return s
}

func build(_ *scope.Request, filled any) *fact { return &fact{n: filled.(int)} }

func TestGetBuildsOnce(t *testing.T) {
	t.Parallel()
	s := newState(t.Context())
	s.Fill(scope.Info, 7)
	var wg sync.WaitGroup
	got := make([]*fact, 64)
	for i := range got {
		wg.Go(func() { got[i], _ = scope.Get(s.HTTP.Context(), scope.Info, build) })
	}
	wg.Wait()
	for i, f := range got {
		if f == nil || f != got[0] || f.n != 7 {
			t.Fatalf("Get() #%d = %v, want the one fact of the request, %v", i, f, got[0])
		}
	}
}

func TestGetWithoutPlugin(t *testing.T) {
	t.Parallel()
	for _, ctx := range []context.Context{t.Context(), newState(t.Context())} {
		if _, err := scope.Get(ctx, scope.Info, build); !errors.Is(err, scope.ErrNone) {
			t.Errorf("Get() error = %v, want ErrNone", err)
		}
	}
}

func TestInnerRequestShadowsOnlyWhatItFills(t *testing.T) {
	t.Parallel()
	outer := newState(t.Context())
	outer.Fill(scope.Info, 1)
	outer.Fill(scope.Query, 10)
	inner := newState(outer)
	inner.Fill(scope.Info, 2)
	if f, _ := scope.Get(inner, scope.Info, build); f.n != 2 {
		t.Errorf("Info in the inner request = %d, want 2", f.n)
	}
	if f, _ := scope.Get(inner, scope.Query, build); f.n != 10 {
		t.Errorf("Query in the inner request = %d, want the outer one, 10", f.n)
	}
	if f, _ := scope.Get(outer, scope.Info, build); f.n != 1 {
		t.Errorf("Info in the outer request = %d, want 1", f.n)
	}
}

func TestHideMasksTheVisitorOnly(t *testing.T) {
	t.Parallel()
	type other struct{}
	s := newState(context.WithValue(t.Context(), other{}, "kept"))
	s.Fill(scope.Session, 1)
	m := scope.Hide(s)
	ctx, cancel := context.WithCancel(m)
	defer cancel()
	if got := ctx.Value(other{}); got != "kept" {
		t.Errorf("other values = %v, want them visible", got)
	}
	if err := m.Violation(); err != nil {
		t.Errorf("Violation() before any read = %v, want nil", err)
	}
	if _, err := scope.Get(ctx, scope.Session, build); !errors.Is(err, scope.ErrVisitorInGlobalLoad) {
		t.Errorf("Get() error = %v, want ErrVisitorInGlobalLoad", err)
	}
	if err := m.Violation(); !errors.Is(err, scope.ErrVisitorInGlobalLoad) {
		t.Errorf("Violation() = %v, want ErrVisitorInGlobalLoad", err)
	}
	if scope.Fill(ctx, scope.Session, 2) {
		t.Error("Fill() reached the request through a mask")
	}
}

func TestInitDoesNotAllocate(t *testing.T) {
	req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	s := new(state)
	if n := testing.AllocsPerRun(100, func() { s.Init(s, req); s.Fill(scope.Info, req) }); n != 0 {
		t.Errorf("Init and Fill allocate %v times, want 0: http.Request.WithContext is no longer inlined", n)
	}
	ctx := s.HTTP.Context()
	if _, err := scope.Get(ctx, scope.Info, func(*scope.Request, any) *fact { return new(fact) }); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = scope.Get(ctx, scope.Info, build) }); n != 0 {
		t.Errorf("Get of a built value allocates %v times, want 0", n)
	}
}

func TestFinishHandsBackTheMultipartForm(t *testing.T) {
	t.Parallel()
	req := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	s := new(state)
	s.Init(s, req)
	form := new(multipart.Form)
	s.HTTP.MultipartForm = form
	s.Finish()
	if req.MultipartForm != form {
		t.Error("the server would not remove the form's temporary files")
	}
}
