package peers

import (
	"context"

	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/store/redisstore"
)

func openReecho(addr string, entries int, load Load) (Node, error) {
	return Reecho(addr, entries, persist.Config{}, load)
}

// Reecho is our cache over Redis, with a configuration.
func Reecho(addr string, entries int, cfg persist.Config, load Load) (Node, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		return Node{}, err
	}
	s, err := redisstore.New(client, redisstore.Config{})
	if err != nil {
		client.Close()
		return Node{}, err
	}
	node, err := ReechoIn(persist.In(s, cfg), entries, load)
	if err != nil {
		client.Close()
		return Node{}, err
	}
	end := node.Close
	node.Close = func() {
		end()
		client.Close()
	}
	return node, nil
}

// ReechoIn is our cache in a place; nil: in memory alone.
func ReechoIn(place cachedata.Storage, entries int, load Load) (Node, error) {
	g, err := cachedata.NewGroup("app", cachedata.GroupConfig{})
	if err != nil {
		return Node{}, err
	}
	c, err := cachedata.New("profiles", load, cachedata.Config{Group: g, TTL: lives, MaxEntries: entries, Store: place})
	if err != nil {
		return Node{}, err
	}
	return Node{
		Get: c.Get, Delete: c.Delete, Clear: c.Clear,
		Close: func() { _ = g.Close(context.Background()) }, // it waits for writes alone
	}, nil
}
