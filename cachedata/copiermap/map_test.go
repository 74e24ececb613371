package copiermap_test

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jinzhu/copier"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/copiermap"
)

// Inner is embedded.
type Inner struct{ Name string }

type graph struct{ out []*graph }

func TestIntoMapsByFieldName(t *testing.T) {
	t.Parallel()
	type user struct {
		ID    int
		Name  string
		Roles []string
		When  time.Time
	}
	type dto struct {
		ID    int64
		Title string `copier:"Name"`
		Roles []string
		When  string
	}
	src := user{1, "Ann", []string{"admin"}, time.Unix(0, 0).UTC()}
	var got dto
	err := copiermap.Into(&got, src, copier.Option{DeepCopy: true, Converters: []copier.TypeConverter{{
		SrcType: time.Time{}, DstType: "", Fn: func(src any) (any, error) { return src.(time.Time).Format(time.DateOnly), nil },
	}}})
	want := dto{1, "Ann", []string{"admin"}, "1970-01-01"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	var list []dto
	if err := copiermap.Into(&list, []user{src, src}, copier.Option{}); err != nil || len(list) != 2 || list[1].Title != "Ann" {
		t.Errorf("got %+v, %v", list, err)
	}
}

type (
	// Embedding embeds itself, which stops copier only by a stack overflow.
	Embedding struct {
		*Embedding
		Name string
	}
	// EmbeddedSlice embeds itself through a slice that has a name.
	EmbeddedSlice struct{ Embeddings }
	Embeddings    []EmbeddedSlice
	// Slicey and Pointery stop copier never.
	Slicey   []Slicey
	Pointery *Pointery
	// Through is fine: what leads back to it is a field, not embedded.
	Through struct {
		Inner
		Next *Through
	}
)

func TestIntoRefusesTypesThatCopierNeverEnds(t *testing.T) {
	t.Parallel()
	type named struct{ Name string }
	type holder[T any] struct{ Field map[string][]T }
	src := struct{ Name string }{"a"}
	for name, err := range map[string]error{
		"destination that embeds itself":      copiermap.Into(&Embedding{}, src, copier.Option{}),
		"destination inside":                  copiermap.Into(&holder[*Embedding]{}, src, copier.Option{}),
		"destination through a slice":         copiermap.Into(&EmbeddedSlice{}, src, copier.Option{}),
		"destination of slices":               copiermap.Into(&Slicey{}, []int{}, copier.Option{}),
		"destination of pointers":             copiermap.Into(new(Pointery), src, copier.Option{}),
		"source that embeds itself":           copiermap.Into(&named{}, Embedding{Name: "a"}, copier.Option{}),
		"source inside":                       copiermap.Into(&named{}, holder[Embedding]{}, copier.Option{}),
		"source behind an interface":          copiermap.Into(&named{}, []any{holder[Embedding]{}}, copier.Option{}),
		"source of slices":                    copiermap.Into(&named{}, Slicey{}, copier.Option{}),
		"source of slices behind a interface": copiermap.Into(&named{}, struct{ Name any }{Slicey{}}, copier.Option{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "never come to an end") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	var got Through
	if err := copiermap.Into(&got, Through{Inner{}, &Through{}}, copier.Option{DeepCopy: true}); err != nil || got.Next == nil {
		t.Errorf("a recursive type that copier can do: %+v, %v", got, err)
	}
}

func TestIntoAnswersBadInputWithErrors(t *testing.T) {
	t.Parallel()
	ring := &graph{}
	ring.out = []*graph{ring}
	self := []any{nil}
	self[0] = self
	var dag any
	for range 40 {
		dag = []any{dag, dag}
	}
	panics := copier.Option{Converters: []copier.TypeConverter{{SrcType: 1, DstType: "", Fn: func(any) (any, error) { panic("oops") }}}}
	var dst struct{ A string }
	for name, err := range map[string]error{
		"nil destination":     copiermap.Into(nil, 1, copier.Option{}),
		"nil pointer":         copiermap.Into((*int)(nil), 1, copier.Option{}),
		"no pointer":          copiermap.Into(dst, 1, copier.Option{}),
		"nil source":          copiermap.Into(&dst, nil, copier.Option{}),
		"nil pointer source":  copiermap.Into(&dst, (*Inner)(nil), copier.Option{}),
		"cycle":               copiermap.Into(&dst, ring, copier.Option{DeepCopy: true}),
		"cycle of interfaces": copiermap.Into(&dst, self, copier.Option{DeepCopy: true}),
		"many paths":          copiermap.Into(&dst, dag, copier.Option{DeepCopy: true}),
		"converter panics":    copiermap.Into(&dst, struct{ A int }{1}, panics),
		"must": copiermap.Into(&struct {
			B int `copier:"must"`
		}{}, struct{ A int }{1}, copier.Option{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "copiermap: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestMapTheResultOfACache(t *testing.T) {
	t.Parallel()
	g, err := cachedata.NewGroup("g", cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		ID   int
		Name string
	}
	load := func(_ context.Context, ids []int) (map[int]row, error) {
		if ids[0] == 0 {
			return nil, io.EOF
		}
		return map[int]row{ids[0]: {ID: ids[0], Name: "a"}}, nil
	}
	rows, err := cachedata.NewBatch("rows", load, cachedata.Config{Group: g})
	if err != nil {
		t.Fatal(err)
	}
	type view struct {
		ID   string
		Name string
	}
	conv := copier.Option{Converters: []copier.TypeConverter{{SrcType: 0, DstType: "", Fn: func(v any) (any, error) { return fmt.Sprint("#", v), nil }}}}
	if got, err := copiermap.Get[view](t.Context(), rows, 7, conv); err != nil || got != (view{"#7", "a"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := copiermap.Get[view](t.Context(), rows, 0, conv); err != io.EOF || got != (view{}) {
		t.Errorf("the load's error: %+v, %v", got, err)
	}
	if _, err := copiermap.Get[struct{ Other int }](t.Context(), rows, 7, copier.Option{}); err == nil || !strings.Contains(err.Error(), "counterpart") {
		t.Errorf("a destination without a counterpart: %v", err)
	}
}
