package cachedata_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/reecho-go/reecho/cachedata"
)

// A slog.Value keeps a string as the address of its first byte: as a key it
// would be that byte, as a result the bytes of something else.
func TestPrivateDataIsNeitherAKeyNorCopiedByMistake(t *testing.T) {
	t.Parallel()
	g := newGroup(t, cachedata.GroupConfig{})
	_, err := cachedata.New("key", func(context.Context, slog.Value) (int, error) { return 0, nil }, cachedata.Config{Group: g})
	var refused *cachedata.KeyError
	if !errors.As(err, &refused) || refused.Type != reflect.TypeFor[slog.Value]() || !strings.Contains(err.Error(), "HashFuncs") {
		t.Errorf("a slog.Value as a key: %v, want a KeyError with the ways out", err)
	}
	c := newCache(t, func(_ context.Context, k any) (slog.Value, error) { return slog.StringValue("team:7 and more"), nil }, cachedata.Config{})
	if _, err := c.Get(t.Context(), slog.StringValue("team:7")); !errors.As(err, &refused) || refused.Path == "" {
		t.Errorf("a slog.Value behind an interface: %v, want a KeyError with its path", err)
	}
	for range 2 {
		if v, err := c.Get(t.Context(), 1); err != nil || v.String() != "team:7 and more" {
			t.Errorf("result is %v, %v", v, err)
		}
	}
}

// member is copied by a method where a pointer leads to it.
type colleague struct {
	Name string
	Tags []string
}

func (m *colleague) Clone() *colleague { return &colleague{m.Name, slices.Clone(m.Tags)} }

func TestAPointerIntoWhatAMethodCopiesIsRefused(t *testing.T) {
	t.Parallel()
	type page struct {
		Member *colleague
		Title  *string
	}
	inside := func() *page {
		m := &colleague{Name: "a"}
		return &page{m, &m.Name}
	}
	c := newCache(t, func(_ context.Context, k int) (*page, error) {
		p := inside()
		if k == 0 {
			p.Title = new(string)
		}
		return p, nil
	}, cachedata.Config{})
	var refused *cachedata.CopyError
	if _, err := c.Get(t.Context(), 1); !errors.As(err, &refused) || !strings.Contains(err.Error(), "Funcs.Clone") {
		t.Errorf("Get: %v, want a CopyError with the ways out", err)
	}
	if err := c.Put(t.Context(), 2, inside()); !errors.As(err, &refused) {
		t.Errorf("Put: %v, want a CopyError", err)
	}
	for range 2 {
		if p, err := c.Get(t.Context(), 0); err != nil || p.Member.Name != "a" || *p.Title != "" {
			t.Errorf("a pointer to elsewhere: %v, %v", p, err)
		}
	}
}

// Frameworks make strings of the bytes of a request, which the next one overwrites.
func TestAKeyOwnsItsStringsAfterTheCall(t *testing.T) {
	t.Parallel()
	type key struct {
		ID   int
		Path string
		List []string
	}
	var seen []key
	block, started := make(chan struct{}), make(chan struct{})
	c := newCache(t, func(_ context.Context, k key) (string, error) {
		close(started)
		<-block
		seen = append(seen, k)
		return k.Path, nil
	}, cachedata.Config{})
	buf := []byte("/before")
	text := unsafe.String(&buf[0], len(buf))
	done := make(chan string)
	go func() {
		v, _ := c.Get(t.Context(), key{1, text, []string{text}})
		done <- v
	}()
	<-started
	copy(buf, "/after!")
	close(block)
	if v := <-done; v != "/before" || len(seen) != 1 || seen[0].List[0] != "/before" {
		t.Errorf("result %q of keys %+v", v, seen)
	}
	for e := range c.Entries() {
		if e.Key.(key).Path != "/before" {
			t.Errorf("the entry's key is %+v", e.Key)
		}
	}
}

func TestKeysAreBoundedInBytesAlsoAsStrings(t *testing.T) {
	t.Parallel()
	load := func(_ context.Context, k string) (int, error) { return len(k), nil }
	c := newCache(t, load, cachedata.Config{})
	long := strings.Repeat("x", 1<<20+1)
	_, err1 := c.Get(t.Context(), long)
	err2 := c.Put(t.Context(), long, 1)
	for _, err := range []error{err1, err2} {
		var refused *cachedata.KeyError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "HashFuncs") || !strings.Contains(err.Error(), "Keys.MaxBytes") {
			t.Errorf("%v, want a KeyError with the ways out", err)
		}
	}
	raised := newCache(t, load, cachedata.Config{Keys: cachedata.KeyConfig{MaxBytes: 2 << 20}})
	if n, err := raised.Get(t.Context(), long); n != len(long) || err != nil {
		t.Errorf("with a limit of 2 MiB: %d, %v", n, err)
	}
	type document struct{ Text []byte }
	digested := newCache(t, func(_ context.Context, d document) (int, error) { return len(d.Text), nil }, cachedata.Config{
		Keys: cachedata.KeyConfig{HashFuncs: map[reflect.Type]func(any) (any, error){
			reflect.TypeFor[document](): func(v any) (any, error) { return sha256.Sum256(v.(document).Text), nil },
		}},
	})
	if n, err := digested.Get(t.Context(), document{[]byte(long)}); n != len(long) || err != nil {
		t.Errorf("by its digest: %d, %v", n, err)
	}
	if _, err := cachedata.New("x", load, cachedata.Config{Keys: cachedata.KeyConfig{MaxBytes: -1}}); err == nil || !strings.Contains(err.Error(), "Keys.MaxBytes is -1") {
		t.Errorf("Keys.MaxBytes -1: %v", err)
	}
}

func TestAVisitorInAKeyIsRefusedAlsoIfLeftOut(t *testing.T) {
	t.Parallel()
	type key struct {
		ID      int
		Request *http.Request `hash:"-"`
	}
	_, err := cachedata.New("visitor", func(context.Context, key) (int, error) { return 0, nil }, cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{})})
	var refused *cachedata.KeyError
	if !errors.As(err, &refused) || refused.Path != "key.Request" || !strings.Contains(err.Error(), "a field of the key") {
		t.Errorf("%v, want a KeyError with path and way out", err)
	}
}

func TestTrustedNamesTypesOfOtherModules(t *testing.T) {
	t.Parallel()
	load := func(context.Context, int) (int, error) { return 0, nil }
	for want, of := range map[string]reflect.Type{
		"Trusted[0] is nil":            nil,
		"Trusted[0] is slog.Value":     reflect.TypeFor[slog.Value](),
		"Trusted[0] is http.Handler":   reflect.TypeFor[http.Handler](),
		"Trusted[0] is map[string]int": reflect.TypeFor[map[string]int](),
	} {
		_, err := cachedata.New("trusted", load, cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{}), Trusted: []reflect.Type{of}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", of, err, want)
		}
	}
}
