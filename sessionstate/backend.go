package sessionstate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// snapshot is the state of a session when it was read or written.
type snapshot struct {
	id       sessionID
	exists   bool   // false: the visitor has no session
	cookie   string // the cookie's value, where a third-party store needs it
	spilled  string // names the part in Config.CookieMode.Spill, loaded or not; empty: none
	version  uint64 // of the record in its store
	record   record
	read     time.Time // when it was last read from its store
	deadline time.Time // when it ends if it is not used; zero: never
	stale    bool      // its cookie was sealed with an older key, or has an older id
	touched  int64     // Unix milliseconds: the last visit in the cookie of visits; 0: none
}

func (h *snapshot) known() bool { return h.exists }

// root returns the digest to which CSRF tokens are bound. It stays when RenewEvery
// renews the id, so that open pages keep working, and changes with Login and Renew.
func (h *snapshot) root() string {
	if h.record.root != "" {
		return h.record.root
	}
	sum := h.id.sum()
	return string(sum[:])
}

// refusal says why a cookie does not name an existing session. It is not an error of the server:
// the visitor counts as new.
type refusal struct {
	reason error
	action observe.SessionAction // empty: the cookie itself is not authentic
	id     sessionID             // set if action is
}

// unread reports whether the session exists but cannot be read: the cookie is authentic,
// and the record in the store is malformed. A newer version of this package may have
// written it.
func (r *refusal) unread() bool { return r.action != "" && errors.Is(r.reason, errFormat) }

func isRefusal(err error) bool {
	_, ok := errors.AsType[*refusal](err)
	return ok
}

func (r *refusal) Error() string { return "sessionstate: refused: " + r.reason.Error() }

// backend keeps the sessions.
type backend interface {
	// load returns the session for a cookie's value. sent are the headers of the
	// request. The error is a *refusal, or a fault of a store.
	load(ctx context.Context, value string, sent http.Header) (snapshot, error)

	// reload returns the current state of a session. The error is a *refusal, or a fault
	// of a store.
	reload(ctx context.Context, h *snapshot) (snapshot, error)

	// save carries out the commit p and writes the outcome to p, or fails with ErrEnded if
	// the session has ended meanwhile. It may run the functions of Update again.
	save(ctx context.Context, p *pending) error

	// end ends a session. If the session has got a new id in the meantime, end follows it,
	// and sets h to the session that it has ended.
	end(ctx context.Context, h *snapshot) error

	// waits reports whether a call can take long, because it waits for a store or
	// for other requests.
	waits() bool

	// size returns how many bytes a record takes, and the limit.
	size(r *record) (size, limit int)
}

// pending is one commit of a session: its input, decided under the State's lock, and its
// outcome.
type pending struct {
	read         bool  // the response depends on a cookie
	personal     bool  // a user may be logged in
	err          error // why the session could not be loaded
	mustFail     bool
	ended        []snapshot
	clearSite    bool
	flash        string
	hasFlash     bool        // the cookie of messages is set to flash, or deleted if that is empty
	earlyHeaders http.Header // of earlier saves
	strict       bool        // every failure is returned, because a caller waits for it

	// For the backend, if save is set.
	save      bool
	base      snapshot
	next      record // base with the changes
	changes   changes
	renew     bool // give it the new id, for Login and Renew
	timed     bool // give it the new id, for RenewEvery: the old one leads to it for a while
	newID     sessionID
	touchOnly bool // nothing has changed: only move the deadline
	absent    bool // not a visit: do not move the deadline
	now       time.Time

	// From the backend.
	before  record   // the record to which the changes were finally applied
	after   snapshot // the session as it was saved
	cookie  string   // the new cookie value; empty: the visitor's cookie stays
	visit   string   // the new value of the cookie of visits; empty: unchanged
	tries   int
	renewed bool // it had another id before
}

// maxTries bounds the attempts of one save.
const maxTries = 16

// checkDeadline returns an error if the session is over.
func (h *snapshot) checkDeadline(now time.Time) error {
	if !h.deadline.IsZero() && !now.Before(h.deadline) {
		return &refusal{errors.New("it has expired"), observe.SessionExpired, h.id}
	}
	return nil
}

// maxLargest is how many keys a sizeError names.
const maxLargest = 5

func tooLarge(key string, r *record, size, limit int) *sizeError {
	key, _ = splitTab(key)
	e := &sizeError{key: key, size: size, limit: limit}
	for _, en := range r.entries {
		name := strings.ReplaceAll(en.name, tabMark, "@")
		e.largest = append(e.largest, keySize{name, len(en.name) + len(en.raw)})
	}
	slices.SortStableFunc(e.largest, func(a, b keySize) int { return b.size - a.size })
	e.largest = e.largest[:min(len(e.largest), maxLargest)]
	return e
}
