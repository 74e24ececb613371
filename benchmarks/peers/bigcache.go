package peers

import (
	"context"
	"time"

	"github.com/allegro/bigcache/v3"
	"github.com/vmihailenco/msgpack/v5"
)

// Bigcache is allegro/bigcache with values in vmihailenco/msgpack, sized for
// 10,000 entries; stop ends its goroutine.
func Bigcache[V any](entries map[string]V) (get Lookup[string, V], stop func(), err error) {
	cfg := bigcache.DefaultConfig(time.Hour)
	cfg.MaxEntriesInWindow, cfg.Verbose = 10_000, false
	c, err := bigcache.New(context.Background(), cfg)
	if err != nil {
		return nil, nil, err
	}
	get, err = encoded(codec{msgpack.Marshal, msgpack.Unmarshal}, entries, c.Set, c.Get)
	return get, func() { _ = c.Close() }, err // it has nothing to fail with
}
