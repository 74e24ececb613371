package workloads

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/servers/peers"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/store/boltstore"
)

// OursInRedis is the row of ours whose results are in a server instead of a file.
const OursInRedis = peers.Ours + ", in Redis"

// Restarts is how long it takes from the start of a process to its first answer from
// among 100,000 results that an earlier one has kept.
func Restarts(kept int) []bench.Workload {
	return []bench.Workload{{
		Group: "servers", Name: "restart: to the first of 100,000 kept results", Unit: "ms", Reference: Bolt,
		Prepare: withServer(func(addr string) ([]bench.Row, error) {
			dir, err := os.MkdirTemp("", "benchmarks-")
			if err != nil {
				return nil, err
			}
			inFile := func(load peers.Load) (peers.Node, error) { return boltNode(filepath.Join(dir, "ours"), load) }
			inRedis := func(load peers.Load) (peers.Node, error) {
				return peers.Reecho(addr, manyEntries, persist.Config{Budget: time.Minute}, load)
			}
			plain := func(load peers.Load) (peers.Node, error) { return plainBoltNode(filepath.Join(dir, "plain"), load) }
			rows := []bench.Row{
				restart(kept, Bolt, "reads nothing but one page of its file: damage is found, if at all, by the end of the process", plain),
				restart(kept, peers.Ours, "reads and checks the whole file", inFile),
				restart(kept, OursInRedis, "", inRedis),
			}
			err = errors.Join(fillNode(kept, plain, 1), fillNode(kept, inFile, 64), fillNode(kept, inRedis, 64))
			return closing(rows, func() { _ = os.RemoveAll(dir) }), err
		}),
	}}
}

// fillNode has a node keep all results, by so many callers at a time.
func fillNode(kept int, open func(peers.Load) (peers.Node, error), callers int) error {
	node, err := open(load)
	if err != nil {
		return err
	}
	defer node.Close()
	var all sync.WaitGroup
	errs := make([]error, callers)
	for c := range callers {
		all.Go(func() {
			for i := c; i < kept; i += callers {
				if _, err := node.Get(context.Background(), key(i)); err != nil {
					errs[c] = err
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// restart opens a node and asks it for one result, which must have been kept.
func restart(kept int, name, note string, open func(peers.Load) (peers.Node, error)) bench.Row {
	asked := 0
	once := func() (took float64, err error) {
		asked += 7919 // another one each time
		k := key(asked % kept)
		start := time.Now()
		node, err := open(func(context.Context, string) (peers.Profile, error) {
			return peers.Profile{}, errors.New("it was not kept")
		})
		if err != nil {
			return 0, err
		}
		defer node.Close()
		p, err := node.Get(context.Background(), k)
		took = float64(time.Since(start)) / float64(time.Millisecond)
		if err := checkAnswer(k, p, err); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		return took, nil
	}
	return bench.Row{Peer: name, Note: note, Figure: once, Check: func() error {
		_, err := once()
		return err
	}}
}

// boltNode is our cache over a file.
func boltNode(path string, load peers.Load) (peers.Node, error) {
	s, err := boltstore.New(path, boltstore.Config{NoSync: true})
	if err != nil {
		return peers.Node{}, err
	}
	node, err := peers.ReechoIn(persist.In(s, persist.Config{Budget: time.Minute}), manyEntries, load)
	if err != nil {
		return peers.Node{}, errors.Join(err, s.Close(context.Background()))
	}
	end := node.Close
	node.Close = func() {
		end()
		_ = s.Close(context.Background()) // nothing is in flight
	}
	return node, nil
}

// plainBoltNode is JSON in a bbolt, with nothing in memory.
func plainBoltNode(path string, load peers.Load) (peers.Node, error) {
	f, err := openBolt(path, true)
	if err != nil {
		return peers.Node{}, err
	}
	return peers.Node{Close: f.close, Get: func(ctx context.Context, key string) (p peers.Profile, err error) {
		if b, err := f.get(key); err == nil {
			err = json.Unmarshal(b, &p)
			return p, err
		}
		if p, err = load(ctx, key); err != nil {
			return p, err
		}
		b, err := json.Marshal(p)
		if err != nil {
			return p, err
		}
		return p, f.put(key, b)
	}}, nil
}
