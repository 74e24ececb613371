package clone_test

import (
	"io"
	"math/big"
	"reflect"
	"testing"

	"github.com/reecho-go/reecho/internal/clone"
)

type tree struct {
	V    int
	Name string
	Kids []*tree
}

func must[V any](t testing.TB, v V) V {
	t.Helper()
	p, err := clone.For[V](clone.Config{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Copy(v)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, v) {
		t.Fatalf("got %#v, want %#v", got, v)
	}
	return got
}

func TestSmoke(t *testing.T) {
	must(t, 1)
	must(t, []string{"a"})
	must(t, map[string][]int{"a": {1}, "b": nil, "c": {}})
	must(t, &tree{Kids: []*tree{{V: 1}, nil}})
	must[any](t, map[string]any{"a": []any{1, 2.0, "x", nil, map[string]any{}}, "e": io.EOF})
	must(t, big.NewInt(1<<60))
	must(t, map[any]*int{struct{ A any }{[1]*int{nil}}: new(3)})
	must(t, [10][]int{{1}, {2}})
	must(t, []struct {
		a string
		b []string
		m map[string]map[string]int
	}{{"a", []string{"x"}, nil}, {"b", nil, map[string]map[string]int{"q": {"r": 1}}}})
}
