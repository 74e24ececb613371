package sessionstate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
)

// SessionInfo describes one session of a user. It may be shown to that user.
type SessionInfo struct {
	// Handle names the session for [Users.End]. It is not secret, and no
	// credential.
	Handle string
	// ID is the session's digest in events and logs.
	ID string
	// Created is when the user logged in.
	Created time.Time
	// Deadline is when the session ends if it is not used; zero: never.
	Deadline time.Time
}

// ErrNoUsers says that the Manager cannot list the sessions of users: in cookie
// mode and with a store of Config.CookieMode.Foreign there is nothing to list, and a Config.Store must
// have the capability (store.Scanner), as memstore, boltstore and redisstore do.
var ErrNoUsers = errors.New("sessionstate: the sessions of users cannot be listed: that needs a Config.Store that can list (store.Scanner)")

// Users returns the sessions of users. It is never nil.
func (m *Manager) Users() *Users { return m.users }

// maxRevokeRounds bounds how often Revoke lists the sessions again.
const maxRevokeRounds = 16

// listed is a session of a user, read from the index and the store.
type listed struct {
	SessionInfo
	key, lineage string // the digest of its id, its lineage
	mark         string // the user's last mark at the Login
}

// List returns the living sessions of a user, oldest first. It reads each of
// them. The error is an [ErrStore].
func (u *Users) List(ctx context.Context, user string) ([]SessionInfo, error) {
	all, err := u.list(ctx, user)
	var list []SessionInfo
	for _, l := range all {
		// A session that is just getting a new id is in the store twice.
		if !slices.ContainsFunc(list, func(i SessionInfo) bool { return i.Handle == l.Handle }) {
			list = append(list, l.SessionInfo)
		}
	}
	return list, err
}

func (u *Users) list(ctx context.Context, user string) ([]listed, error) {
	if u.scan == nil {
		return nil, ErrNoUsers
	}
	var list []listed
	err := u.m.call(ctx, "list", func(ctx context.Context) error {
		// Read twice: one read may miss a session that gets a new id meanwhile.
		if err := u.read(ctx, user, &list); err != nil {
			return err
		}
		return u.read(ctx, user, &list)
	})
	slices.SortStableFunc(list, func(a, b listed) int { return a.Created.Compare(b.Created) })
	return list, err
}

// read adds the sessions to list that are not in it.
func (u *Users) read(ctx context.Context, user string, list *[]listed) error {
	prefix := u.backend.indexPrefix(user)
	for e, err := range u.scan.Scan(ctx, prefix) {
		if err != nil {
			return err
		}
		key := e.Key[len(prefix):]
		if slices.ContainsFunc(*list, func(o listed) bool { return o.key == key }) {
			continue
		}
		noted, n := binary.Uvarint(e.Value)
		it, err := u.backend.store.Get(ctx, u.backend.prefix+key)
		if err == nil {
			if l, ok := newListed(key, it, user); ok {
				l.ID = string(e.Value[max(n, 0):])
				*list = append(*list, l)
				continue
			}
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		// The session is over, unless it is just about to be written.
		if time.Since(time.Unix(int64(min(noted, maxSeconds)), 0)) > tombstoneAge {
			if err := u.backend.store.Delete(ctx, e.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// newListed reads a session that the index has for the user. It reports false if the session is
// over or belongs to another user by now.
func newListed(key string, it store.Item, user string) (listed, bool) {
	r, err := parseRecord(it.Value)
	sum, keyErr := encoding.DecodeString(key)
	if err != nil || keyErr != nil || len(sum) != sha256.Size || r.user != user {
		return listed{}, false
	}
	lineage := r.lineage
	if lineage == "" {
		lineage = lineageOf([sha256.Size]byte(sum))
	}
	info := SessionInfo{Handle: handleOf(lineage), Created: time.Unix(r.created, 0), Deadline: it.Expires}
	return listed{info, key, lineage, r.mark}, true
}

// Revoke ends all sessions of a user but that of except, as for "log out
// everywhere else", which may be nil, and returns how many it has ended. A
// session does not escape it by getting a new id or by a Login at the same
// moment; a later Login is not affected. The error is [ErrNoUsers], or an
// [ErrStore]; then some may be left.
func (u *Users) Revoke(ctx context.Context, user string, except *State) (int, error) {
	if u.scan == nil {
		return 0, ErrNoUsers
	}
	sparedHandle := ""
	if except != nil {
		sparedHandle = except.Handle()
	}
	spared, _ := encoding.DecodeString(sparedHandle) // made by Handle
	var mark string
	err := u.m.call(ctx, "end", func(ctx context.Context) (err error) {
		mark, err = u.backend.marks.endUser(ctx, user, string(spared))
		return err
	})
	if err != nil {
		return 0, err
	}
	return u.endAll(ctx, user, func(l *listed) bool {
		return (l.Handle != sparedHandle || sparedHandle == "") && l.mark != mark
	})
}

// End ends one session of a user, by the handle of [Users.List] or
// [State.Handle], and reports whether it was found. A session that gets one new id
// after the other may not be found, and ends all the same. The error is [ErrNoUsers]
// or an [ErrStore]; then it may be left.
func (u *Users) End(ctx context.Context, user, handle string) (bool, error) {
	is := func(l *listed) bool { return l.Handle == handle }
	n, err := u.endAll(ctx, user, is)
	if n > 0 || err != nil {
		return n > 0, err
	}
	lineage, ok := lineageOfHandle(handle)
	if !ok {
		return false, nil // no session has this handle
	}
	// It may have had a new id each time that the store was asked for the last one. A
	// mark ends it when it gets the next one; if it gets none, it is found now.
	err = u.m.call(ctx, "end", func(ctx context.Context) error {
		return u.backend.marks.endLineage(ctx, user, lineage)
	})
	if err == nil {
		n, err = u.endAll(ctx, user, is)
	}
	return n > 0, err
}

// errStillListed says that the store still lists sessions after many attempts to end them.
var errStillListed = errors.New("the store still lists sessions that were ended")

// endAll ends the sessions of a user for which wanted reports true. It repeats this until there
// are none, because a session that was just getting a new id is listed under that afterwards.
func (u *Users) endAll(ctx context.Context, user string, wanted func(l *listed) bool) (int, error) {
	ended := make(map[string]bool)
	for range maxRevokeRounds {
		list, err := u.list(ctx, user)
		if err != nil {
			return len(ended), err
		}
		list = slices.DeleteFunc(list, func(l listed) bool { return !wanted(&l) })
		if len(list) == 0 {
			return len(ended), nil
		}
		for i := range list {
			if err := u.end(ctx, user, &list[i]); err != nil {
				return len(ended), err
			}
			ended[list[i].Handle] = true
		}
	}
	return len(ended), &storeError{op: "end", err: errStillListed}
}

// end leaves a mark that ends a session, and deletes the session and its entry in the index.
func (u *Users) end(ctx context.Context, user string, l *listed) error {
	err := u.m.call(ctx, "end", func(ctx context.Context) error {
		if err := u.backend.marks.endLineage(ctx, user, l.lineage); err != nil {
			return err
		}
		if err := u.backend.store.Delete(ctx, u.backend.prefix+l.key); err != nil {
			return err
		}
		return u.backend.store.Delete(ctx, u.backend.indexPrefix(user)+l.key)
	})
	if err == nil {
		u.m.scopes.end(l.lineage)
		u.m.counters.ended.Add(1)
		observe.Emit(ctx, u.m.observer, observe.SessionLife{Action: observe.SessionRevoked, ID: l.ID, Reason: "ended by Revoke"})
	}
	return err
}

// ErrTooManySessions says that a user has Config.Limits.PerUser sessions already, and
// that Config.Limits.RefuseLogin refuses another. It answers 409.
var ErrTooManySessions error = tooManyError{}

type tooManyError struct{}

var _ middleware.Error = tooManyError{}

func (tooManyError) Error() string   { return "sessionstate: the user has too many sessions" }
func (tooManyError) StatusCode() int { return http.StatusConflict }

// Problem implements the toolkit's error interface.
func (tooManyError) Problem() middleware.Problem {
	return middleware.Problem{Detail: "You are logged in on too many devices. Log out on one of them first."}
}

// lastMark returns the name of the user's last mark, for a Login.
func (u *Users) lastMark(ctx context.Context, user string) (mark string, err error) {
	if u.scan == nil {
		return "", nil
	}
	err = u.m.call(ctx, "load", func(ctx context.Context) error {
		mark, err = u.backend.marks.last(ctx, user)
		return err
	})
	return mark, err
}

// admit refuses a login beyond Limits.PerUser if Limits.RefuseLogin is set. own is the lineage of
// the session that logs in, if it belongs to the user already.
func (u *Users) admit(ctx context.Context, user, own string) error {
	if !u.refuse {
		return nil
	}
	list, err := u.List(ctx, user)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(info SessionInfo) bool { return own != "" && info.Handle == handleOf(own) })
	if len(list) >= u.perUser {
		return ErrTooManySessions
	}
	return nil
}

// limit ends the oldest sessions of a user who has too many after a login or, with
// Limits.RefuseLogin, the session that has just logged in. Failures are told to the observer.
func (u *Users) limit(ctx context.Context, after *snapshot) error {
	if u.perUser == 0 {
		return nil
	}
	if u.refuse {
		// A login that sees too many sessions gives way, at the latest the one that
		// is saved last. Without turns, more logins than necessary would give way.
		if release, _, err := u.turns.acquire(ctx, after.record.user, u.m.timeout); err == nil {
			defer release()
		}
	}
	list, _ := u.List(ctx, after.record.user) // sessions that cannot be read do not count
	own := handleOf(after.lineage())
	if u.refuse {
		if len(list) <= u.perUser || !slices.ContainsFunc(list, func(info SessionInfo) bool { return info.Handle == own }) {
			return nil
		}
		_, _ = u.End(ctx, after.record.user, own)
		return ErrTooManySessions
	}
	list = slices.DeleteFunc(list, func(info SessionInfo) bool { return info.Handle == own })
	over := list[:max(0, len(list)+1-u.perUser)]
	if len(over) > 0 {
		_, _ = u.endAll(ctx, after.record.user, func(l *listed) bool {
			return slices.ContainsFunc(over, func(info SessionInfo) bool { return info.Handle == l.Handle })
		})
	}
	return nil
}

// Handle returns the name of the session for [Users.End], empty for a new
// visitor. It is no secret, and stays when the session gets a new id, unless
// somebody else logs in. It loads the session.
func (s *State) Handle() string {
	_ = s.load() // a failed load has no session
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.base.known() {
		return ""
	}
	return handleOf(s.base.lineage())
}
