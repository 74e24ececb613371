package redisstore_test

import (
	"context"
	"fmt"
	"log"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/internal/redistest"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/redisstore"
)

// The client is yours: configure it, and close it at the end.
//
//lint:ignore testableexamples it needs a server at a fixed address; TestExample runs the rest
func ExampleNew() {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	sessions, err := redisstore.New(client, redisstore.Config{Namespace: "shop:sessions"})
	if err != nil {
		log.Fatal(err)
	}
	greet(sessions)
}

func greet(s store.Store) {
	ctx := context.Background()
	if err := s.Put(ctx, "greeting", store.Item{Value: []byte("hello"), Expires: time.Now().Add(time.Hour)}); err != nil {
		log.Fatal(err)
	}
	it, err := s.Get(ctx, "greeting")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", it.Value)
}

// The example needs a server at a fixed address, so the tests run this.
func TestExample(t *testing.T) {
	t.Parallel()
	s := open(t, dial(t, redistest.Start(t).Addr), "shop:sessions")
	greet(s)
	if version(t, s, "greeting") == 0 {
		t.Error("nothing was written")
	}
}
