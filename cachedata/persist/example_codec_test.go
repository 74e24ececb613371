package persist_test

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/store/memstore"
)

// squeezed is JSON, compressed from a size on, which the first byte says. For another
// codec or compressor put it in the place of this one.
type squeezed struct{ from int }

func (c squeezed) Marshal(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil || len(plain) < c.from {
		return append([]byte{0}, plain...), err
	}
	out := bytes.NewBuffer([]byte{1})
	w, err := flate.NewWriter(out, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

func (c squeezed) Unmarshal(data []byte, v any) error {
	if data[0] == 0 { // the checksum was right: there is a first byte
		return json.Unmarshal(data[1:], v)
	}
	return json.NewDecoder(flate.NewReader(bytes.NewReader(data[1:]))).Decode(v)
}

// Compression is a codec around a codec.
func ExampleCodec() {
	ctx := context.Background()
	kept := memstore.Must(memstore.New(memstore.Config{}))
	defer func() { _ = kept.Close(ctx) }()
	for range 2 {
		app, err := cachedata.NewGroup("app", cachedata.GroupConfig{})
		if err != nil {
			log.Fatal(err)
		}
		pages := cachedata.Must(cachedata.New("pages", func(_ context.Context, n int) (string, error) {
			return strings.Repeat("text ", n), nil
		}, cachedata.Config{Group: app, TTL: time.Hour, Store: persist.In(kept, persist.Config{Codec: squeezed{from: 1024}})}))
		for _, n := range []int{3, 10_000} {
			page, meta, err := pages.GetMeta(ctx, n)
			fmt.Println(len(page), meta.Source, err)
		}
		_ = app.Close(ctx)
	}
	for e, err := range kept.Scan(ctx, "cache/app/pages/r/") {
		fmt.Println("in the store it is small:", len(e.Value) < 1000, err)
	}
	// Output:
	// 15 load <nil>
	// 50000 load <nil>
	// 15 stored <nil>
	// 50000 stored <nil>
	// in the store it is small: true <nil>
	// in the store it is small: true <nil>
}
