package sessionstate

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
)

// revocations are the ids of sessions that were ended before their time, for as
// long as a cookie with one of them could be believed.
type revocations struct {
	limits limits
	legacy time.Time // until when cookies of before are believed
	prefix string
	users  store.Store // of sessions that somebody had logged in to
	others store.Store // of all others: anybody can make those without end

	own    []*memstore.Store         // what Close frees
	notice func(ctx context.Context) // called when the built-in list gets its first entry
	told   atomic.Bool
}

// The built-in lists, in bytes.
const (
	ownUsers  = 60 << 20
	ownOthers = 4 << 20
)

// newRevocations uses given, or makes lists of its own. Of these, the one that
// any visitor can fill forgets; the other must not.
func newRevocations(given store.Store, prefix string, l limits, notice func(ctx context.Context)) (*revocations, error) {
	r := &revocations{limits: l, prefix: prefix, users: given, others: given}
	if given != nil {
		return r, nil
	}
	users, err := memstore.New(memstore.Config{MaxBytes: ownUsers, MaxEntries: -1, WhenFull: memstore.Refuse})
	if err != nil {
		return nil, err
	}
	others, err := memstore.New(memstore.Config{MaxBytes: ownOthers, MaxEntries: -1})
	if err != nil {
		return nil, errors.Join(err, users.Close(context.Background()))
	}
	r.users, r.others, r.own, r.notice = users, others, []*memstore.Store{users, others}, notice
	return r, nil
}

// has reports whether a session has ended.
func (r *revocations) has(ctx context.Context, id sessionID) (bool, error) {
	key := id.storeKeyIn(r.prefix)
	_, err := r.users.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) && r.others != r.users {
		_, err = r.others.Get(ctx, key)
	}
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	}
	return false, err
}

// list returns where the end of a session is noted.
func (r *revocations) list(h *held) store.Store {
	if h.record.personal() {
		return r.users
	}
	return r.others
}

// add notes that a session has ended.
func (r *revocations) add(ctx context.Context, h *held) error {
	key, it := r.entry(ctx, h)
	return r.list(h).Put(ctx, key, it)
}

// addFirst does so for a request that gives the session a new id. It fails with
// ErrEnded if it has ended already: of several at once only the first goes on.
func (r *revocations) addFirst(ctx context.Context, h *held) error {
	swap, ok := store.As[store.Swapper](r.list(h))
	if !ok || r.others != r.users {
		switch dead, err := r.has(ctx, h.id); {
		case err != nil:
			return err
		case dead:
			return ErrEnded
		}
	}
	if !ok {
		return r.add(ctx, h)
	}
	key, it := r.entry(ctx, h)
	_, err := swap.Swap(ctx, key, 0, it)
	if errors.Is(err, store.ErrConflict) {
		return ErrEnded
	}
	return err
}

func (r *revocations) entry(ctx context.Context, h *held) (key string, it store.Item) {
	if r.notice != nil && r.told.CompareAndSwap(false, true) {
		r.notice(ctx)
	}
	until := r.limits.deadline(&h.record, time.Now())
	// A list that outlasts this process may meet a longer Config.Idle.
	if end := r.limits.end(&h.record); len(r.own) == 0 && !end.IsZero() {
		until = end
	}
	if !until.IsZero() && h.id.isLegacy() && until.Before(r.legacy) {
		until = r.legacy
	}
	if !until.IsZero() {
		until = until.Add(skew)
	}
	return h.id.storeKeyIn(r.prefix), store.Item{Expires: until}
}

func (r *revocations) close(ctx context.Context) error {
	var errs []error
	for _, s := range r.own {
		errs = append(errs, s.Close(ctx))
	}
	return errors.Join(errs...)
}
