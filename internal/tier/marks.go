package tier

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"github.com/reecho-go/reecho/store"
)

// Two kinds of marks in the store record clears, and outlast the process.
//
// The clock of a cache has a random epoch, and counts the clears of tags in that epoch. A
// clear of the cache begins a new epoch. A result carries the clock from before its load,
// and is valid only in that epoch.
//
// The mark of a tag has the number of its last clear. A result with the tag is valid only if
// its own number is not lower. A store may forget the mark of a tag, so a result with a tag
// that has no mark is not valid. The mark is made before a result is stored.
//
// So a result that was loaded before a clear is never served after it, whichever
// process stores it and however late. The rule is the same as in memory, but it is
// checked when a result is read, and not only when it is written.

const epochBytes = 16

type mark struct {
	epoch  [epochBytes]byte
	clears uint64
}

// clock is the mark of a cache.
type clock struct {
	mark
	latest  int64 // the latest time that a process has seen, in nanoseconds since 1970
	version uint64
}

const clockBytes = epochBytes + 8 + 8

func (c clock) encode() []byte {
	b := append(make([]byte, 0, clockBytes), c.epoch[:]...)
	b = binary.BigEndian.AppendUint64(b, c.clears)
	return binary.BigEndian.AppendUint64(b, uint64(c.latest))
}

func decodeClock(it store.Item) (c clock, ok bool) {
	c.version = it.Version
	if len(it.Value) != clockBytes {
		return c, false
	}
	copy(c.epoch[:], it.Value)
	c.clears = binary.BigEndian.Uint64(it.Value[epochBytes:])
	c.latest = int64(binary.BigEndian.Uint64(it.Value[epochBytes+8:]))
	return c, true
}

// newEpoch returns a clock with a new epoch.
func newEpoch(now int64) (c clock) {
	_, _ = rand.Read(c.epoch[:]) // never fails
	c.latest = now
	return c
}

// clock returns the clock in the item it, which was read from the store, or makes a new one.
func (t *Tier) clock(ctx context.Context, it store.Item) (clock, error) {
	for {
		c, ok := decodeClock(it)
		if ok && t.noteTime(c.latest) {
			return c, nil
		}
		// There is no clock, or it is malformed, or its time is so far ahead of ours
		// that it must be wrong. A new epoch makes all stored results invalid.
		c = newEpoch(t.now())
		version, err := t.swap.Swap(ctx, t.clockKey, it.Version, store.Item{Value: c.encode()})
		switch {
		case err == nil:
			c.version = version
			return c, nil
		case !isConflict(err):
			return clock{}, err
		}
		if it, err = t.read(ctx, t.clockKey); err != nil {
			return clock{}, err
		}
	}
}

// clearAll begins a new epoch.
func (t *Tier) clearAll(ctx context.Context) error {
	if err := t.store.Put(ctx, t.clockKey, store.Item{Value: newEpoch(t.now()).encode()}); err != nil {
		return err
	}
	return t.announceClear(ctx, "")
}

// clearTag counts a clear in the clock, and writes its number to the mark of the tag.
func (t *Tier) clearTag(ctx context.Context, tag string) error {
	for {
		it, err := t.read(ctx, t.clockKey)
		if err != nil {
			return err
		}
		c, err := t.clock(ctx, it)
		if err != nil {
			return err
		}
		c.clears++
		_, err = t.swap.Swap(ctx, t.clockKey, c.version, store.Item{Value: c.encode()})
		switch {
		case isConflict(err):
			continue
		case err != nil:
			return err
		}
		if err := t.setMark(ctx, tag, c.mark, time.Now().Add(markTTL), false); err != nil {
			return err
		}
		return t.announceClear(ctx, tag)
	}
}

// markTTL is how long the mark of a tag stays at least after a clear. No process takes as
// long from reading the clock to making a mark.
const markTTL = time.Hour

// setMark sets the mark of a tag to m, and makes it stay until expires at least; the zero
// time is for ever. A mark with a greater number keeps its number. If keepAny is set, every
// mark does.
func (t *Tier) setMark(ctx context.Context, tag string, m mark, expires time.Time, keepAny bool) error {
	key := t.tagKey(tag)
	for {
		it, err := t.read(ctx, key)
		if err != nil {
			return err
		}
		next, until := m, expires
		at, ok := decodeClock(it)
		if ok && (keepAny || at.epoch == m.epoch && at.clears > m.clears) {
			next = at.mark
		}
		if ok && (it.Expires.IsZero() || !until.IsZero() && it.Expires.After(until)) {
			until = it.Expires
		}
		if ok && next == at.mark && until.Equal(it.Expires) {
			return nil
		}
		if ok && next.epoch != at.epoch { // the epoch of either m or the mark is over
			now, err := t.read(ctx, t.clockKey)
			if err != nil {
				return err
			}
			if c, ok := decodeClock(now); !ok || c.epoch != m.epoch {
				return nil // that of m is over, so no result of it is valid any more
			}
		}
		_, err = t.swap.Swap(ctx, key, it.Version, store.Item{Value: clock{mark: next}.encode(), Expires: until})
		if !isConflict(err) {
			return err
		}
	}
}

// isConflict reports whether a Swap has failed because of another write.
func isConflict(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound)
}

// notCleared reports whether none of the tags has been cleared since the mark m of a result.
// items has the marks of the tags from the store.
func (t *Tier) notCleared(tags []string, m mark, items map[string]store.Item) bool {
	for _, tag := range tags {
		at, ok := decodeClock(items[t.tagKey(tag)])
		if !ok || at.epoch == m.epoch && at.clears > m.clears {
			return false
		}
	}
	return true
}

// ensureMarks makes a mark, with the number in current, for each tag of a result that has no
// mark that stays until expires, when the result expires.
func (t *Tier) ensureMarks(ctx context.Context, tags []string, current mark, expires time.Time) error {
	if len(tags) == 0 {
		return nil
	}
	keys := make([]string, len(tags))
	for i, tag := range tags {
		keys[i] = t.tagKey(tag)
	}
	items, err := t.readMany(ctx, keys)
	if err != nil {
		return err
	}
	for i, tag := range tags {
		it := items[keys[i]]
		if _, ok := decodeClock(it); ok && (it.Expires.IsZero() || !expires.IsZero() && !it.Expires.Before(expires)) {
			continue
		}
		until := expires
		if !until.IsZero() { // longer than needed, so that the next result finds the mark
			until = until.Add(max(time.Until(until), markTTL))
		}
		if err := t.setMark(ctx, tag, current, until, true); err != nil {
			return err
		}
	}
	return nil
}

// longestTag is the length of the longest tag that is a part of a key. Longer tags are
// hashed.
const longestTag = 64

// tagKey returns the key of the mark of a tag.
func (t *Tier) tagKey(tag string) string {
	if len(tag) > longestTag {
		sum := sha256.Sum256([]byte(tag))
		return t.prefix + "h/" + hex.EncodeToString(sum[:16])
	}
	return t.prefix + "t/" + tag
}
