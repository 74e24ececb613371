package cacheresource_test

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	cacheresource.Config{}, cacheresource.Funcs[string, *conn]{
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
		cacheresource.Config{
			Group: group,
		}, cacheresource.Funcs[string, *conn]{
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

// An instance that fails its check is replaced; those who lease it keep it.
func ExampleConfig_check() {
	ctx := context.Background()
	group, _ := cacheresource.NewGroup("example", cacheresource.GroupConfig{})
	opened, broken := 0, false
	clients := cacheresource.Must(cacheresource.New("client",
		func(context.Context, string) (*conn, error) {
			opened++
			return &conn{fmt.Sprint("client ", opened)}, nil
		},
		cacheresource.Config{
			Group: group,
			Check: cacheresource.CheckConfig{EachUse: true},
		}, cacheresource.Funcs[string, *conn]{
			Check: func(context.Context, string, *conn) error {
				if broken {
					broken = false
					return errors.New("connection reset")
				}
				return nil
			},
		}))
	show := func(c *conn) error { fmt.Println(c.name); return nil }

	_ = clients.Do(ctx, "api", show)
	_ = clients.Do(ctx, "api", show)
	broken = true
	_ = clients.Do(ctx, "api", show)
	_ = group.Close(ctx)
	// Output:
	// client 1
	// client 1
	// client 2
}

// A model is loaded anew once it is an hour old, while the old one serves, and
// leaves the memory when nobody has asked for it for a day.
func ExampleConfig_time() {
	ctx := context.Background()
	group, _ := cacheresource.NewGroup("example", cacheresource.GroupConfig{})
	models := cacheresource.Must(cacheresource.New("model",
		func(_ context.Context, name string) (*conn, error) { return &conn{name}, nil },
		cacheresource.Config{
			Group:       group,
			TTL:         time.Hour,
			StaleFor:    10 * time.Minute,
			IdleTTL:     24 * time.Hour,
			MaxEntries:  3,
			OpenTimeout: time.Minute,
			ErrorTTL:    5 * time.Second,
		}))
	for _, name := range []string{"small", "large", "french", "german"} {
		_ = models.Do(ctx, name, func(*conn) error { return nil })
	}
	_ = group.Close(ctx)
	s := models.Stats()
	fmt.Println("opened", s.Opens, "of which", s.Releases.Size, "made room and", s.Releases.Closed, "were closed")
	// Output:
	// opened 4 of which 1 made room and 3 were closed
}
