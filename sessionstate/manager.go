package sessionstate

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reecho-go/reecho/internal/linewise"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
)

// Manager gives every request its session. It is a plugin for a
// middleware.Stack, and a middleware of its own. It is safe for concurrent use.
type Manager struct {
	cookie    CookieConfig
	style     style
	local     *local // nil: visitors on this machine are like all others
	plain     plainNotice
	begun     begun // what the slot of a request holds first
	flashName string
	visitName string
	codec     *codec
	values    Codec // nil: JSON
	backend   backend
	limits    limits
	timeout   time.Duration
	failOpen  bool
	keepOn5xx bool

	renewEvery  time.Duration
	afterCommit []Hook
	started     sync.Once         // Start tells its notices once
	misplaced   sync.Once         // CSRF tells once that it has no session
	onChange    map[string][]Hook // by key
	observer    observe.Observer
	logKey      []byte
	csrfKeys    [][]byte // as Secrets: the first makes tokens, all verify
	notices     []string
	typedLogin  sync.Once    // the notice of one
	revoked     *revocations // in server mode only of a library's cookies of other names
	foreign     *foreignManager
	promise     promise // of the store whose sessions are taken over
	users       *Users
	scopes      *scopes
	names       names // of keys
	counters    counters
	turns       turns
}

// New makes a Manager. All problems of c are reported together.
func New(c Config) (*Manager, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	m := &Manager{
		cookie:    c.Cookie,
		style:     newStyle(c.Cookie),
		flashName: c.Cookie.Name + flashSuffix,
		visitName: c.Cookie.Name + visitSuffix,
		limits:    limits{idle: unlessMax(c.Lifetime.Idle), absolute: unlessMax(c.Lifetime.Absolute)},
		timeout:   c.Failures.Timeout,
		failOpen:  c.Failures.Open,
		keepOn5xx: c.Failures.KeepOn5xx,
		onChange:  make(map[string][]Hook),
		observer:  c.Observer,
		values:    c.Codec,
		scopes:    newScopes(c.Limits.Newcomers),

		renewEvery: c.Lifetime.RenewEvery,
	}
	m.names.token = new(token)
	var errs []error
	for i, h := range c.Hooks {
		if err := m.names.claim(h.id); err != nil {
			errs = append(errs, linewise.Prefix(fmt.Sprintf("sessionstate: Config.Hooks[%d]: ", i), err, "sessionstate: "))
		}
		if h.onChange != nil {
			m.onChange[h.key] = append(m.onChange[h.key], h)
		} else {
			m.afterCommit = append(m.afterCommit, h)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	secrets := c.Secrets
	if len(secrets) == 0 {
		secrets = []Secret{randomSecret()}
		m.notices = append(m.notices, "Config.Secrets is empty: all sessions end with this process, and other processes do not know them")
	}
	var err error
	if m.codec, err = newCodec(secrets); err != nil {
		return nil, fmt.Errorf("sessionstate: derive keys: %w", err)
	}
	if m.logKey, err = subkey(secrets[0], infoLog); err != nil {
		return nil, fmt.Errorf("sessionstate: derive keys: %w", err)
	}
	for _, secret := range secrets {
		key, err := subkey(secret, infoCSRF)
		if err != nil {
			return nil, fmt.Errorf("sessionstate: derive keys: %w", err)
		}
		m.csrfKeys = append(m.csrfKeys, key)
	}
	if err := m.open(c); err != nil {
		return nil, err
	}
	m.promised(c)
	m.begun.m = m
	m.foreign = &foreignManager{m, rand.Text()}
	if c.Cookie.InsecureLocalhost {
		m.local = newLocal(c.Cookie)
	}
	return m, nil
}

// open makes the backend.
func (m *Manager) open(c Config) error {
	var err error
	if m.revoked, err = newRevocations(cmp.Or(c.CookieMode.Revocations, c.Store), c.Prefix+"revoked/", m.limits, m.warnOfMemoryList); err != nil {
		return err
	}
	m.users = &Users{m: m}
	if c.Store != nil {
		swap, _ := store.As[store.Swapper](c.Store)
		touch, _ := store.As[store.Toucher](c.Store)
		k := newStoreBackend(storeBackend{
			name: c.Cookie.Name, codec: m.codec, limits: m.limits, digest: m.digest,
			store: c.Store, swap: swap, touch: touch, prefix: c.Prefix, grace: c.Lifetime.Grace,
		})
		if scan, ok := store.As[store.Scanner](c.Store); ok {
			k.marks = marks{c.Store, swap, c.Prefix + "mark/"}
			m.users = &Users{m: m, k: k, scan: scan, most: c.Limits.PerUser, refuse: c.Limits.RefuseLogin}
		}
		m.backend = k
		return nil
	}
	k := cookieBackend{name: c.Cookie.Name, codec: m.codec, limits: m.limits, revoked: m.revoked, spill: newSpill(c.CookieMode.Spill, c.Prefix+"spill/")}
	if c.CookieMode.Foreign != nil {
		k.legacy = legacyCookies{c.CookieMode.Foreign.Cookies()}
		m.revoked.legacy = k.legacy.until()
		if kept := c.CookieMode.Foreign.Store(); kept != nil {
			m.backend = &foreignBackend{cookieBackend: k, store: kept}
			return nil
		}
	}
	m.backend = &k
	return nil
}

// warnOfMemoryList says what the built-in list of revocations cannot do.
func (m *Manager) warnOfMemoryList(ctx context.Context) {
	m.tell(ctx, "Config.CookieMode.Revocations is nil: logouts are remembered by this process only, so after a restart, or in another process, a copied cookie is logged in again")
}

// warnOfNoUser tells the observer, once, that sessions are logged out in which nobody
// has logged in by Login.
func (m *Manager) warnOfNoUser(ctx context.Context) {
	m.typedLogin.Do(func() {
		m.tell(ctx, "Destroy has ended a session without a user: if the app keeps its logins in keys of its own, or in values of another session library, name the user by State.Login as well; "+
			"until then they count as visitors, whom a flood of visitors may end before their time")
	})
}

// Must returns v, and panics if there is an error. It is for package variables
// and main functions: Must(New(Config{})).
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Name is the plugin's name, "sessionstate".
func (*Manager) Name() string { return "sessionstate" }

// Start tells the observer, once, what is not fit for production.
func (m *Manager) Start(ctx context.Context) error {
	m.started.Do(func() {
		for _, text := range m.notices {
			m.tell(ctx, text)
		}
	})
	return nil
}

// tell emits a notice.
func (m *Manager) tell(ctx context.Context, text string) {
	o := m.observer
	if o == nil {
		o = observe.Slog(nil)
	}
	observe.Emit(ctx, o, observe.Notice{Owner: m.Name(), Text: text})
}

// Close frees what the Manager has made itself; stores that it was given stay
// open. Requests that come later find their sessions unreachable in cookie
// mode with the built-in list of revocations.
func (m *Manager) Close(ctx context.Context) error {
	return m.revoked.close(ctx)
}

// digest is the session's name in events and logs.
func (m *Manager) digest(h *snapshot) string {
	if !h.known() {
		return ""
	}
	mac := hmac.New(sha256.New, m.logKey)
	mac.Write(h.id[:])
	return hex.EncodeToString(mac.Sum(nil)[:6])
}

const (
	// maxBelieved is how many authentic cookies of one name are looked up. It is
	// more than a browser keeps for a domain, so that no host beside ours can
	// hide a session behind its own. Others cost no call, and are not counted.
	maxBelieved = 200

	// maxRefusals is how many of them the observer is told of.
	maxRefusals = 10
)

// find returns the session that the request's cookies name, the first that is
// believed, and none for a new visitor. The error is an ErrStore.
//
// Unread are sessions that are there, but whose records cannot be read.
func (m *Manager) find(ctx context.Context, h http.Header) (found snapshot, unread []snapshot, err error) {
	refusals, believed := 0, 0
	for value := range cookies(h, m.cookie.Name) {
		found, err := m.load(ctx, value, h)
		r, refused := errors.AsType[*refusal](err)
		if !refused {
			return found, unread, err
		}
		if refusals++; refusals <= maxRefusals {
			m.refused(ctx, r, len(value))
		}
		if r.unread() {
			unread = append(unread, snapshot{id: r.id, exists: true})
		}
		if r.action != "" {
			if believed++; believed == maxBelieved {
				break
			}
		}
	}
	return snapshot{}, unread, nil
}

// others returns the sessions other than base that the request's cookies name: a
// browser may have several cookies of the name, of other paths and domains. The
// error is an ErrStore.
func (m *Manager) others(ctx context.Context, h http.Header, base *snapshot) (others []snapshot, err error) {
	values := slices.Collect(cookies(h, m.cookie.Name))
	if len(values) < 2 || !base.known() {
		return nil, nil
	}
	believed := 0
	for _, value := range values {
		found, err := m.load(ctx, value, h)
		r, refused := errors.AsType[*refusal](err)
		if err == nil || refused && r.action != "" {
			if believed++; believed > maxBelieved {
				break
			}
		}
		switch {
		case refused:
		case err != nil:
			return nil, err
		case found.id != base.id && !slices.ContainsFunc(others, func(o snapshot) bool { return o.id == found.id }):
			others = append(others, found)
		}
	}
	return others, nil
}

// load asks the backend, within the time that it has.
func (m *Manager) load(ctx context.Context, value string, sent http.Header) (h snapshot, err error) {
	err = m.call(ctx, "load", func(ctx context.Context) error {
		h, err = m.backend.load(ctx, value, sent)
		return err
	})
	if err != nil {
		return snapshot{}, err
	}
	return h, nil
}

// call bounds a call of the backend and turns faults into ErrStore. Other
// errors, which are answers, pass.
func (m *Manager) call(ctx context.Context, op string, f func(context.Context) error) error {
	began := time.Now()
	bounded, cancel := m.bounded(ctx)
	defer cancel()
	return m.fault(ctx, op, began, panics.Catch(func() error { return f(bounded) }))
}

// bounded returns the context of a call of the backend.
func (m *Manager) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if !m.backend.waits() { // a timer costs more than all of a call that does not
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, m.timeout)
}

// fault makes an ErrStore of what a call of the backend ended with, and tells
// the observer, unless it is an answer.
func (m *Manager) fault(ctx context.Context, op string, began time.Time, err error) error {
	if err == nil || isAnswer(err) {
		return err
	}
	err = &storeError{op: op, err: err}
	m.counters.failures.Add(1)
	observe.Emit(ctx, m.observer, observe.StoreFailure{Owner: m.Name(), Op: op, Took: time.Since(began), Err: err})
	return err
}

// isAnswer reports whether err is not the store's fault.
func isAnswer(err error) bool {
	if _, ok := errors.AsType[*refusal](err); ok {
		return true
	}
	return errors.Is(err, ErrEnded) || errors.Is(err, ErrTooLarge)
}

// refused tells the observer of a cookie that stands for no session.
func (m *Manager) refused(ctx context.Context, r *refusal, size int) {
	m.counters.refused.Add(1)
	if r.action == "" {
		observe.Emit(ctx, m.observer, observe.SessionRefused{Reason: r.reason.Error(), Size: size})
		return
	}
	id := m.digest(&snapshot{id: r.id, exists: true})
	observe.Emit(ctx, m.observer, observe.SessionLife{Action: r.action, ID: id, Reason: r.reason.Error()})
}

// report counts a step of a session, and tells the observer of it.
func (m *Manager) report(ctx context.Context, action observe.SessionAction, h *snapshot) {
	m.counters.count(action)
	observe.Emit(ctx, m.observer, observe.SessionLife{Action: action, ID: m.digest(h)})
}

// fits refuses a record that could not be saved.
func (m *Manager) fits(key string, r *record) error {
	if size, limit := m.backend.size(r); size > limit {
		return tooLarge(key, r, size, limit)
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
