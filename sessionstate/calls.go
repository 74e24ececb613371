package sessionstate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// call calls the backend within the timeout, and turns faults into ErrStore. Errors that are
// answers pass as they are.
func (m *Manager) call(ctx context.Context, op string, f func(context.Context) error) error {
	began := time.Now()
	bounded, cancel := m.bounded(ctx)
	defer cancel()
	return m.fault(ctx, op, began, panics.Catch(func() error { return f(bounded) }))
}

// bounded returns the context of a call of the backend.
func (m *Manager) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if !m.backend.waits() { // a timer would cost more than the whole call
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, m.timeout)
}

// fault turns the error of a call of the backend into an ErrStore and tells the observer,
// unless the error is nil or an answer.
func (m *Manager) fault(ctx context.Context, op string, began time.Time, err error) error {
	if err == nil || isAnswer(err) {
		return err
	}
	err = &storeError{op: op, err: err}
	m.counters.failures.Add(1)
	observe.Emit(ctx, m.observer, observe.StoreFailure{Owner: m.Name(), Op: op, Took: time.Since(began), Err: err})
	return err
}

// isAnswer reports whether err is an answer, and not a fault of the store.
func isAnswer(err error) bool {
	if _, ok := errors.AsType[*refusal](err); ok {
		return true
	}
	return errors.Is(err, ErrEnded) || errors.Is(err, ErrTooLarge)
}

// fits returns an error for a record that is too large to be saved.
func (m *Manager) fits(key string, r *record) error {
	if size, limit := m.backend.size(r); size > limit {
		return tooLarge(key, r, size, limit)
	}
	return nil
}

// digest returns the session's name in events and logs.
func (m *Manager) digest(h *snapshot) string {
	if !h.known() {
		return ""
	}
	mac := hmac.New(sha256.New, m.logKey)
	mac.Write(h.id[:])
	return hex.EncodeToString(mac.Sum(nil)[:6])
}

// report counts a step of a session, and tells the observer of it.
func (m *Manager) report(ctx context.Context, action observe.SessionAction, h *snapshot) {
	m.counters.count(action)
	observe.Emit(ctx, m.observer, observe.SessionLife{Action: action, ID: m.digest(h)})
}

// refused tells the observer of a cookie that names no session.
func (m *Manager) refused(ctx context.Context, r *refusal, size int) {
	m.counters.refused.Add(1)
	if r.action == "" {
		observe.Emit(ctx, m.observer, observe.SessionRefused{Reason: r.reason.Error(), Size: size})
		return
	}
	id := m.digest(&snapshot{id: r.id, exists: true})
	observe.Emit(ctx, m.observer, observe.SessionLife{Action: r.action, ID: id, Reason: r.reason.Error()})
}

// notify emits a notice.
func (m *Manager) notify(ctx context.Context, text string) {
	o := m.observer
	if o == nil {
		o = observe.Slog(nil)
	}
	observe.Emit(ctx, o, observe.Notice{Owner: m.Name(), Text: text})
}

// warnOfMemoryList tells the observer what the built-in list of revocations cannot do.
func (m *Manager) warnOfMemoryList(ctx context.Context) {
	m.notify(ctx, "Config.CookieMode.Revocations is nil: logouts are remembered by this process only, so after a restart, or in another process, a copied cookie is logged in again")
}

// warnOfNoUser tells the observer, once, that sessions are logged out in which nobody
// has logged in by Login.
func (m *Manager) warnOfNoUser(ctx context.Context) {
	m.typedLogin.Do(func() {
		m.notify(ctx, "Destroy has ended a session without a user: if the app keeps its logins in keys of its own, or in values of another session library, name the user by State.Login as well; "+
			"until then they count as visitors, whom a flood of visitors may end before their time")
	})
}

func (n *plainNotice) see(m *Manager, r *http.Request) {
	if n.sent.Load() || !isPlain(r) || n.sent.Swap(true) {
		return
	}
	m.notify(context.WithoutCancel(r.Context()), "a cookie with Secure is being set over plain HTTP: browsers drop it, so that no session lasts, except on localhost, where WebKit (Safari) drops it too. "+
		"If a proxy in front speaks HTTPS with them, put ctxinfo with Config.Proxies before the sessions; for development on localhost set Config.Cookie.InsecureLocalhost, for other plain HTTP Config.Cookie.Insecure")
}
