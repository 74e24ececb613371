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

// The kinds of keys: each begins with the prefix of its cache and one of these.
const (
	ofResults = "r/"
	ofLeases  = "l/"
	ofBells   = "bell/"
)

// ring tells the processes that watch the store of a clear: of everything, or of a tag.
// Writes of marks cannot tell it, because marks are written on other occasions too.
//
// A bell is a key that is deleted although it never exists, so even a full store can
// ring. The marks record the clear before the bell rings.
func (t *Tier) ring(ctx context.Context, tag string) error {
	if !t.watched {
		return nil
	}
	if len(tag) > longestTag {
		tag = "" // the key would not contain the tag, so everything counts as cleared
	}
	return t.store.Delete(ctx, t.prefix+ofBells+tag)
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
			m.Distrust()
			t.writes.Go(func() { // an observer may take its time
				t.tell(context.Background(), "watch", 0, fmt.Errorf("changes by other processes are no longer received: %w", err))
			})
		},
		Found: func() {
			m.Distrust()
			t.breaker.reset()
			if len(t.pending.list()) > 0 { // other processes still serve these results
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
			t.waiting.wake(s)
		}
	} else if lease, ok := strings.CutPrefix(key, ofLeases); ok {
		if s, ok := sumIn(lease); ok {
			t.waiting.wake(s)
		}
	} else if tag, ok := strings.CutPrefix(key, ofBells); ok && tag == "" {
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
