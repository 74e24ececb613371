package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
)

// A Start that calls runtime.Goexit, as t.FailNow does, has failed.
func TestAStartThatExitsItsGoroutineHasFailed(t *testing.T) {
	t.Parallel()
	starts := map[string]func(s *middleware.Stack){
		"by Start": func(s *middleware.Stack) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = s.Start(context.Background())
			}()
			<-done
		},
		"by a request": func(*middleware.Stack) {},
	}
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := new(diary)
				s := middleware.Must(middleware.New(&full{name: "a", d: d, start: func() error { runtime.Goexit(); return nil }}))
				start(s)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				e := echo.New()
				e.Use(echov4.Middleware(s))
				rec := httptest.NewRecorder()
				e.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
				if rec.Code != http.StatusServiceUnavailable {
					t.Errorf("status = %d, want 503", rec.Code)
				}
				if err := s.Close(ctx); err != nil {
					t.Errorf("Close() = %v", err)
				}
			})
		})
	}
}

// Whoever comes first, Start, Close or a request: plugins are never used
// before their Start or after their Close, but by requests that had begun.
func TestStartCloseAndFirstRequestsAtOnce(t *testing.T) {
	t.Parallel()
	for range 50 {
		var mu sync.Mutex
		state := "new"
		p := &full{name: "a", d: new(diary)}
		step := func(from, to string) func() error {
			return func() error {
				mu.Lock()
				defer mu.Unlock()
				if from != "" && state != from {
					t.Errorf("%s after %s", to, state)
				}
				state = to
				return nil
			}
		}
		p.start, p.closeHook = step("new", "started"), step("", "closed")
		p.begin = func() error {
			mu.Lock()
			defer mu.Unlock()
			if state == "new" {
				t.Error("Begin before Start")
			}
			return nil
		}
		s := middleware.Must(middleware.New(p))
		e := echo.New()
		e.Use(echov4.Middleware(s))
		e.GET("/", func(c echo.Context) error { return c.NoContent(204) })
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				rec := httptest.NewRecorder()
				e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
				if rec.Code != 204 && rec.Code != 503 {
					t.Errorf("status = %d, want 204 or 503", rec.Code)
				}
			})
			wg.Go(func() {
				if err := s.Start(t.Context()); err != nil && !errors.Is(err, middleware.ErrClosed) {
					t.Errorf("Start() = %v", err)
				}
			})
		}
		wg.Go(func() {
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("Close() = %v", err)
			}
		})
		wg.Wait()
		if state != "closed" {
			t.Errorf("the end is %s, want closed", state)
		}
	}
}
