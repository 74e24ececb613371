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

// revocations is the list of the ids of sessions that were ended before their deadline. It keeps
// an id for as long as a cookie with that id would be accepted. The list has a fixed number of
// pages of bounded size, so nobody can fill it: a page that is full drops its oldest ids, and
// refuses all ids that are as old as these or older.
type revocations struct {
	limits   limits
	legacy   time.Time // when cookies of Config.CookieMode.Foreign stop being accepted
	prefix   string
	salt     digest // of the built-in list: it keeps clients from choosing a page
	store    store.Store
	swap     store.Swapper
	retrying chan struct{} // a semaphore of one place: writers of this process retry after a conflict one by one

	builtIn    *memstore.Store           // the built-in list, which Close frees; nil: the program has given a store
	notice     func(ctx context.Context) // called when the built-in list gets its first entry
	noticeSent chan struct{}             // a semaphore of one place: notice is called once

	longestMaxAge atomic.Int64 // seconds: the longest lifetime that another library's code has asked for
}

var (
	classUsers      = class{"u", 1 << 13}
	classVisitors   = class{"v", 1 << 11}
	classLegacy     = class{"l", 1 << 9}
	classOtherNames = class{"o", 1 << 11} // cookies of other names
)

// errRenewedMeanwhile says that the session to end may have got a new id in the meantime. The list
// does not know that id.
var errRenewedMeanwhile = errors.New("the session was given a new id at the same moment: end it by that")

// newRevocations returns a list in the store given or, if that is nil, the built-in list.
func newRevocations(given store.Store, prefix string, l limits, notice func(ctx context.Context)) (*revocations, error) {
	r := &revocations{limits: l, prefix: prefix, store: given, retrying: make(chan struct{}, 1), noticeSent: make(chan struct{}, 1)}
	if given == nil {
		own, err := memstore.New(memstore.Config{MaxBytes: -1, MaxEntries: -1}) // the pages bound it
		if err != nil {
			return nil, err
		}
		r.store, r.builtIn, r.notice = own, own, notice
		rand.Read(r.salt[:]) // never fails
	}
	r.swap, _ = store.As[store.Swapper](r.store)
	return r, nil
}

// ref returns how the list identifies a session of the Manager's own cookie. The result depends
// only on data that cannot change while the id stays the same, because the client may send an
// older copy of the cookie.
func (h *snapshot) ref() sessionRef {
	sum := h.id.sum()
	m := sessionRef{class: classVisitors, id: digest(sum[:digestSize]), issued: h.record.issued}
	switch {
	case h.id.isLegacy():
		m.class, m.issued = classLegacy, 0 // the time when the cookie was made is not known
	case h.record.user != "":
		var buf [96]byte // enough for most
		sum := sha256.Sum256(append(append(buf[:0], "sessionstate/v1/revoked"...), h.record.user...))
		m.class, m.user = classUsers, digest(sum[:digestSize])
	}
	return m
}

// otherNameRef returns how the list identifies a session in a cookie of another name.
func (h *snapshot) otherNameRef() sessionRef {
	m := h.ref()
	m.class, m.user = classOtherNames, digest{}
	return m
}

// key returns the key of the page for a session.
func (r *revocations) key(m *sessionRef) string {
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
func (r *revocations) page(ctx context.Context, m *sessionRef) (key string, p page, version uint64, err error) {
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
func (r *revocations) has(ctx context.Context, m sessionRef) (bool, error) {
	_, p, _, err := r.page(ctx, &m)
	return p.state(&m) != idLive, err
}

// issueTime returns the issue time for an id that is made now. The page of its user does not
// refuse that time. If the list fails, the page may refuse it later.
func (r *revocations) issueTime(ctx context.Context, m sessionRef, now int64) int64 {
	if m.class.name != classUsers.name {
		return now // the pages of visitors may refuse any time
	}
	_, p, _, _ := r.page(ctx, &m)
	return max(now, p.refusedUntil(&m)+1)
}

// end adds a session that has ended. It fails with errOvertaken if the session may have got a
// new id.
func (r *revocations) end(ctx context.Context, h *snapshot, m sessionRef) error {
	return r.add(ctx, h, m, false)
}

// renew adds the old id of a session that gets a new one. It fails with ErrEnded if the old id
// is in the list already, so of several renewals at once only the first succeeds.
func (r *revocations) renew(ctx context.Context, h *snapshot) error {
	return r.add(ctx, h, h.ref(), true)
}

func (r *revocations) add(ctx context.Context, h *snapshot, m sessionRef, renewed bool) error {
	if r.notice != nil {
		select {
		case r.noticeSent <- struct{}{}:
			r.notice(ctx)
		default:
		}
	}
	queued := false
	defer func() {
		if queued {
			<-r.retrying
		}
	}()
	for tries := 1; ; tries++ {
		key, p, version, err := r.page(ctx, &m)
		if err != nil {
			return err
		}
		switch now := p.state(&m); {
		case now != idLive && renewed:
			return ErrEnded
		case now == idEnded:
			return nil
		case now != idLive:
			return errRenewedMeanwhile
		}
		before := p.size()
		p = p.with(&m, r.expiry(h), renewed, time.Now().Unix())
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
		if err := waitToRetry(ctx, r.retrying, &queued, tries); err != nil {
			return err
		}
	}
}

// write replaces a page, if it still has that version. A store that is full first evicts or
// refuses the pages that any client can fill.
func (r *revocations) write(ctx context.Context, key string, version uint64, p page, m *sessionRef) error {
	expendable := m.class.name == classVisitors.name || m.class.name == classOtherNames.name
	_, err := r.swap.Swap(ctx, key, version, store.Item{Value: p.append(nil), Expires: p.expires(), Expendable: expendable})
	return err
}

// expiry returns the time after which no cookie of a session is accepted any more, in Unix seconds;
// 0 is never.
func (r *revocations) expiry(h *snapshot) int64 {
	until := r.limits.deadline(&h.record, time.Now())
	// A list in a store may outlast this process, and Config.Lifetime.Idle may get longer.
	if end := r.limits.end(&h.record); r.builtIn == nil && !end.IsZero() {
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
	if later := time.Now().Add(time.Duration(r.longestMaxAge.Load()) * time.Second); !until.IsZero() && h.record.user == "" && until.Before(later) {
		until = later
	}
	if until.IsZero() {
		return 0
	}
	return until.Add(skew).Unix() + 1
}

// noteMaxAge notes that there may be cookies that live for maxAge seconds, and returns it as the
// lifetime that another library's code asks for when it saves a session.
func (r *revocations) noteMaxAge(maxAge int) requestedLifetime {
	p := requestedLifetime{int64(maxAge), true}
	for {
		longest := r.longestMaxAge.Load()
		if p.rememberFor() <= longest || r.longestMaxAge.CompareAndSwap(longest, p.rememberFor()) {
			return p
		}
	}
}

func (r *revocations) close(ctx context.Context) error {
	if r.builtIn == nil {
		return nil
	}
	return r.builtIn.Close(ctx)
}
