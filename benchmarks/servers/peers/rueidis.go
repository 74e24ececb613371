package peers

import (
	"context"
	"encoding/json"

	"github.com/redis/rueidis"
)

// openRueidis is a read through rueidis's client-side cache: the server tells the
// client what has changed. This is what one writes around it.
func openRueidis(addr string, _ int, load Load) (Node, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}})
	if err != nil {
		return Node{}, err
	}
	return Node{
		Get: func(ctx context.Context, key string) (p Profile, err error) {
			b, err := client.DoCache(ctx, client.B().Get().Key(key).Cache(), lives).AsBytes()
			if err == nil {
				err = json.Unmarshal(b, &p)
				return p, err
			}
			if !rueidis.IsRedisNil(err) {
				return p, err
			}
			return p, through(ctx, client, key, load, &p)
		},
		Delete: func(ctx context.Context, key string) error {
			return client.Do(ctx, client.B().Del().Key(key).Build()).Error()
		},
		Close: client.Close,
	}, nil
}

// through loads, and stores what was loaded.
func through(ctx context.Context, client rueidis.Client, key string, load Load, into *Profile) (err error) {
	if *into, err = load(ctx, key); err != nil {
		return err
	}
	b, err := json.Marshal(*into)
	if err != nil {
		return err
	}
	return client.Do(ctx, client.B().Set().Key(key).Value(rueidis.BinaryString(b)).Px(lives).Build()).Error()
}

// OpenPlainRedis is GET, and SET of what is not there, with nothing in memory: the
// least that a cache in a server costs.
func OpenPlainRedis(addr string, _ int, load Load) (Node, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		return Node{}, err
	}
	return Node{
		Get: func(ctx context.Context, key string) (p Profile, err error) {
			b, err := client.Do(ctx, client.B().Get().Key(key).Build()).AsBytes()
			switch {
			case err == nil:
				err = json.Unmarshal(b, &p)
			case rueidis.IsRedisNil(err):
				err = through(ctx, client, key, load, &p)
			}
			return p, err
		},
		Close: client.Close,
	}, nil
}
