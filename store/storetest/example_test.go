package storetest_test

import (
	"context"
	"fmt"

	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

// The reply of the second write is lost: the caller sees an error, but the
// write has happened. A caller that takes such an error for "nothing was
// written" is wrong.
func ExampleFaulty() {
	ctx := context.Background()
	s := storetest.Faulty(
		memstore.Must(memstore.New(memstore.Config{})),
		storetest.Fault{Op: "put", After: 1, Lost: true},
	)
	for _, value := range []string{"one", "two"} {
		err := s.Put(ctx, "k", store.Item{Value: []byte(value)})
		it, _ := s.Get(ctx, "k")
		fmt.Printf("%v, and the store has %s\n", err, it.Value)
	}
	// Output:
	// <nil>, and the store has one
	// store: put "k": storetest: injected fault, and the store has two
}
