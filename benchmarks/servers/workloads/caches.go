package workloads

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/servers/peers"
	"github.com/reecho-go/reecho/cachedata/persist"
)

// The rows beside those of libraries.
const (
	WithoutStore = peers.Ours + ", no store"
	WriteBehind  = peers.Ours + ", WriteBehind"
	PlainRedis   = "GET and SET alone"
)

// manyEntries is more than there are keys; oneEntry is as good as no memory.
const (
	manyEntries = 10_000
	oneEntry    = 1
)

// Caches is a cache on a Redis server, asked for what is in memory, what is in the
// server alone, and what is nowhere yet.
func Caches() []bench.Workload {
	return []bench.Workload{
		{
			Group: "servers", Name: "cache: hit in memory", Reference: WithoutStore,
			Prepare: withServer(func(addr string) ([]bench.Row, error) {
				rows, err := cacheRows(addr, manyEntries, isWarm, peers.Libraries()...)
				none, err2 := cacheRow(WithoutStore, "", isWarm, func(load peers.Load) (peers.Node, error) {
					return peers.ReechoIn(nil, manyEntries, load)
				})
				return append([]bench.Row{none}, rows...), errors.Join(err, err2)
			}),
		},
		{
			Group: "servers", Name: "cache: not in memory, in the server", Reference: peers.Ours, Elapsed: true,
			Prepare: withServer(func(addr string) ([]bench.Row, error) {
				var libraries []peers.Library
				for _, l := range peers.Libraries() {
					if l.Name != peers.Rueidis { // its memory cannot be left out
						libraries = append(libraries, l)
					}
				}
				return cacheRows(addr, oneEntry, isWarm, append(libraries, plain)...)
			}),
		},
		{
			Group: "servers", Name: "cache: nowhere, load and write", Reference: peers.Ours, Elapsed: true,
			Prepare: withServer(func(addr string) ([]bench.Row, error) {
				rows, err := cacheRows(addr, manyEntries, isCold, append(peers.Libraries(), plain)...)
				behind, err2 := cacheRow(WriteBehind, "what was loaded right before a crash is lost", isCold, func(load peers.Load) (peers.Node, error) {
					return peers.Reecho(addr, manyEntries, persist.Config{WriteBehind: true}, load)
				})
				return append(rows, behind), errors.Join(err, err2)
			}),
		},
	}
}

var plain = peers.Library{Name: PlainRedis, Lacks: "nothing in memory, every caller loads", Open: peers.OpenPlainRedis}

// state is what there is before an operation.
type state int

const (
	isWarm state = iota // all keys have been asked for
	isCold              // each is asked for once
)

func cacheRows(addr string, entries int, is state, libraries ...peers.Library) (rows []bench.Row, _ error) {
	for _, l := range libraries {
		row, err := cacheRow(l.Name, l.Lacks, is, func(load peers.Load) (peers.Node, error) { return l.Open(addr, entries, load) })
		if err != nil {
			return rows, fmt.Errorf("%s: %w", l.Name, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// prefixes count the rows: libraries on one server must not read what others have
// written, so each has keys of its own, of one length.
var prefixes atomic.Int64

// cacheRow is a node that is asked for one key after the other.
func cacheRow(name, lacks string, is state, open func(peers.Load) (peers.Node, error)) (bench.Row, error) {
	var loads atomic.Int64
	node, err := open(func(ctx context.Context, key string) (peers.Profile, error) {
		loads.Add(1)
		return load(ctx, key)
	})
	if err != nil {
		return bench.Row{}, err
	}
	ctx := context.Background()
	prefix := fmt.Sprintf("%04d:", prefixes.Add(1))
	row := bench.Row{Peer: name, Note: lacks, Close: node.Close}
	var asked atomic.Int64
	keys := make([]string, keyCount)
	for i := range keys {
		keys[i] = prefix + key(i)
	}
	next := func(i int) string {
		if is == isCold {
			return prefix + key(int(asked.Add(1)))
		}
		return keys[i&(keyCount-1)]
	}
	if is == isWarm {
		for _, k := range keys {
			p, err := node.Get(ctx, k)
			if err := checkAnswer(k, p, err); err != nil {
				return row, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	row.Op = func(i int) error {
		_, err := node.Get(ctx, next(i))
		return err
	}
	row.Check = func() error {
		loads.Store(0)
		const times = 50
		for i := range times {
			k := next(i)
			p, err := node.Get(ctx, k)
			if err := checkAnswer(k, p, err); err != nil {
				return err
			}
		}
		want := int64(0)
		if is == isCold {
			want = times
		}
		if n := loads.Load(); n != want {
			return fmt.Errorf("%d of %d calls have loaded, want %d", n, times, want)
		}
		return nil
	}
	return row, nil
}
