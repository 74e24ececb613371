package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jinzhu/copier"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/copiermap"
)

type page struct {
	Title string
	Rows  []row
	Index map[string]*row
	Next  *page
	Any   any
	Err   error
}

func newPage() *page {
	r := row{ID: 1, Name: "a"}
	return &page{Title: "t", Rows: []row{r}, Index: map[string]*row{"a": &r}, Next: &page{Title: "n"}, Any: []int{1}, Err: io.EOF}
}

func (p *page) spoil() {
	p.Title = "spoiled"
	p.Rows[0].Name = "spoiled"
	p.Index["a"].Name = "spoiled"
	p.Index["b"] = nil
	p.Next.Title = "spoiled"
	p.Any.([]int)[0] = 99
}

func TestEveryCallerHasACopyOfItsOwn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	var kept *page // what the loader returned
	c := newCache(t, func(context.Context, int) (*page, error) {
		kept = newPage()
		return kept, nil
	}, cachedata.Config{})
	check := func(who string, got *page, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(newPage(), got, cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", who, diff)
		}
		got.spoil()
	}
	got, err := c.Get(ctx, 1)
	kept.spoil()
	check("the leader", got, err)
	got, err = c.Get(ctx, 1)
	check("a hit", got, err)
	got, _ = c.Peek(ctx, 1)
	check("Peek", got, nil)
	got, _, err = c.GetMeta(ctx, 1)
	check("GetMeta", got, err)
	got, err = c.Refresh(ctx, 1)
	kept.spoil()
	check("Refresh", got, err)
	mine := newPage()
	if err := c.Put(ctx, 2, mine); err != nil {
		t.Fatal(err)
	}
	mine.spoil()
	got, err = c.Get(ctx, 2)
	check("a hit of what was put", got, err)
	got, err = c.Get(ctx, 2)
	check("the next hit", got, err)
}

func TestManyCallersCopyOneValue(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(context.Context, int) (*page, error) { return newPage(), nil }, cachedata.Config{})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 50 {
				p, err := c.Get(t.Context(), 1)
				if err != nil || p.Title != "t" || p.Rows[0].Name != "a" {
					t.Errorf("got %+v, %v", p, err)
				}
				p.spoil()
			}
		})
	}
	wg.Wait()
}

func TestUncopyableTypesAreRefusedInNew(t *testing.T) {
	t.Parallel()
	type value struct {
		ID    int
		Inner struct{ Mu sync.Mutex }
		Ch    chan int
	}
	load := func(context.Context, int) (*value, error) { return &value{}, nil }
	_, err := cachedata.New("values", load, cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{})})
	found := map[string]bool{}
	walkErrors(err, func(err error) {
		//lint:ignore errorlint each node of the tree by itself
		if ce, ok := err.(*cachedata.CopyError); ok {
			found[ce.Path] = ce.Cache == "values" && ce.Type != nil
		}
	})
	if !found["value.Ch"] && !found["(*value).Ch"] && len(found) < 2 {
		t.Errorf("the error names %v: %v", found, err)
	}
	for _, want := range []string{"values", "Ch", "Mu", "Funcs.Clone", "Config.Copy.ReadOnly", "cacheresource"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %q: %v", want, err)
		}
	}

	readOnly := newCache(t, load, cachedata.Config{Copy: cachedata.CopyConfig{ReadOnly: true}})
	a, errA := readOnly.Get(t.Context(), 1)
	b, errB := readOnly.Get(t.Context(), 1)
	if a != b || a == nil || errA != nil || errB != nil {
		t.Errorf("ReadOnly does not share: %p, %p", a, b)
	}
	cloned := newCache(t, load, cachedata.Config{}, cachedata.Funcs[int, *value]{Clone: func(v *value) *value { return &value{ID: v.ID + 1} }})
	if v, err := cloned.Get(t.Context(), 1); err != nil || v.ID != 2 { // into the cache, and out of it
		t.Errorf("Clone: %+v, %v", v, err)
	}
}

func TestWritesToSharedResultsAreFound(t *testing.T) {
	t.Parallel()
	mine := &[]string{"a", "b"} // the loader's
	load := func(ctx context.Context, k int) (*[]string, error) {
		if k == 2 {
			cachedata.LoadingFrom(ctx).SetETag("v1")
			if cachedata.LoadingFrom(ctx).OldETag() != "" {
				cachedata.LoadingFrom(ctx).NotModified()
				return nil, nil
			}
		}
		return mine, nil
	}
	c := newCache(t, load, cachedata.Config{Copy: cachedata.CopyConfig{ReadOnly: true, Verify: true}})
	found := func(what string, err error) {
		t.Helper()
		fp, _ := c.Fingerprint(1)
		named := err != nil && strings.Contains(err.Error(), fmt.Sprintf("cachedata: test: key %016x: ", fp))
		if !errors.Is(err, cachedata.ErrChanged) || !named && what != "a load that was not modified" {
			t.Errorf("%s: %v, want ErrChanged with the key", what, err)
		}
	}
	for range 3 {
		if _, err := c.Get(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	v, _ := c.Get(t.Context(), 1)
	(*v)[1] = "changed by a caller"
	_, err := c.Get(t.Context(), 1)
	found("a caller's write", err)
	if v, err := c.Get(t.Context(), 1); err != nil || v != mine {
		t.Errorf("the next call: %v, %v: want it to load again", v, err)
	}
	*mine = append(*mine, "by the loader")
	_, err = c.Get(t.Context(), 1)
	found("the loader's write", err)

	if _, err := c.Get(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	(*mine)[0] = "while it is renewed"
	_, err = c.Refresh(t.Context(), 2)
	found("a load that was not modified", err)

	if err := c.Put(t.Context(), 1, mine); err != nil {
		t.Fatal(err)
	}
	(*mine)[0] = "after Put"
	_, err = c.Get(t.Context(), 1)
	found("a write after Put", err)
}

func TestVerifyReadOnlyNeedsData(t *testing.T) {
	t.Parallel()
	type value struct{ Ch chan int }
	g := newGroup(t, cachedata.GroupConfig{})
	_, err := cachedata.New("values", func(context.Context, int) (*value, error) { return &value{}, nil },
		cachedata.Config{Group: g, Copy: cachedata.CopyConfig{ReadOnly: true, Verify: true}})
	if err == nil || !strings.Contains(err.Error(), "Copy.Verify") || !strings.Contains(err.Error(), "Ch") {
		t.Errorf("New with a channel in V: %v", err)
	}
	_, err = cachedata.New("values", func(context.Context, int) (int, error) { return 1, nil },
		cachedata.Config{Group: g, Copy: cachedata.CopyConfig{Verify: true}})
	if err == nil || !strings.Contains(err.Error(), "Copy.Verify has no effect without Copy.ReadOnly") {
		t.Errorf("New without ReadOnly: %v", err)
	}
}

func TestUncopyableValuesAreErrors(t *testing.T) {
	t.Parallel()
	bad := any(func() {})
	c := newCache(t, func(context.Context, int) (any, error) { return bad, nil }, cachedata.Config{})
	_, err := c.Get(t.Context(), 1)
	if ce, ok := errors.AsType[*cachedata.CopyError](err); !ok || ce.Cache != "test" {
		t.Errorf("Get: %v", err)
	}
	if err := c.Put(t.Context(), 1, bad); err == nil {
		t.Error("Put stored it")
	}
	if s := c.Stats(); s.Entries != 0 || s.LoadErrors != 1 {
		t.Errorf("%+v", s)
	}
	bad = "fine now"
	want(t, c, 1, any("fine now"))
}

func TestVeryDeepValuesDoNotOverflowTheStack(t *testing.T) {
	t.Parallel()
	type list struct{ Next *list }
	var head *list
	for range 100_000 {
		head = &list{head}
	}
	c := newCache(t, func(context.Context, int) (*list, error) { return head, nil }, cachedata.Config{})
	got, err := c.Get(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; got != nil; got = got.Next {
		n++
	}
	if n != 100_000 {
		t.Errorf("%d nodes", n)
	}
}

func TestImmutableTypesAreShared(t *testing.T) {
	t.Parallel()
	v := &row{ID: 1}
	c := newCache(t, func(context.Context, int) ([]*row, error) { return []*row{v}, nil }, cachedata.Config{
		Copy: cachedata.CopyConfig{Immutable: []reflect.Type{reflect.TypeFor[*row]()}},
	})
	got, err := c.Get(t.Context(), 1)
	if err != nil || got[0] != v {
		t.Errorf("got %p, want %p; %v", got[0], v, err)
	}
}

func TestCopierAsTheCopyEngine(t *testing.T) {
	t.Parallel()
	type value struct {
		Name string
		Tags *row
	}
	load := func(context.Context, int) (value, error) { return value{"a", &row{Name: "b"}}, nil }
	c := newCache(t, load, cachedata.Config{Copy: cachedata.CopyConfig{Engine: copiermap.Engine(copier.Option{})}})
	for range 2 {
		v, err := c.Get(t.Context(), 1)
		if err != nil || v.Name != "a" || v.Tags.Name != "b" {
			t.Errorf("got %+v, %v", v, err)
		}
		v.Tags.Name = "spoiled"
	}
	_, err := cachedata.New("bad", func(context.Context, int) (map[row]int, error) { return nil, nil }, cachedata.Config{
		Group: newGroup(t, cachedata.GroupConfig{}),
		Copy:  cachedata.CopyConfig{Engine: copiermap.Engine(copier.Option{})},
	})
	if _, ok := errors.AsType[*cachedata.CopyError](err); !ok {
		t.Errorf("a shape that copier gets wrong: %v", err)
	}
}

// A load may return what lies over a buffer that it uses again.
func TestALoadMayUseTheBufferOfItsResultAgain(t *testing.T) {
	t.Parallel()
	buffer := make([]byte, 1)
	c := newCache(t, func(_ context.Context, key byte) ([]byte, error) {
		buffer[0] = key
		return buffer, nil
	}, cachedata.Config{})
	for _, key := range []byte("abab") {
		if v, err := c.Get(t.Context(), key); err != nil || string(v) != string(key) {
			t.Errorf("the result of %c is %q, %v", key, v, err)
		}
	}
}

func TestBuildersInResultsAreRefusedUnlessBehindAReference(t *testing.T) {
	t.Parallel()
	refusesBuilder[strings.Builder](t, "Builder")
	refusesBuilder[[2]strings.Builder](t, "[]")
	type outer struct {
		n     int
		inner struct{ text [1]strings.Builder }
	}
	refusesBuilder[outer](t, "outer.inner.text[]")
	newCache(t, func(context.Context, int) (*outer, error) { return new(outer), nil }, cachedata.Config{})
	newCache(t, func(context.Context, int) ([]strings.Builder, error) { return nil, nil }, cachedata.Config{})
	newCache(t, func(context.Context, int) (v [0]strings.Builder, err error) { return v, nil }, cachedata.Config{})
}

func refusesBuilder[V any](t *testing.T, path string) {
	t.Helper()
	none := func(context.Context, int) (v V, err error) { return v, nil }
	own := cachedata.Funcs[int, V]{Clone: func(v V) V { return v }}
	for name, cfg := range map[string]cachedata.Config{"copied": {}, "shared": {Copy: cachedata.CopyConfig{ReadOnly: true}}} {
		cfg.Group = newGroup(t, cachedata.GroupConfig{})
		_, err := cachedata.New(name, none, cfg)
		if e, ok := errors.AsType[*cachedata.CopyError](err); !ok || e.Path != path || e.Type != reflect.TypeFor[strings.Builder]() || !strings.Contains(err.Error(), "a pointer") {
			t.Errorf("%v, %s: %v", reflect.TypeFor[V](), name, err)
		}
	}
	if _, err := cachedata.New("cloned", none, cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{})}, own); err == nil {
		t.Errorf("%v with Funcs.Clone is not refused", reflect.TypeFor[V]())
	}
}
