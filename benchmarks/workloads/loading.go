package workloads

import (
	"context"

	"github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/cachedata"
)

// loaders are ours and all libraries that load.
func loaders[V any](cfg cachedata.Config) []peers.Loader[V] {
	return append([]peers.Loader[V]{{Name: Ours, Open: func(load peers.Load[V]) (peers.Loading[V], error) {
		return loading(load, cfg)
	}}}, peers.Loaders[V]()...)
}

// loading is ours.
func loading[V any](load peers.Load[V], cfg cachedata.Config) (peers.Loading[V], error) {
	g, err := cachedata.NewGroup("loading", cachedata.GroupConfig{})
	if err != nil {
		return peers.Loading[V]{}, err
	}
	cfg.Group = g
	c, err := cachedata.New("loading", load, cfg)
	if err != nil {
		return peers.Loading[V]{}, err
	}
	ctx := context.Background()
	// The errors are those of a closed cache.
	return peers.Loading[V]{
		Get:    c.Get,
		Put:    func(key string, v V) { _ = c.Put(ctx, key, v) },
		Delete: func(key string) { _ = c.Delete(ctx, key) },
		Clear:  func() { _ = c.Clear(ctx) },
		Close:  func() { _ = g.Close(ctx) },
	}, nil
}
