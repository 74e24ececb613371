package sessionstate

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// held is a session as it was found or left.
type held struct {
	id       sessionID
	exists   bool   // there is one
	cookie   string // its value, where a third-party store needs it
	spilled  string // names what its cookie has left to Config.Spill, loaded or not
	version  uint64 // of the record in its store
	record   record
	read     time.Time // when a store had it
	deadline time.Time // when it ends if it is left alone; zero: never
	stale    bool      // its cookie was sealed with an older key
	touched  int64     // Unix milliseconds: when a visit was last noted beside its cookie; 0: it was not
}

func (h *held) known() bool { return h.exists }

// root is what CSRF tokens are bound to: pages that are open keep working when
// the id is renewed by time, and stop when it is renewed for safety.
func (h *held) root() string {
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

// keeper is where sessions live.
type keeper interface {
	// load returns the session of a cookie's value, which came with others. The
	// error is a *refusal, or a fault of a store.
	load(ctx context.Context, value string, sent http.Header) (held, error)

	// reload returns a session as it is now. The error is a *refusal, or a fault
	// of a store.
	reload(ctx context.Context, h *held) (held, error)

	// save saves what is pending and notes there what came of it, or fails with
	// ErrEnded when the session has ended meanwhile. The functions of Update may
	// run again.
	save(ctx context.Context, p *pending) error

	// end ends a session for good, also under an id that it was given meanwhile:
	// then it sets h to that.
	end(ctx context.Context, h *held) error

	// waits reports whether a call can take long: for a store elsewhere, or for
	// other requests.
	waits() bool

	// size is what a record takes of limit.
	size(r *record) (size, limit int)
}

// alive refuses a session that is over.
func (h *held) alive(now time.Time) error {
	if !h.deadline.IsZero() && !now.Before(h.deadline) {
		return &refusal{errors.New("its time is over"), observe.SessionExpired, h.id}
	}
	return nil
}
