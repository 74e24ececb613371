package observe_test

import (
	"context"
	"fmt"

	"github.com/reecho-go/reecho/observe"
)

// An observer is one method; it switches on the events that it cares about.
func Example() {
	alert := observe.Func(func(_ context.Context, ev observe.Event) {
		switch ev := ev.(type) {
		case observe.StoreFailure:
			fmt.Println("page somebody:", ev.Owner, ev.Op, ev.Err)
		case observe.SessionRefused:
			fmt.Println("cookie refused:", ev.Reason)
		}
	})
	alert.Observe(context.Background(), observe.SessionRefused{Reason: "tampered"})
	alert.Observe(context.Background(), observe.CacheLoad{})
	// Output: cookie refused: tampered
}
