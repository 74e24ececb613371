package sessionstate_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
)

// stackStore notes by which way its Swap is called.
type stackStore struct {
	*memstore.Store
	frames []string
}

func (s *stackStore) Swap(ctx context.Context, key string, version uint64, it store.Item) (uint64, error) {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	s.frames = nil
	for {
		f, more := frames.Next()
		s.frames = append(s.frames, f.Function)
		if !more || strings.HasSuffix(f.Function, "(*Response).WriteHeader") {
			break
		}
	}
	return s.Store.Swap(ctx, key, version, it)
}

// A stranger who sets a breakpoint in the store must find the way back to the
// response.
func TestTheWayFromTheResponseToTheStoreIsShort(t *testing.T) {
	t.Parallel()
	s := &stackStore{Store: newMem(t)}
	a := newApp(t, sessionstate.Config{Store: s})
	a.handle("/incr", func(c echo.Context, s *sessionstate.State) error {
		n, err := sessionstate.Incr(count, s, 1)
		if err != nil {
			return err
		}
		return c.String(200, fmt.Sprint(n))
	})
	v := a.visitor()
	v.get(t, "/incr").wants(t, 200, "1")
	v.get(t, "/incr").wants(t, 200, "2")
	var way []string
	for _, f := range s.frames[1:] {
		if strings.Contains(f, "/reecho/") {
			way = append(way, f[strings.LastIndex(f, "/")+1:])
		}
	}
	want := []string{
		"sessionstate.(*storeBackend).write", "sessionstate.(*storeBackend).save", "sessionstate.(*State).save",
		"sessionstate.(*State).commit", "sessionstate.(*Manager).BeforeHeaders",
		"middleware.(*Stack).commit", "commit.(*Run).commit", "commit.(*Run).WriteHeader",
	}
	if !slices.Equal(way, want) {
		t.Errorf("Swap is called by %q, want %q", way, want)
	}
}
