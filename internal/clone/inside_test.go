package clone_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/clone"
)

type item struct {
	Name string
	Next *item
}

type page struct {
	Items   []item
	Current *item
}

type twig struct {
	Name   string
	Parent *twig
	Twigs  []twig
}

type outer struct {
	Inner inner
	N     int
}

type inner struct{ A, B int }

type article struct {
	Title   string
	Summary *string
	Score   int
	Rank    *int
	Author  *author
}

type author struct{ Name string }

// whole returns what Whole says of v, and checks that copies of v are whole.
func whole[T any](t *testing.T, v T) error {
	t.Helper()
	p, err := clone.For[T](clone.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Copy(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Whole(c); err != nil {
		t.Errorf("a copy of %T is not whole: %v", v, err)
	}
	return p.Whole(v)
}

func TestPointersIntoTheMiddleAreFound(t *testing.T) {
	t.Parallel()
	items := []item{{Name: "a"}, {Name: "b"}}
	tree := &twig{Twigs: []twig{{Name: "a"}, {Name: "b"}}}
	tree.Twigs[1].Twigs = []twig{{Parent: &tree.Twigs[1]}}
	pair := struct {
		O *outer
		B *int
	}{O: &outer{}}
	pair.B = &pair.O.Inner.B
	first := struct {
		O *outer
		I *inner
	}{O: &outer{}}
	first.I = &first.O.Inner
	array := &[3]int{1, 2, 3}
	art := []article{{Title: "a"}}
	art[0].Summary = &art[0].Title
	linked := []item{{Name: "a"}, {Name: "b"}}
	linked[0].Next = &linked[1]
	for name, err := range map[string]error{
		"element of a slice": whole(t, page{items, &items[1]}),
		"first element":      whole(t, page{items, &items[0]}),
		"before the slice": whole(t, struct {
			C *item
			I []item
		}{&items[1], items}),
		"parent in a slice":         whole(t, tree),
		"field of another's target": whole(t, pair),
		"first field":               whole(t, first),
		"element of an array": whole(t, struct {
			A *[3]int
			P *int
		}{array, &array[1]}),
		"behind interfaces":      whole(t, []any{items, &items[1]}),
		"in a map":               whole(t, map[string]any{"a": &items[1], "b": items}),
		"of a row to itself":     whole(t, art),
		"of one row to the next": whole(t, linked),
	} {
		var e *clone.ValueError
		if !errors.As(err, &e) || e.Type == nil || e.Root == nil || !strings.Contains(err.Error(), "Config.Clone") {
			t.Errorf("%s: %v, want an error with the ways out", name, err)
		}
	}
}

func TestOtherPointersAreWhole(t *testing.T) {
	t.Parallel()
	s, n := "s", 1
	shared := &author{"x"}
	ring := &item{Name: "a"}
	ring.Next = &item{Name: "b", Next: ring}
	rows := make([]article, 100)
	for i := range rows {
		rows[i] = article{Title: "t", Summary: &s, Rank: &n, Author: shared}
	}
	numbers := []int{1, 2, 3, 4}
	items := []item{{Name: "a"}, {Name: "b"}}
	for name, err := range map[string]error{
		"rows with shared targets": whole(t, rows),
		"cycle":                    whole(t, ring),
		"pointer elsewhere":        whole(t, page{items, &item{Name: "b"}}),
		"overlapping slices":       whole(t, [][]int{numbers[:3], numbers[1:]}),
		"one slice twice":          whole(t, []any{items, items}),
		"pointer beside a slice":   whole(t, []any{numbers, &n, &s, &n}),
		"pointers to nothing":      whole(t, []*struct{}{{}, {}}),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
