package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/store"
)

// How often the connection for changes gets a PING, and how long it may be silent before it
// counts as broken.
const (
	pingEvery = time.Second
	pingFor   = time.Second
	silentFor = 10 // pings
)

// The pauses between attempts to connect.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// hearing is the state of a Store's Watches: the connection and the listeners. The zero value is
// ready for use, without a connection.
type hearing struct {
	mu     sync.Mutex // held while listeners are told
	all    []*watch
	found  bool   // changes are being received
	told   bool   // the listeners were told that changes are not received
	losses uint64 // how often changes were lost
	stop   context.CancelFunc
}

// watch is one call of Watch.
type watch struct {
	prefix string
	store.Listener
}

// Watch implements [store.Watcher]. The first one opens a connection, which the last
// stop closes.
func (s *Store) Watch(prefix string, l store.Listener) (stop func()) {
	h := &s.hearing
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &watch{prefix, l}
	h.all = append(h.all, w)
	switch {
	case h.stop == nil:
		var ctx context.Context
		ctx, h.stop = context.WithCancel(context.Background())
		h.found, h.told = false, false
		go s.hear(ctx)
	case h.found:
		l.Found()
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = slices.DeleteFunc(h.all, func(o *watch) bool { return o == w })
		if len(h.all) == 0 && h.stop != nil {
			h.stop()
			h.stop = nil
		}
	}
}

// hear keeps a connection that receives changes, until ctx ends.
func (s *Store) hear(ctx context.Context) {
	pause := firstPause
	for {
		heard, err := s.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		s.hearing.lose(ctx, err)
		if errors.Is(err, rueidis.ErrClosing) { // for good
			return
		}
		if heard {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			pause = min(2*pause, maxPause)
		}
	}
}

// listen receives changes on one connection until that breaks, and reports whether it has
// received any message.
func (s *Store) listen(ctx context.Context) (heard bool, err error) {
	h := &s.hearing
	conn, release := s.client.Dedicate()
	defer release()
	defer conn.Close() // it must not be used for other calls
	ctx, ended := context.WithCancel(ctx)
	defer ended() // first: it has nothing more to say
	flushed := make(chan struct{}, 1)
	gone := conn.SetOnInvalidations(func(keys []rueidis.RedisMessage) {
		if keys != nil {
			h.tell(ctx, s.changes(keys))
			return
		}
		h.lose(ctx, errFlushed)
		select {
		case flushed <- struct{}{}:
		default:
		}
	})
	if err := s.track(ctx, conn); err != nil {
		return false, err
	}
	for silent := 0; ; {
		losses := h.count()
		err := s.ping(ctx, conn).Error()
		switch {
		case err == nil:
			silent, heard = 0, true
			if !h.find(ctx, losses) {
				continue
			}
		case errors.Is(err, context.DeadlineExceeded) && silent < silentFor:
			silent++
			h.lose(ctx, fmt.Errorf("the server has not answered for %v", pingFor))
			continue
		default:
			return heard, err
		}
		select {
		case <-ctx.Done():
			return heard, ctx.Err()
		case err := <-gone:
			return heard, fmt.Errorf("the connection has ended: %w", err)
		case <-flushed:
		case <-time.After(pingEvery):
		}
	}
}

var errFlushed = errors.New("everything was deleted, or the connection has ended")

// track makes the server report all changes to a connection.
func (s *Store) track(ctx context.Context, conn rueidis.DedicatedClient) error {
	if err := s.ping(ctx, conn).Error(); err != nil { // first, as it has a key: in a cluster it says which server is meant
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pingFor)
	defer cancel()
	hello, err := conn.Do(ctx, conn.B().Arbitrary("HELLO").Build()).AsMap()
	if err != nil {
		return fmt.Errorf("HELLO: %w", err)
	}
	proto := hello["proto"]
	if n, err := proto.AsInt64(); err != nil || n < 3 {
		return errors.New("the connection speaks RESP2, over which nobody is told of changes: leave AlwaysRESP2 out of the client's options")
	}
	prefix := strings.TrimSuffix(s.keys, ":") // of values and marks alike
	for _, words := range [][]string{{"OFF"}, {"ON", "BCAST", "PREFIX", prefix}} {
		if err := conn.Do(ctx, conn.B().Arbitrary("CLIENT", "TRACKING").Args(words...).Build()).Error(); err != nil {
			return fmt.Errorf("CLIENT TRACKING %s: %w", words[0], err)
		}
	}
	return nil
}

// ping sends a PING.
func (s *Store) ping(ctx context.Context, conn rueidis.DedicatedClient) rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, pingFor)
	defer cancel()
	return conn.Do(ctx, conn.B().Exists().Key(s.counter).Build().Pin())
}

// changes returns the keys that a message of the server names, without those that
// only this store has written.
func (s *Store) changes(message []rueidis.RedisMessage) (keys []string) {
	var own, foreign []string
	for _, m := range message {
		name, err := m.ToString()
		if err != nil {
			continue
		}
		if key, ok := strings.CutPrefix(name, s.keys); ok {
			keys = append(keys, key)
		} else if mark, ok := strings.CutPrefix(name, s.marks); ok {
			if key, ok := strings.CutPrefix(mark, s.writer); ok {
				own = append(own, key)
			} else if _, key, ok := strings.Cut(mark, ":"); ok {
				foreign = append(foreign, key)
			}
		}
	}
	if len(own) == 0 {
		return keys
	}
	mine := make(map[string]bool, len(own))
	for _, key := range own {
		mine[key] = true
	}
	for _, key := range foreign {
		delete(mine, key)
	}
	return slices.DeleteFunc(keys, func(key string) bool { return mine[key] })
}

// tell tells the listeners of changes, unless ctx has ended.
func (h *hearing) tell(ctx context.Context, keys []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	for _, key := range keys {
		for _, w := range h.all {
			if strings.HasPrefix(key, w.prefix) {
				w.Changed(key)
			}
		}
	}
}

// lose tells the listeners that changes are no longer received.
func (h *hearing) lose(ctx context.Context, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.losses++
	if ctx.Err() != nil || h.told {
		return
	}
	h.found, h.told = false, true
	for _, w := range h.all {
		w.Lost(err)
	}
}

func (h *hearing) count() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.losses
}

// find tells the listeners that changes are received, unless they were lost since losses was
// read. It reports whether it did.
func (h *hearing) find(ctx context.Context, losses uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.losses != losses {
		return false
	}
	if ctx.Err() != nil || h.found {
		return true
	}
	h.found, h.told = true, false
	for _, w := range h.all {
		w.Found()
	}
	return true
}
