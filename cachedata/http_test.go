package cachedata_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
)

// On an echo without any middleware of ours, one line makes errors what the
// documentation says.
func TestErrorsOnABareEcho(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, func(ctx context.Context, k int) (int, error) {
			switch k {
			case 1:
				return 0, fmt.Errorf("user %d: %w", k, cachedata.ErrNotFound)
			case 2:
				<-ctx.Done()
				return 0, ctx.Err()
			case 3:
				return 0, cachedata.ErrClosed
			}
			return 0, errors.New("secret")
		}, cachedata.Config{Timeout: time.Second})
		for name, test := range map[string]struct {
			handler echo.HTTPErrorHandler
			wrap    func(error) error
			media   string
		}{
			"with the error handler": {echov4.ErrorHandler(nil), func(err error) error { return err }, "application/problem+json"},
			"with HTTPError":         {nil, echov4.HTTPError, "application/json"},
		} {
			e := echo.New()
			if test.handler != nil {
				e.HTTPErrorHandler = test.handler
			}
			e.GET("/:id", func(ec echo.Context) error {
				var id int
				if err := echo.PathParamsBinder(ec).Int("id", &id).BindError(); err != nil {
					return err
				}
				_, err := c.Get(ec.Request().Context(), id)
				return test.wrap(err)
			})
			for id, want := range map[int]int{1: 404, 2: 504, 3: 503, 4: 500} {
				rec := httptest.NewRecorder()
				e.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprint("/", id), http.NoBody))
				if rec.Code != want || strings.Contains(rec.Body.String(), "secret") {
					t.Errorf("%s: answer for %d = %d %s, want %d", name, id, rec.Code, rec.Body, want)
				}
				if media := rec.Header().Get("Content-Type"); want != 500 && !strings.HasPrefix(media, test.media) {
					t.Errorf("%s: the answer for %d is %s, want %s", name, id, media, test.media)
				}
			}
		}
	})
}

// boomLoad panics in a function that it calls.
func boomLoad(context.Context, int) (int, error) { return explode() }

func explode() (int, error) { panic("boom") }

// echo's Recover prints the value and the stack of the handler's goroutine.
func TestRecoverShowsWhichLoadPanickedAndWhere(t *testing.T) {
	t.Parallel()
	single := newCache(t, boomLoad, cachedata.Config{})
	batch := cachedata.Must(cachedata.NewBatch("batch", func(ctx context.Context, keys []int) (map[int]int, error) {
		v, err := boomLoad(ctx, 0)
		return map[int]int{keys[0]: v}, err
	}, cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{})}))
	outer := newCache(t, single.Get, cachedata.Config{})
	for name, test := range map[string]struct {
		get  func(context.Context) error
		want string
	}{
		"a load":                {func(ctx context.Context) error { _, err := single.Get(ctx, 1); return err }, "panic in test["},
		"a refresh":             {func(ctx context.Context) error { _, err := single.Refresh(ctx, 1); return err }, "panic in test["},
		"a batch":               {func(ctx context.Context) error { _, err := batch.GetMany(ctx, []int{1, 2}); return err }, "panic in batch["},
		"a load within another": {func(ctx context.Context) error { _, err := outer.Get(ctx, 1); return err }, "panic in test["},
	} {
		var log bytes.Buffer
		e := echo.New()
		e.Logger.SetOutput(&log)
		e.Use(echomiddleware.Recover())
		e.GET("/", func(c echo.Context) error { return test.get(c.Request().Context()) })
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		if rec.Code != http.StatusInternalServerError || strings.Contains(rec.Body.String(), "boom") {
			t.Errorf("%s: answer = %d %s", name, rec.Code, rec.Body)
		}
		for _, want := range []string{test.want, "http_test.go:", ": boom", "cachedata_test.boomLoad", "cachedata_test.explode"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: Recover logs %s\nwithout %q", name, log.String(), want)
			}
		}
	}
}
