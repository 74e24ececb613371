package sessionstate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
)

// revocations are the ids of sessions that were ended before their time. Each is kept for as
// long as a cookie with it would be accepted. They are on a fixed number of pages of bounded
// size, so nobody can fill the list: a page that is full drops its oldest ids, and refuses
// all ids that were made no later than these.
type revocations struct {
	limits limits
	legacy time.Time // until when cookies of Config.CookieMode.Foreign are accepted
	prefix string
	salt   digest // of the built-in list, so that no client can choose a page
	store  store.Store
	swap   store.Swapper
	once   chan struct{} // has one place, for a writer of this process that met a conflict

	own    *memstore.Store           // the built-in list, which Close frees; nil: the store was given
	notice func(ctx context.Context) // called when the built-in list gets its first entry
	told   chan struct{}             // full once notice was called

	longest atomic.Int64 // seconds: the longest lifetime that another library's code has asked for
}

var (
	ofUsers    = class{"u", 1 << 13}
	ofVisitors = class{"v", 1 << 11}
	ofLegacy   = class{"l", 1 << 9}
	ofOthers   = class{"o", 1 << 11} // cookies of other names
)

// errOvertaken says that the session to end may have got a new id meanwhile, which the list
// does not know.
var errOvertaken = errors.New("the session was given a new id at the same moment: end it by that")

// newRevocations makes a list in the store given, or the built-in list if that is nil.
func newRevocations(given store.Store, prefix string, l limits, notice func(ctx context.Context)) (*revocations, error) {
	r := &revocations{limits: l, prefix: prefix, store: given, once: make(chan struct{}, 1), told: make(chan struct{}, 1)}
	if given == nil {
		own, err := memstore.New(memstore.Config{MaxBytes: -1, MaxEntries: -1}) // the pages bound it
		if err != nil {
			return nil, err
		}
		r.store, r.own, r.notice = own, own, notice
		rand.Read(r.salt[:]) // never fails
	}
	r.swap, _ = store.As[store.Swapper](r.store)
	return r, nil
}

// mention names a session of the Manager's own cookie in the list. It depends only on what
// stays while the id stays, because copies of the cookie may be older.
func (h *snapshot) mention() mention {
	sum := h.id.sum()
	m := mention{class: ofVisitors, id: digest(sum[:digestSize]), issued: h.record.issued}
	switch {
	case h.id.isLegacy():
		m.class, m.issued = ofLegacy, 0 // the time when the cookie was made is not known
	case h.record.user != "":
		var buf [96]byte // enough for most
		sum := sha256.Sum256(append(append(buf[:0], "sessionstate/v1/revoked"...), h.record.user...))
		m.class, m.user = ofUsers, digest(sum[:digestSize])
	}
	return m
}

// otherMention names a session of a cookie of another name.
func (h *snapshot) otherMention() mention {
	m := h.mention()
	m.class, m.user = ofOthers, digest{}
	return m
}

// key returns the key of the page for a session.
func (r *revocations) key(m *mention) string {
	of := m.id
	if m.user != (digest{}) {
		of = m.user
	}
	var salted [2 * digestSize]byte
	copy(salted[copy(salted[:], r.salt[:]):], of[:])
	sum := sha256.Sum256(salted[:])
	n := binary.BigEndian.Uint64(sum[:])
	var buf [96]byte // enough for most
	b := append(append(append(buf[:0], r.prefix...), m.class.name...), '/')
	return string(strconv.AppendUint(b, n%m.class.pages, 36))
}

// page reads the page of a session, with its version in the store.
func (r *revocations) page(ctx context.Context, m *mention) (key string, p page, version uint64, err error) {
	key = r.key(m)
	it, err := r.store.Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return key, nil, 0, nil
	case err != nil:
		return key, nil, 0, err
	}
	p, err = parsePage(it.Value)
	return key, p, it.Version, err
}

// has reports whether a session has ended.
func (r *revocations) has(ctx context.Context, m mention) (bool, error) {
	_, p, _, err := r.page(ctx, &m)
	return p.state(&m) != living, err
}

// after returns the issue time for an id that is made now: one that the page of its user does
// not refuse. If the list fails, it returns a time that may be refused later.
func (r *revocations) after(ctx context.Context, m mention, now int64) int64 {
	if m.class.name != ofUsers.name {
		return now // the pages of visitors may refuse any time
	}
	_, p, _, _ := r.page(ctx, &m)
	return max(now, p.refusedUntil(&m)+1)
}

// end adds a session that has ended. It fails with errOvertaken if the session may have got a
// new id.
func (r *revocations) end(ctx context.Context, h *snapshot, m mention) error {
	return r.add(ctx, h, m, false)
}

// renew adds the old id of a session that gets a new one. It fails with ErrEnded if the old id
// is in the list already, so of several renewals at once only the first succeeds.
func (r *revocations) renew(ctx context.Context, h *snapshot) error {
	return r.add(ctx, h, h.mention(), true)
}

func (r *revocations) add(ctx context.Context, h *snapshot, m mention, renewed bool) error {
	if r.notice != nil {
		select {
		case r.told <- struct{}{}:
			r.notice(ctx)
		default:
		}
	}
	queued := false
	defer func() {
		if queued {
			<-r.once
		}
	}()
	for tries := 1; ; tries++ {
		key, p, version, err := r.page(ctx, &m)
		if err != nil {
			return err
		}
		switch now := p.state(&m); {
		case now != living && renewed:
			return ErrEnded
		case now == ended:
			return nil
		case now != living:
			return errOvertaken
		}
		before := p.size()
		p = p.with(&m, r.until(h), renewed, time.Now().Unix())
		err = r.write(ctx, key, version, p, &m)
		if errors.Is(err, store.ErrFull) && version != 0 { // a page of the old size always has room
			err = r.write(ctx, key, version, p.within(before), &m)
		}
		switch {
		case !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound):
			return err
		case tries == maxTries:
			return ErrContention
		}
		if err := again(ctx, r.once, &queued, tries); err != nil {
			return err
		}
	}
}

// write swaps a page in. A store that is full evicts or refuses first the pages that any
// client can fill.
func (r *revocations) write(ctx context.Context, key string, version uint64, p page, m *mention) error {
	expendable := m.class.name == ofVisitors.name || m.class.name == ofOthers.name
	_, err := r.swap.Swap(ctx, key, version, store.Item{Value: p.append(nil), Expires: p.expires(), Expendable: expendable})
	return err
}

// until returns from when on no cookie of a session would be accepted, in Unix seconds; 0 is
// never.
func (r *revocations) until(h *snapshot) int64 {
	until := r.limits.deadline(&h.record, time.Now())
	// A list in a store may outlast this process, and Config.Lifetime.Idle may get longer.
	if end := r.limits.end(&h.record); r.own == nil && !end.IsZero() {
		until = end
	}
	if h.id.isLegacy() {
		if r.legacy.IsZero() {
			return 0 // a third-party store does not say how long it accepts its cookies
		}
		if !until.IsZero() && until.Before(r.legacy) {
			until = r.legacy
		}
	}
	// Another library's code may prolong the lifetime without a new id, so another
	// copy of the cookie may last longer.
	if later := time.Now().Add(time.Duration(r.longest.Load()) * time.Second); !until.IsZero() && h.record.user == "" && until.Before(later) {
		until = later
	}
	if until.IsZero() {
		return 0
	}
	return until.Add(skew).Unix() + 1
}

// promised returns the lifetime that another library's code asks for when it saves a session,
// and notes that there may be cookies that live so long.
func (r *revocations) promised(maxAge int) promise {
	p := promise{int64(maxAge), true}
	for {
		longest := r.longest.Load()
		if p.remember() <= longest || r.longest.CompareAndSwap(longest, p.remember()) {
			return p
		}
	}
}

func (r *revocations) close(ctx context.Context) error {
	if r.own == nil {
		return nil
	}
	return r.own.Close(ctx)
}
