package peers

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/maypok86/otter/v2"
	"github.com/redis/go-redis/v9"
)

// channel is where nodes tell each other which key was deleted.
const channel = "deleted"

// openOtterPubSub is the recipe of many articles: otter in memory, then Redis, then
// the load; a delete is published, and every node that hears of it drops its own.
func openOtterPubSub(addr string, entries int, load Load) (Node, error) {
	client := redis.NewClient(&redis.Options{Addr: addr})
	memory, err := otter.New(&otter.Options[string, Profile]{MaximumSize: entries, ExpiryCalculator: otter.ExpiryWriting[string, Profile](localLives)})
	if err != nil {
		return Node{}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	heard := client.Subscribe(ctx, channel)
	if _, err := heard.Receive(ctx); err != nil { // until the server has said yes
		cancel()
		return Node{}, errors.Join(err, heard.Close(), client.Close())
	}
	var listener sync.WaitGroup
	listener.Go(func() {
		for m := range heard.Channel() {
			memory.Invalidate(m.Payload)
		}
	})
	read := func(ctx context.Context, key string) (p Profile, err error) {
		b, err := client.Get(ctx, key).Bytes()
		if err == nil {
			err = json.Unmarshal(b, &p)
			return p, err
		}
		if !errors.Is(err, redis.Nil) {
			return p, err
		}
		if p, err = load(ctx, key); err != nil {
			return p, err
		}
		if b, err = json.Marshal(p); err != nil {
			return p, err
		}
		return p, client.Set(ctx, key, b, lives).Err()
	}
	return Node{
		Get: func(ctx context.Context, key string) (Profile, error) {
			return memory.Get(ctx, key, otter.LoaderFunc[string, Profile](read))
		},
		Delete: func(ctx context.Context, key string) error {
			err := client.Del(ctx, key).Err()
			memory.Invalidate(key)
			return errors.Join(err, client.Publish(ctx, channel, key).Err())
		},
		Close: func() {
			cancel()
			_, _ = heard.Close(), client.Close() // nothing is in flight
			listener.Wait()
			memory.StopAllGoroutines()
		},
	}, nil
}
