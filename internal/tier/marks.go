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
// The clock of a cache has a random life, and counts the clears of tags in that life.
// A clear of the cache begins a new life. A result carries the clock from before its
// load, and holds only in that life.
//
// The mark of a tag has the number of its last clear. A result with the tag holds only
// if its own number is not lower. A store may forget the mark of a tag, so a result
// with a tag that has no mark does not hold. The mark is made before a result is stored.
//
// So a result that was loaded before a clear is never served after it, whichever
// process stores it and however late. The rule is the same as in memory, but it is
// checked when a result is read, and not only when it is written.

const lifeBytes = 16

type mark struct {
	life   [lifeBytes]byte
	clears uint64
}

// clock is the mark of a cache.
type clock struct {
	mark
	latest  int64 // the latest time that a process has seen, in nanoseconds since 1970
	version uint64
}

const clockBytes = lifeBytes + 8 + 8

func (c clock) encode() []byte {
	b := append(make([]byte, 0, clockBytes), c.life[:]...)
	b = binary.BigEndian.AppendUint64(b, c.clears)
	return binary.BigEndian.AppendUint64(b, uint64(c.latest))
}

func decodeClock(it store.Item) (c clock, ok bool) {
	c.version = it.Version
	if len(it.Value) != clockBytes {
		return c, false
	}
	copy(c.life[:], it.Value)
	c.clears = binary.BigEndian.Uint64(it.Value[lifeBytes:])
	c.latest = int64(binary.BigEndian.Uint64(it.Value[lifeBytes+8:]))
	return c, true
}

// renewed returns a clock with a new life.
func renewed(now int64) (c clock) {
	_, _ = rand.Read(c.life[:]) // never fails
	c.latest = now
	return c
}

// clock returns the clock in it, the item that was read, or makes a new one.
func (t *Tier) clock(ctx context.Context, it store.Item) (clock, error) {
	for {
		c, ok := decodeClock(it)
		if ok && t.seen(c.latest) {
			return c, nil
		}
		// There is no clock, or it is malformed, or its time is so far ahead of ours
		// that it must be wrong. A new life makes all stored results invalid.
		c = renewed(t.now())
		version, err := t.swap.Swap(ctx, t.clockKey, it.Version, store.Item{Value: c.encode()})
		switch {
		case err == nil:
			c.version = version
			return c, nil
		case !overtaken(err):
			return clock{}, err
		}
		if it, err = t.read(ctx, t.clockKey); err != nil {
			return clock{}, err
		}
	}
}

// clearAll begins a new life.
func (t *Tier) clearAll(ctx context.Context) error {
	if err := t.store.Put(ctx, t.clockKey, store.Item{Value: renewed(t.now()).encode()}); err != nil {
		return err
	}
	return t.ring(ctx, "")
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
		case overtaken(err):
			continue
		case err != nil:
			return err
		}
		if err := t.raise(ctx, tag, c.mark, time.Now().Add(tagLives), false); err != nil {
			return err
		}
		return t.ring(ctx, tag)
	}
}

// tagLives is how long the mark of a tag stays at least after a clear. It is longer than
// a process takes from reading the clock to making a mark.
const tagLives = time.Hour

// raise sets the mark of a tag to m and makes it last until expires at least; the zero
// time is for ever. It keeps the number of a greater mark or, if keep is set, of any.
func (t *Tier) raise(ctx context.Context, tag string, m mark, expires time.Time, keep bool) error {
	key := t.tagKey(tag)
	for {
		it, err := t.read(ctx, key)
		if err != nil {
			return err
		}
		next, until := m, expires
		at, ok := decodeClock(it)
		if ok && (keep || at.life == m.life && at.clears > m.clears) {
			next = at.mark
		}
		if ok && (it.Expires.IsZero() || !until.IsZero() && it.Expires.After(until)) {
			until = it.Expires
		}
		if ok && next == at.mark && until.Equal(it.Expires) {
			return nil
		}
		if ok && next.life != at.life { // either m or the mark is of a life that is over
			now, err := t.read(ctx, t.clockKey)
			if err != nil {
				return err
			}
			if c, ok := decodeClock(now); !ok || c.life != m.life {
				return nil // m is: no result of its life holds any more
			}
		}
		_, err = t.swap.Swap(ctx, key, it.Version, store.Item{Value: clock{mark: next}.encode(), Expires: until})
		if !overtaken(err) {
			return err
		}
	}
}

// overtaken reports whether a Swap has failed because of another write.
func overtaken(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound)
}

// holds reports whether none of the tags has been cleared since the mark m of a result.
// items has the marks of the tags from the store.
func (t *Tier) holds(tags []string, m mark, items map[string]store.Item) bool {
	for _, tag := range tags {
		at, ok := decodeClock(items[t.tagKey(tag)])
		if !ok || at.life == m.life && at.clears > m.clears {
			return false
		}
	}
	return true
}

// ensure makes marks with the number of now for the tags of a result, if they have none
// that last until expires, when the result ends.
func (t *Tier) ensure(ctx context.Context, tags []string, now mark, expires time.Time) error {
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
			until = until.Add(max(time.Until(until), tagLives))
		}
		if err := t.raise(ctx, tag, now, until, true); err != nil {
			return err
		}
	}
	return nil
}

// longestTag is the longest tag that is a part of a key; longer ones are hashed.
const longestTag = 64

// tagKey returns the key of the mark of a tag.
func (t *Tier) tagKey(tag string) string {
	if len(tag) > longestTag {
		sum := sha256.Sum256([]byte(tag))
		return t.prefix + "h/" + hex.EncodeToString(sum[:16])
	}
	return t.prefix + "t/" + tag
}
