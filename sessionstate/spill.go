package sessionstate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/reecho-go/reecho/store"
)

// spill keeps the parts of sessions that do not fit into cookies. A cookie names its part by a
// digest of the content, and a part is never changed. So a cookie always has exactly the
// session that it was sealed with, whatever other requests have saved since.
type spill struct {
	store  store.Store
	touch  store.Toucher // nil: a part is written again to extend it
	prefix string
}

func newSpill(s store.Store, prefix string) *spill {
	if s == nil {
		return nil
	}
	touch, _ := store.As[store.Toucher](s)
	return &spill{s, touch, prefix}
}

// spilledAge is how long a part stays at most after it was replaced: a request that was under
// way may still set a cookie that names it.
const spilledAge = 24 * time.Hour

func (sp *spill) key(id sessionID, spilled string) string {
	sum := sha256.Sum256(append(id[:], spilled...))
	return string(encoding.AppendEncode([]byte(sp.prefix), sum[:]))
}

// split takes the largest values, and those of another library's code, out of a record, so that
// the encoding of the rest has at most size bytes.
func (r record) split(size int) (inCookie, spilled record) {
	bySize := slices.Clone(r.entries)
	slices.SortStableFunc(bySize, func(a, b entry) int { return cmp.Compare(a.size(), b.size()) })
	spilled.foreign = r.foreign
	inCookie = r
	inCookie.entries, inCookie.foreign, inCookie.spilled = nil, "", strings.Repeat("x", sha256.Size)
	left := size - inCookie.size() - uvarintLen(uint64(len(r.entries)))
	n := 0
	for n < len(bySize) && bySize[n].size() <= left {
		left -= bySize[n].size()
		n++
	}
	for _, e := range r.entries {
		if slices.Contains(bySize[:n], e) {
			inCookie.entries = append(inCookie.entries, e)
		} else {
			spilled.entries = append(spilled.entries, e)
		}
	}
	return inCookie, spilled
}

// put keeps a part until a session's deadline, and returns its name.
func (sp *spill) put(ctx context.Context, h *snapshot, part *record) (spilled string, err error) {
	value := part.append(nil)
	sum := sha256.Sum256(value)
	spilled = string(sum[:])
	return spilled, sp.store.Put(ctx, sp.key(h.id, spilled), store.Item{Value: value, Expires: h.spilledUntil()})
}

// spilledUntil is until when a cookie that is sealed now may ask for its part.
func (h *snapshot) spilledUntil() time.Time {
	if h.deadline.IsZero() {
		return time.Time{}
	}
	return h.deadline.Add(skew)
}

// get returns the part that a session's cookie names. ok is false when the store
// has lost it.
func (sp *spill) get(ctx context.Context, h *snapshot) (part record, ok bool, err error) {
	it, err := sp.store.Get(ctx, sp.key(h.id, h.record.spilled))
	if errors.Is(err, store.ErrNotFound) {
		return record{}, false, nil
	}
	if err != nil {
		return record{}, false, err
	}
	if sum := sha256.Sum256(it.Value); string(sum[:]) != h.record.spilled {
		return record{}, false, nil
	}
	part, err = parseRecord(it.Value)
	return part, err == nil, nil
}

// extend keeps the part of a session until its deadline.
func (sp *spill) extend(ctx context.Context, h *snapshot, spilled string) error {
	key := sp.key(h.id, spilled)
	var err error
	if sp.touch != nil {
		err = sp.touch.Touch(ctx, key, h.spilledUntil())
	} else {
		var it store.Item
		if it, err = sp.store.Get(ctx, key); err == nil {
			err = sp.store.Put(ctx, key, store.Item{Value: it.Value, Expires: h.spilledUntil()})
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil // the observer is told when the part is read
	}
	return err
}

// replaced shortens the time of a part that was replaced. If it fails, the part stays until its
// deadline.
func (sp *spill) replaced(ctx context.Context, h *snapshot) {
	until := time.Now().Add(spilledAge)
	if h.spilled != "" && sp.touch != nil && (h.deadline.IsZero() || h.deadline.After(until)) {
		_ = sp.touch.Touch(ctx, sp.key(h.id, h.spilled), until)
	}
}

// drop deletes the part of a session that has ended.
func (sp *spill) drop(ctx context.Context, h *snapshot) {
	if h.spilled != "" {
		_ = sp.store.Delete(ctx, sp.key(h.id, h.spilled)) // may fail: no session names the part any more
	}
}

// joined returns r together with its part from the store.
func (r record) joined(part *record) record {
	if r.spilled == "" {
		return r
	}
	r.spilled, r.foreign = "", part.foreign
	r.entries = slices.Concat(r.entries, part.entries)
	slices.SortFunc(r.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return r
}
