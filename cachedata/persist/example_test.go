package persist_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
)

// The results outlive the cache as long as the store does. With boltstore in place
// of memstore they outlive the program.
func Example() {
	ctx := context.Background()
	kept := memstore.Must(memstore.New(memstore.Config{}))
	defer func() { _ = kept.Close(ctx) }()
	for range 2 {
		if err := program(ctx, kept); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// loading 7
	// square of 7: 49, from load
	// square of 7: 49, from stored
}

// program stands for a program that is started twice.
func program(ctx context.Context, kept store.Store) error {
	app, err := cachedata.NewGroup("app", cachedata.GroupConfig{})
	if err != nil {
		return err
	}
	defer func() { _ = app.Close(ctx) }()
	squares, err := cachedata.New("squares", func(_ context.Context, n int) (int, error) {
		fmt.Println("loading", n)
		return n * n, nil
	}, cachedata.Config{Group: app, TTL: time.Hour, Store: persist.In(kept, persist.Config{})})
	if err != nil {
		return err
	}
	square, meta, err := squares.GetMeta(ctx, 7)
	fmt.Printf("square of 7: %d, from %v\n", square, meta.Source)
	return err
}
