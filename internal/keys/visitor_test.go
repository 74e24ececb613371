package keys_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/keys"
)

type visit struct{ http.ResponseWriter }

type pages[T any] struct{ of T }

func TestWhatCarriesAVisitorIsRefusedAnywhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		path string
	}{
		{"request", errorOf[*http.Request](), "key"},
		{"request by value", errorOf[struct{ R http.Request }](), "key.R"},
		{"ignored request", errorOf[struct {
			ID int
			R  *http.Request `hash:"-"`
		}](), "key.R"},
		{"ignored echo context", errorOf[struct {
			C echo.Context `hash:"ignore"`
		}](), "key.C"},
		{"context", errorOf[struct{ Ctx context.Context }](), "key.Ctx"},
		{"slice of contexts", errorOf[struct {
			L []map[string]context.Context `hash:"-"`
		}](), "key.L[][]"},
		{"response", errorOf[struct {
			W http.ResponseWriter `hash:"-"`
		}](), "key.W"},
		{"embedded response", errorOf[struct {
			V *visit `hash:"-"`
		}](), "key.V"},
		{"generic of a visitor", errorOf[struct {
			P pages[echo.Context] `hash:"-"`
		}](), "key.P.of"},
		{"atomic pointer to a request", errorOf[struct {
			P *atomic.Pointer[http.Request] `hash:"-"`
		}](), "key.P."},
		{"session of gorilla", errorOf[struct {
			S *sessions.Session `hash:"-"`
		}](), "key.S"},
	} {
		var e *keys.Error
		if !errors.As(tt.err, &e) || !strings.HasPrefix(e.Path, tt.path) || !strings.Contains(e.Error(), "field of the key") || e.Type == nil {
			t.Errorf("%s: %v, want an error at %s with a way out", tt.name, tt.err, tt.path)
		}
		if strings.Contains(fmt.Sprint(tt.err), "hash:\"ignore\"") {
			t.Errorf("%s: %v advises to ignore it", tt.name, tt.err)
		}
	}
	type deps struct {
		ID int
		DB *sql.DB      `hash:"-"`
		H  *http.Client `hash:"-"`
		U  *url.URL
		C  *http.Cookie `hash:"-"`
		F  func()       `hash:"-"`
	}
	if err := errorOf[deps](); err != nil {
		t.Errorf("what is no visitor's: %v", err)
	}
}

func errorOf[K any]() error {
	_, err := keysFor[K]("test: keys", keys.Config{})
	return err
}

// What an interface holds is known only when it is there.
func TestWhatAnInterfaceHoldsCarriesNoVisitor(t *testing.T) {
	t.Parallel()
	type part struct {
		Any any `hash:"-"`
	}
	type key struct {
		ID   int
		Left any `hash:"ignore"`
		Part part
		Ptr  *part
		List []any
		Map  map[string]any
	}
	type tenant struct{ context.Context }
	type service struct {
		DB   *sql.DB
		Base any
	}
	k, err := keys.For("test: keys", reflect.TypeFor[key](), keys.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	for _, tt := range []struct {
		name string
		key  key
		path string // empty: it is fine
	}{
		{"nothing", key{ID: 1}, ""},
		{"a number", key{Left: 1, Part: part{2}, List: []any{3}}, ""},
		{"a service", key{Left: &service{Base: t.Context()}}, ""},
		{"a context", key{Left: t.Context()}, "key.Left"},
		{"a request", key{Left: r}, "key.Left"},
		{"a struct with a context", key{Left: struct{ Ctx context.Context }{t.Context()}}, "key.Left.Ctx"},
		{"a context of the program", key{Left: tenant{t.Context()}}, "key.Left"},
		{"in a part", key{Part: part{r}}, "key.Part.Any"},
		{"behind a pointer", key{Ptr: &part{r}}, "key.Ptr.Any"},
		{"left out of what a list has", key{List: []any{1, part{r}}}, "key.List[1].Any"},
		{"left out of what a map has", key{Map: map[string]any{"a": &part{r}}}, "key.Map[].Any"},
	} {
		_, err := k.Own(unsafe.Pointer(&tt.key), "")
		var e *keys.Error
		switch {
		case tt.path == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.path != "" && (!errors.As(err, &e) || e.Path != tt.path || !strings.Contains(e.Error(), "field of the key")):
			t.Errorf("%s: %v, want an error at %s with a way out", tt.name, err, tt.path)
		}
	}
}
