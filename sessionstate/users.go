package sessionstate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
)

// SessionInfo is what a user may be shown of one of their sessions.
type SessionInfo struct {
	// Handle names the session for [Users.End]. It is no secret: nobody
	// can use a session by it.
	Handle string
	// ID is the session's digest in events and logs.
	ID string
	// Created is when the user logged in.
	Created time.Time
	// Deadline is when the session ends if it is not used; zero: never.
	Deadline time.Time
}

// Users lists and ends the sessions of users who logged in. An index in the
// store has an entry for each session, written before the session itself, so
// that none is missed. It is safe for concurrent use.
type Users struct {
	m    *Manager
	k    *storeKeeper
	scan store.Scanner
	most int // Config.MaxPerUser; 0: any number
}

// Users returns the sessions of users. It is nil in cookie mode, where there
// is nothing to list, and with a Config.Store that cannot list (store.Scanner).
func (m *Manager) Users() *Users { return m.users }

// RevokeOption changes what [Users.Revoke] ends.
type RevokeOption func(*revocation)

type revocation struct{ except string }

// Except spares the session of a request, as for "log out everywhere else".
func Except(s *State) RevokeOption {
	handle := s.Handle()
	return func(r *revocation) { r.except = handle }
}

// maxPasses bounds how often Revoke looks again.
const maxPasses = 16

// indexPrefix starts the keys of a user's sessions.
func (k *storeKeeper) indexPrefix(user string) string {
	sum := sha256.Sum256([]byte(user))
	return k.prefix + "user/" + encoding.EncodeToString(sum[:]) + "/"
}

// index notes that a session belongs to its user, and when it was noted.
func (k *storeKeeper) index(ctx context.Context, h *held) error {
	if h.record.user == "" {
		return nil
	}
	value := binary.AppendUvarint(nil, uint64(time.Now().Unix()))
	return k.store.Put(ctx, k.indexPrefix(h.record.user)+h.id.storeKey(), store.Item{
		Value:   append(value, k.digest(h)...),
		Expires: k.limits.end(&h.record),
	})
}

// unindex forgets that. What it leaves behind when it fails, List clears away.
func (k *storeKeeper) unindex(ctx context.Context, h *held) error {
	if h.record.user == "" {
		return nil
	}
	return k.store.Delete(ctx, k.indexPrefix(h.record.user)+h.id.storeKey())
}

// List returns the living sessions of a user, oldest first. It reads each of
// them. The error is a *[StoreError].
func (u *Users) List(ctx context.Context, user string) ([]SessionInfo, error) {
	var list []SessionInfo
	err := u.m.call(ctx, "list", func(ctx context.Context) (err error) {
		list, err = u.list(ctx, user)
		return err
	})
	return list, err
}

func (u *Users) list(ctx context.Context, user string) ([]SessionInfo, error) {
	prefix := u.k.indexPrefix(user)
	var list []SessionInfo
	for e, err := range u.scan.Scan(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		handle := e.Key[len(prefix):]
		it, err := u.k.store.Get(ctx, u.k.prefix+handle)
		if err == nil {
			var r record
			if r, err = parseRecord(it.Value); err == nil && r.user == user {
				_, n := binary.Uvarint(e.Value)
				list = append(list, SessionInfo{
					Handle: handle, ID: string(e.Value[max(n, 0):]), Created: time.Unix(r.created, 0), Deadline: it.Expires,
				})
				continue
			}
		} else if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		// The session is over, unless it is just about to be written.
		if noted, _ := binary.Uvarint(e.Value); time.Since(time.Unix(int64(min(noted, maxSeconds)), 0)) > tombstoneLife {
			if err := u.k.store.Delete(ctx, e.Key); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(list, func(a, b SessionInfo) int { return a.Created.Compare(b.Created) })
	return list, nil
}

// Revoke ends all sessions of a user, and returns how many it has ended. One
// that gets a new id meanwhile is found again; one of a Login that comes later
// is not. The error is a *[StoreError]; then some may be left.
func (u *Users) Revoke(ctx context.Context, user string, opts ...RevokeOption) (int, error) {
	var r revocation
	for _, o := range opts {
		o(&r)
	}
	ended := 0
	for range maxPasses {
		list, err := u.List(ctx, user)
		if err != nil {
			return ended, err
		}
		found := 0
		for _, info := range list {
			if info.Handle == r.except && r.except != "" {
				continue
			}
			found++
			if err := u.end(ctx, user, info); err != nil {
				return ended, err
			}
		}
		if found == 0 {
			break
		}
		ended += found
	}
	return ended, nil
}

// End ends one session of a user, by the handle of [Users.List] or
// [State.Handle], and reports whether the user had it. The error is a
// *[StoreError].
func (u *Users) End(ctx context.Context, user, handle string) (bool, error) {
	list, err := u.List(ctx, user)
	for _, info := range list {
		if info.Handle == handle {
			return true, u.end(ctx, user, info)
		}
	}
	return false, err
}

// end deletes a session, then its entry in the index.
func (u *Users) end(ctx context.Context, user string, info SessionInfo) error {
	err := u.m.call(ctx, "end", func(ctx context.Context) error {
		if err := u.k.store.Delete(ctx, u.k.prefix+info.Handle); err != nil {
			return err
		}
		return u.k.store.Delete(ctx, u.k.indexPrefix(user)+info.Handle)
	})
	if err == nil {
		observe.Emit(ctx, u.m.observer, observe.SessionLife{Action: observe.SessionRevoked, ID: info.ID, Reason: "ended by Revoke"})
	}
	return err
}

// limit ends the oldest sessions of a user who has too many after a login. It
// does what it can: the observer is told of failures.
func (u *Users) limit(ctx context.Context, after *held) {
	if u == nil || u.most == 0 {
		return
	}
	list, err := u.List(ctx, after.record.user)
	if err != nil {
		return
	}
	mine := after.id.storeKey()
	list = slices.DeleteFunc(list, func(info SessionInfo) bool { return info.Handle == mine })
	for _, info := range list[:max(0, len(list)+1-u.most)] {
		if err := u.end(ctx, after.record.user, info); err != nil {
			return
		}
	}
}

// Handle returns the name of the session for [Users.End], empty for a new
// visitor. It is no secret. It loads the session.
func (s *State) Handle() string {
	_ = s.load() // a failed load has no session
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.base.known() {
		return ""
	}
	return s.base.id.storeKey()
}
