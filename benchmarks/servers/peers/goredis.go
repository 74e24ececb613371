package peers

import (
	"context"

	"github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
)

// openGoRedisCache is go-redis/cache with its local cache, as its documentation sets
// it up; for one entry in memory, without it.
func openGoRedisCache(addr string, entries int, load Load) (Node, error) {
	client := redis.NewClient(&redis.Options{Addr: addr})
	options := &cache.Options{Redis: client}
	if entries > 1 {
		options.LocalCache = cache.NewTinyLFU(entries, localLives)
	}
	c := cache.New(options)
	return Node{
		Get: func(ctx context.Context, key string) (p Profile, err error) {
			err = c.Once(&cache.Item{Ctx: ctx, Key: key, Value: &p, TTL: lives, Do: func(*cache.Item) (any, error) {
				return load(ctx, key)
			}})
			return p, err
		},
		Delete: c.Delete,
		Close:  func() { _ = client.Close() }, // nothing is in flight
	}, nil
}
