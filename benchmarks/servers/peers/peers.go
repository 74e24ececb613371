// Package peers puts caches and sessions that live on a Redis server behind small
// shapes, one file per library.
package peers

import (
	"context"
	"time"
)

// Profile is what is cached.
type Profile struct {
	ID, Name, Email, City, Bio string
	Version                    int64 // grows with each change at the source
}

// Load asks the source.
type Load func(ctx context.Context, key string) (Profile, error)

// Node is the cache of one process.
type Node struct {
	Get func(ctx context.Context, key string) (Profile, error)
	// Delete drops one result, for all nodes.
	Delete func(ctx context.Context, key string) error
	// Clear drops all results, for all nodes; nil: there is no way to.
	Clear func(ctx context.Context) error
	Close func()
}

// Library is how one makes the nodes of a cluster.
type Library struct {
	Name  string
	Lacks string // what it does not promise, and ours does
	// Open makes a node on the server at this address. It remembers that many results
	// in memory.
	Open func(addr string, entries int, load Load) (Node, error)
}

// How long results live: in the server and, where a library cannot hear of changes,
// in memory, as its own documentation has it.
const (
	lives      = time.Hour
	localLives = time.Minute
)

// The names of libraries.
const (
	Ours         = "reecho"
	GoRedisCache = "go-redis/cache"
	Rueidis      = "rueidis, client-side cache"
	OtterPubSub  = "otter + Redis pub/sub"
)

// Libraries are all of them, ours first.
func Libraries() []Library {
	return []Library{
		{Ours, "", openReecho},
		{GoRedisCache, "nodes do not hear of each other's deletes", openGoRedisCache},
		{Rueidis, "a result that was loaded before a delete can be stored after it; callers of other processes load at the same time", openRueidis},
		{OtterPubSub, "a message that is lost is a delete that is lost; a result that was loaded before a delete can be stored after it", openOtterPubSub},
	}
}
