package store_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
)

// Two writers read the same version. The first Swap wins; the second one is
// told so, and can look again instead of overwriting what it never saw.
func ExampleSwapper() {
	ctx := context.Background()
	s := memstore.Must(memstore.New(memstore.Config{}))
	swapper, ok := store.As[store.Swapper](s)
	if !ok {
		log.Fatal("this store has no Swap")
	}

	version, err := swapper.Swap(ctx, "stock", 0, store.Item{Value: []byte("2 left")})
	fmt.Println("create:", err)
	_, err = swapper.Swap(ctx, "stock", version, store.Item{Value: []byte("1 left, sold to Ada")})
	fmt.Println("Ada:", err)
	_, err = swapper.Swap(ctx, "stock", version, store.Item{Value: []byte("1 left, sold to Bob")})
	fmt.Println("Bob:", err, errors.Is(err, store.ErrConflict))

	it, err := s.Get(ctx, "stock")
	fmt.Printf("%s %v\n", it.Value, err)
	// Output:
	// create: <nil>
	// Ada: <nil>
	// Bob: store: version conflict true
	// 1 left, sold to Ada <nil>
}
