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

// Clears are told by two kinds of marks in the store, which outlast the process.
//
// The clock of a cache has a life, which is random, and counts the clears of tags
// in it. A clear of the cache begins a new life. A result carries the clock as it
// was before its load, and holds only in that life.
//
// A tag has the number of its last clear. A result with the tag holds only if it
// was born at that number or later. A store may forget the mark of a tag, so what
// has no mark is not believed; whoever stores a result makes the mark first.
//
// So what was loaded before a clear is never served after it, whoever stores it
// and however late: the same rule as in memory, but looked at when a result is
// read and not only when it is written.

const lifeBytes = 16

type mark struct {
	life   [lifeBytes]byte
	clears uint64
}

// clock is the mark of a cache.
type clock struct {
	mark
	latest  int64 // a wall clock has shown this, in nanoseconds since 1970
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

// renewed is a clock of a new life.
func renewed(now int64) (c clock) {
	_, _ = rand.Read(c.life[:]) // never fails
	c.latest = now
	return c
}

// clock returns the clock that it, which was read, has, or makes one.
func (t *Tier) clock(ctx context.Context, it store.Item) (clock, error) {
	for {
		c, ok := decodeClock(it)
		if ok && t.seen(c.latest) {
			return c, nil
		}
		// There is none, or one that cannot be, or time has gone back by more than
		// can be told from a mistake: what is there is not believed.
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

// clearTag counts a clear, and notes it at the tag.
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

// tagLives is how long the mark of a tag stays at least when it is cleared: longer
// than somebody who has read the clock before takes to make one.
const tagLives = time.Hour

// raise sets the mark of a tag to m and has it live until expires at least; the zero
// time is for ever. A mark that is greater stays, and if keep is set any does.
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
		if ok && next.life != at.life { // m is of a life that is over, or the mark is
			now, err := t.read(ctx, t.clockKey)
			if err != nil {
				return err
			}
			if c, ok := decodeClock(now); !ok || c.life != m.life {
				return nil // nothing of that life is believed any more
			}
		}
		_, err = t.swap.Swap(ctx, key, it.Version, store.Item{Value: clock{mark: next}.encode(), Expires: until})
		if !overtaken(err) {
			return err
		}
	}
}

// overtaken reports whether a Swap has met what somebody else wrote.
func overtaken(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound)
}

// holds reports whether no tag of a result has been cleared since it was born at m.
// items are what the store has for their marks.
func (t *Tier) holds(tags []string, m mark, items map[string]store.Item) bool {
	for _, tag := range tags {
		at, ok := decodeClock(items[t.tagKey(tag)])
		if !ok || at.life == m.life && at.clears > m.clears {
			return false
		}
	}
	return true
}

// ensure makes marks for the tags of a result that expires then, as of now, where
// there are none that outlast it.
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
		if !until.IsZero() { // or the next result would have to do it again
			until = until.Add(max(time.Until(until), tagLives))
		}
		if err := t.raise(ctx, tag, now, until, true); err != nil {
			return err
		}
	}
	return nil
}

// longestTag is how many bytes of a tag are a part of a key.
const longestTag = 64

// tagKey is where the mark of a tag is.
func (t *Tier) tagKey(tag string) string {
	if len(tag) > longestTag {
		sum := sha256.Sum256([]byte(tag))
		return t.prefix + "h/" + hex.EncodeToString(sum[:16])
	}
	return t.prefix + "t/" + tag
}
