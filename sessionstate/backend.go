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

// snapshot is a session as it was found or left.
type snapshot struct {
	id       sessionID
	exists   bool   // there is one
	cookie   string // its value, where a third-party store needs it
	spilled  string // names what its cookie has left to Config.CookieMode.Spill, loaded or not
	version  uint64 // of the record in its store
	record   record
	read     time.Time // when a store had it
	deadline time.Time // when it ends if it is left alone; zero: never
	stale    bool      // its cookie was sealed with an older key
	touched  int64     // Unix milliseconds: when a visit was last noted beside its cookie; 0: it was not
}

func (h *snapshot) known() bool { return h.exists }

// root is what CSRF tokens are bound to: pages that are open keep working when
// the id is renewed by time, and stop when it is renewed for safety.
func (h *snapshot) root() string {
	if h.record.root != "" {
		return h.record.root
	}
	sum := h.id.sum()
	return string(sum[:])
}

// refusal says why a cookie is not that of a living session. It is no fault:
// the visitor is a new one.
type refusal struct {
	reason error
	action observe.SessionAction // empty: the cookie itself was not believed
	id     sessionID             // when action is set
}

// unread reports whether the session is there: the cookie is authentic, and
// what the store has for it makes no sense to us. A newer version of this
// package may have written it.
func (r *refusal) unread() bool { return r.action != "" && errors.Is(r.reason, errFormat) }

func isRefusal(err error) bool {
	_, ok := errors.AsType[*refusal](err)
	return ok
}

func (r *refusal) Error() string { return "sessionstate: refused: " + r.reason.Error() }

// backend is where sessions live.
type backend interface {
	// load returns the session of a cookie's value, which came with others. The
	// error is a *refusal, or a fault of a store.
	load(ctx context.Context, value string, sent http.Header) (snapshot, error)

	// reload returns a session as it is now. The error is a *refusal, or a fault
	// of a store.
	reload(ctx context.Context, h *snapshot) (snapshot, error)

	// save saves what is pending and notes there what came of it, or fails with
	// ErrEnded when the session has ended meanwhile. The functions of Update may
	// run again.
	save(ctx context.Context, p *pending) error

	// end ends a session for good, also under an id that it was given meanwhile:
	// then it sets h to that.
	end(ctx context.Context, h *snapshot) error

	// waits reports whether a call can take long: for a store elsewhere, or for
	// other requests.
	waits() bool

	// size is what a record takes of limit.
	size(r *record) (size, limit int)
}

// pending is one commit of a session: what it has to do, decided under the
// State's lock, and what came of it.
type pending struct {
	read         bool  // the response depends on a cookie
	personal     bool  // somebody may be logged in
	err          error // why the session could not be loaded
	mustFail     bool
	ended        []snapshot
	clearSite    bool
	flash        string
	hasFlash     bool        // flash is to be set, or deleted when empty
	earlyHeaders http.Header // of earlier saves
	strict       bool        // there is a caller to hear of every failure

	// For the backend, if save is set.
	save      bool
	base      snapshot
	next      record // base with the changes
	changes   changes
	renew     bool // give it the new id
	timed     bool // the same, but the old id leads to the new one for a while
	newID     sessionID
	touchOnly bool // nothing has changed: only move the deadline
	absent    bool // the visitor is not there: leave the deadline where it is
	now       time.Time

	// From the backend.
	before  record   // what the changes were in the end applied to
	after   snapshot // as it was saved
	cookie  string   // the new cookie value; empty: the visitor's is still right
	visit   string   // the new value of the cookie that notes visits; empty: nothing to note
	tries   int
	renewed bool // it had another id before
}

// maxTries bounds the attempts of one save.
const maxTries = 16

// alive refuses a session that is over.
func (h *snapshot) alive(now time.Time) error {
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
