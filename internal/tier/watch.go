package tier

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/store"
)

// The kinds of keys. A key begins with the prefix of its cache and one of these.
const (
	ofResults = "r/"
	ofLeases  = "l/"
	ofClears  = "clear/"
)

// announceClear tells the processes that watch the store of a clear: of a tag, or, if tag is
// "", of everything. Writes of marks cannot tell them, because marks are written for other
// reasons too.
//
// It deletes a key that never exists. The watchers are told of that delete, and a full store
// can do it too. The marks must record the clear before.
func (t *Tier) announceClear(ctx context.Context, tag string) error {
	if !t.watched {
		return nil
	}
	if len(tag) > longestTag {
		tag = "" // the key could not contain the tag, so watchers clear everything
	}
	return t.store.Delete(ctx, t.prefix+ofClears+tag)
}

// Watch implements level.Level.
func (t *Tier) Watch(m level.Memory) bool {
	w, ok := store.As[store.Watcher](t.store)
	if !ok {
		return false
	}
	t.unwatch = w.Watch(t.prefix, store.Listener{
		Changed: func(key string) { t.changed(m, strings.TrimPrefix(key, t.prefix)) },
		Lost: func(err error) {
			m.ChangesLost()
			t.writes.Go(func() { // an observer may be slow
				t.emitFailure(context.Background(), "watch", 0, fmt.Errorf("changes by other processes are no longer received: %w", err))
			})
		},
		Found: func() {
			m.ChangesLost()
			t.breaker.reset()
			if len(t.pending.list()) > 0 { // other processes still serve the results that these invalidate
				t.writes.Go(func() { t.catchUp(context.Background(), "clear", t.cfg.Budget) })
			}
		},
	})
	return true
}

// changed tells m about the change of a key.
func (t *Tier) changed(m level.Memory, key string) {
	if result, ok := strings.CutPrefix(key, ofResults); ok {
		if s, ok := sumIn(result); ok {
			m.Changed(s)
			t.leaseWaiters.notify(s)
		}
	} else if lease, ok := strings.CutPrefix(key, ofLeases); ok {
		if s, ok := sumIn(lease); ok {
			t.leaseWaiters.notify(s)
		}
	} else if tag, ok := strings.CutPrefix(key, ofClears); ok && tag == "" {
		m.Clear()
	} else if ok {
		m.ClearTag(tag)
	}
}

// sumIn returns the sum in the last part of a key.
func sumIn(name string) (s level.Sum, ok bool) {
	_, sum, _ := strings.Cut(name, "-")
	if len(sum) != 2*len(s) {
		return s, false
	}
	_, err := hex.Decode(s[:], []byte(sum))
	return s, err == nil
}

// Sum implements level.Level.
func (t *Tier) Sum(k level.Key) (s level.Sum) {
	sum := sha256.Sum256(k.Canonical)
	copy(s[:], sum[:])
	return s
}
