package cacheresource_test

import (
	"context"
	"fmt"

	"github.com/reecho-go/reecho/cacheresource"
)

// conn stands for a connection pool, a client or a model.
type conn struct{ name string }

// A resource is usually a package variable: opened on first use, shared by
// everybody, released once.
var conns = cacheresource.Must(cacheresource.New("conn",
	func(_ context.Context, name string) (*conn, error) {
		fmt.Println("open", name)
		return &conn{name}, nil
	},
	cacheresource.Config[string, *conn]{
		Release: func(_ context.Context, name string, _ *conn) error {
			fmt.Println("release", name)
			return nil
		},
	}))

func Example() {
	ctx := context.Background()
	for range 2 {
		_ = conns.Do(ctx, "db", func(c *conn) error {
			fmt.Println("use", c.name)
			return nil
		})
	}
	_ = conns.Close(ctx)
	// Output:
	// open db
	// use db
	// use db
	// release db
}

// A lease outlives the call in which it was taken; what has been deleted is
// released when its last lease ends.
func ExampleResource_Acquire() {
	ctx := context.Background()
	group, _ := cacheresource.NewGroup("example", cacheresource.GroupConfig{})
	files := cacheresource.Must(cacheresource.New("file",
		func(_ context.Context, name string) (*conn, error) { return &conn{name}, nil },
		cacheresource.Config[string, *conn]{
			Group: group,
			Release: func(_ context.Context, name string, _ *conn) error {
				fmt.Println("release", name)
				return nil
			},
		}))

	lease, err := files.Acquire(ctx, "a.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = files.Delete(ctx, "a.txt")
	fmt.Println("deleted, still in use:", lease.Value().name)
	lease.Release()
	_ = group.Close(ctx)
	// Output:
	// deleted, still in use: a.txt
	// release a.txt
}
