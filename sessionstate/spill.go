package sessionstate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
)

// spill keeps what does not fit into cookies. The cookie stays the truth: it
// names what it has left here by a digest, which is never written to again. So a
// cookie has exactly the session that it was sealed with, whatever other
// requests have saved since.
type spill struct {
	store  store.Store
	touch  store.Toucher // nil: written again
	prefix string
}

func newSpill(s store.Store, prefix string) *spill {
	if s == nil {
		return nil
	}
	touch, _ := store.As[store.Toucher](s)
	return &spill{s, touch, prefix}
}

// spilledLife is how long what was replaced stays, where its session has longer:
// a request that was under way may still hand out a cookie that names it.
const spilledAge = 24 * time.Hour

func (sp *spill) key(id sessionID, spilled string) string {
	sum := sha256.Sum256(append(id[:], spilled...))
	return string(encoding.AppendEncode([]byte(sp.prefix), sum[:]))
}

// split parts a record whose encoding may have size bytes: the largest values,
// and those of another library's code, are taken out.
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

// put keeps a part until a session's deadline, and returns what names it.
func (sp *spill) put(ctx context.Context, h *held, part *record) (spilled string, err error) {
	value := part.append(nil)
	sum := sha256.Sum256(value)
	spilled = string(sum[:])
	return spilled, sp.store.Put(ctx, sp.key(h.id, spilled), store.Item{Value: value, Expires: h.spilledUntil()})
}

// spilledUntil is until when a cookie that is sealed now may ask for its part.
func (h *held) spilledUntil() time.Time {
	if h.deadline.IsZero() {
		return time.Time{}
	}
	return h.deadline.Add(skew)
}

// get returns the part that a session's cookie names. ok is false when the store
// has lost it.
func (sp *spill) get(ctx context.Context, h *held) (part record, ok bool, err error) {
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
func (sp *spill) extend(ctx context.Context, h *held, spilled string) error {
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
		return nil // whoever reads it is told
	}
	return err
}

// replaced lets a part go that another has taken the place of. What cannot be
// done is left to its deadline.
func (sp *spill) replaced(ctx context.Context, h *held) {
	until := time.Now().Add(spilledAge)
	if h.spilled != "" && sp.touch != nil && (h.deadline.IsZero() || h.deadline.After(until)) {
		_ = sp.touch.Touch(ctx, sp.key(h.id, h.spilled), until)
	}
}

// drop deletes the part of a session that has ended.
func (sp *spill) drop(ctx context.Context, h *held) {
	if h.spilled != "" {
		_ = sp.store.Delete(ctx, sp.key(h.id, h.spilled)) // it may fail: nobody can ask for it any more
	}
}

// room is the size that an encoded record of a cookie may have.
func (k *cookieKeeper) room() int {
	return encoding.DecodedLen(maxCookie-len(k.name)) - sealOverhead - idSize
}

// part returns what the cookie of h holds, once the store has the rest.
func (k *cookieKeeper) part(ctx context.Context, base, h *held) (record, error) {
	if k.spill == nil {
		return h.record, nil
	}
	if h.record.spilled != "" { // the rest is there and was not looked at
		return h.record, k.spill.extend(ctx, h, h.record.spilled)
	}
	inCookie, before := h.record, base.spilled
	h.spilled = ""
	if h.record.size() > k.room() {
		var spilled record
		var err error
		inCookie, spilled = h.record.split(k.room())
		if h.spilled, err = k.spill.put(ctx, h, &spilled); err != nil {
			return record{}, err
		}
		inCookie.spilled = h.spilled
	}
	if before != h.spilled {
		k.spill.replaced(ctx, base)
	}
	return inCookie, nil
}

// errSpilled tells the observer of values that read as their defaults now.
var errSpilled = errors.New("what was moved to Config.Spill is gone")

// rest loads what the cookie of h has left to Config.Spill.
func (m *Manager) rest(ctx context.Context, h *held) (part record, err error) {
	k, ok := m.keeper.(*cookieKeeper)
	there := false
	if ok && k.spill != nil {
		err = m.call(ctx, "load", func(ctx context.Context) (err error) {
			part, there, err = k.spill.get(ctx, h)
			return err
		})
	}
	if err == nil && !there {
		observe.Emit(ctx, m.observer, observe.StoreFailure{Owner: m.Name(), Op: "load", Err: errSpilled})
	}
	return part, err
}

// loadAll loads the session with all of its keys, and returns why it could not.
func (s *State) loadAll() error {
	if err := s.load(); err != nil || !s.isPartial() {
		return err
	}
	s.fetching.Lock()
	defer s.fetching.Unlock()
	if !s.isPartial() {
		return nil
	}
	s.mu.Lock()
	at, err := s.base, s.spillErr
	s.mu.Unlock()
	if err != nil {
		return err
	}
	part, err := s.m.rest(s.context(), &at)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base.id != at.id || s.base.record.spilled != at.record.spilled {
		return nil // saved or destroyed meanwhile
	}
	if s.spillErr = err; err == nil {
		s.base.record, s.cur = s.base.record.joined(&part), s.cur.joined(&part)
	}
	return err
}

// lacks reports whether some of the session has not been loaded.
func (s *State) isPartial() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cur.spilled != ""
}

// joined is r with the part that it has left elsewhere.
func (r record) joined(part *record) record {
	if r.spilled == "" {
		return r
	}
	r.spilled, r.foreign = "", part.foreign
	r.entries = slices.Concat(r.entries, part.entries)
	slices.SortFunc(r.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return r
}
