package memstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
)

// What to do when the store is full is a choice. A cache forgets; a list of
// revoked sessions must not, since forgetting an entry would let a session
// back in.
func Example() {
	ctx := context.Background()
	for _, refuse := range []bool{false, true} {
		s := memstore.Must(memstore.New(memstore.Config{MaxEntries: 2, Refuse: refuse}))
		for _, key := range []string{"a", "b", "c"} {
			if err := s.Put(ctx, key, store.Item{Value: []byte("v")}); err != nil {
				fmt.Println(err, errors.Is(err, store.ErrFull))
			}
		}
		fmt.Printf("%d entries, %d evicted\n", s.Stats().Entries, s.Stats().Evicted)
		_ = s.Close(ctx)
	}
	// Output:
	// 2 entries, 1 evicted
	// store: put "c": full true
	// 2 entries, 0 evicted
}
