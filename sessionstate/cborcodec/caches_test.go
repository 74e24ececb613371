package cborcodec_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/sessionstate/cborcodec"
	"github.com/reecho-go/reecho/store/memstore"
)

func TestItKeepsTheResultsOfCaches(t *testing.T) {
	t.Parallel()
	type row struct {
		Name string
		Raw  []byte
		At   time.Time
		In   map[string]*int
		N    [3]uint64
	}
	seven := 7
	want := row{"Ada", []byte{0, 255}, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), map[string]*int{"a": &seven, "b": nil}, [3]uint64{1 << 63}}
	kept := memstore.Must(memstore.New(memstore.Config{}))
	t.Cleanup(func() { _ = kept.Close(context.Background()) }) // it waits for nothing
	for _, source := range []cachedata.Source{cachedata.Load, cachedata.Stored} {
		g, err := cachedata.NewGroup("app", cachedata.GroupConfig{})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := cachedata.New("rows", func(context.Context, string) (row, error) { return want, nil },
			cachedata.Config{Group: g, Store: persist.In(kept, persist.Config{Codec: cborcodec.New(), Budget: time.Minute})})
		if err != nil {
			t.Fatal(err)
		}
		got, meta, err := rows.GetMeta(t.Context(), "k")
		if err != nil || meta.Source != source || !reflect.DeepEqual(got, want) {
			t.Errorf("GetMeta: %+v from %v, %v, want %+v from %v", got, meta.Source, err, want, source)
		}
		if err := g.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
