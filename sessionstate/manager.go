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
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
)

// Config is the setting of a [Manager]. The zero value keeps sessions in
// encrypted cookies that end with the process.
type Config struct {
	// Secrets seal the cookies: the first seals, all open. To rotate, put a
	// new one first and keep the others until their sessions are over; cookies
	// are sealed again when their visitors come back. Default: nil, a random
	// secret: then all sessions end with the process, and other processes do
	// not know them; Start tells the observer. See [SecretFile].
	Secrets []Secret

	// Store keeps the sessions; it must have the capability of compare-and-swap
	// (store.Swapper). It stays the caller's to close. Default: nil, they are
	// kept in the cookies (cookie mode; the package comment says what that
	// cannot do).
	Store store.Store

	// Foreign is sessions that the app has in another session library, which are
	// taken over: from cookies (gorillastate.TakeOver), or by keeping them in that
	// library's store (gorillastate.KeepIn), with the promises of cookie mode. What
	// the old store promised of their lifetime is kept; Start tells the observer.
	// Refused with Store, and a library's store with Spill too. Default: nil.
	Foreign Foreign

	// Revocations keeps the ids of sessions that were ended before their time,
	// so that a copied cookie is dead too. One store must serve all processes
	// that share the secrets; it must have the capability of compare-and-swap
	// (store.Swapper). It stays the caller's to close. Refused with Store, which
	// needs none. Default: nil, the memory of this process: a restart and other
	// processes forget who logged out; the observer is told when the first does.
	//
	// In memory or in a store, it takes at most 50 MiB, and cannot be filled: it is
	// kept on pages, and one that is full ends the sessions of its part, a
	// thousandth or less, that were made before those that it remembers. Some
	// 300,000 logouts of users are remembered one by one, and as many of visitors;
	// one who logs out again and again ends no sessions but that user's own.
	Revocations store.Store

	// Spill takes from sessions in cookies what does not fit: the largest values
	// move there, the others stay in the cookie and are read without it. All else
	// of cookie mode stays as it is, but that a session may have 1 MiB; what moves
	// is not encrypted there. Values that
	// the store has lost read as their defaults, and the observer is told. One
	// store must serve all processes that share the secrets; it stays the caller's
	// to close. Refused with Store and a library's store. Default: nil, what does not fit is
	// an [ErrTooLarge].
	Spill store.Store

	// Prefix starts all keys in the stores. Default: "session/".
	Prefix string

	// Idle ends a session that is not used for so long. It is kept to within a
	// tenth, since not every request notes a visit. Default: 0, 30 minutes.
	// math.MaxInt64 is no such limit. Negative is refused.
	Idle time.Duration

	// Absolute ends a session so long after it began, or after its Login.
	// At least Idle.
	// Default: 0, 24 hours. math.MaxInt64 is no such limit. Negative is refused.
	Absolute time.Duration

	// RenewEvery gives a session a new id so long after its last, so that a
	// stolen one does not last. Requests with the old id that come within
	// Grace get the new one too, all the same one. Refused without Store: in
	// cookie mode there is nothing that would make them agree. At least a
	// second. Default: 0, never. Negative is refused.
	RenewEvery time.Duration

	// Grace is how long an id works after RenewEvery has replaced it; after
	// Login and Renew it is dead at once. Default: 0, 10 seconds. A nanosecond is
	// no time at all, which loses what parallel requests write. Negative is refused.
	Grace time.Duration

	// MaxPerUser is how many sessions a user may have: a Login that makes one
	// more ends those whose Login is the longest ago. It needs a Store that can
	// list (store.Scanner). Default: 0, no limit. Negative is refused.
	MaxPerUser int

	// RefuseLogin lets a Login beyond MaxPerUser fail with [ErrTooManySessions]
	// instead. Of logins that come at the same moment some may find that out when
	// they are saved: then the response becomes that error. Refused without
	// MaxPerUser. Default: false.
	RefuseLogin bool

	// MaxNewcomers is how many visitors who have not sent their cookie back yet
	// may have entries in caches and resources of session scope: one more ends
	// the entries, not the session, of the one who came first. So clients that
	// never keep cookies cannot fill the memory. Default: 0, 1,000. math.MaxInt
	// is any number. Negative is refused.
	MaxNewcomers int

	// Cookie is how the cookie looks. Default: see [CookieConfig].
	Cookie CookieConfig

	// Insecure drops Secure from the cookie, for plain HTTP to any host. Then
	// everybody on the network can take over sessions. It is not needed for
	// HTTPS behind a proxy, nor on localhost, 127.0.0.1 and [::1] with Chromium
	// and Firefox, which keep Secure cookies there; WebKit (Safari) does not, see
	// InsecureLocalhost. Without it, the first Secure cookie over plain HTTP
	// tells the observer. Refused with a name that starts with __Host- or
	// __Secure-, which browsers refuse without Secure. Default: false.
	Insecure bool

	// InsecureLocalhost drops Secure, and a __Host- or __Secure- prefix of the
	// name, from the cookies of visitors on this machine alone: requests over
	// plain HTTP from a loopback address to localhost or a loopback address, with
	// no sign of a proxy. So development works in every browser, WebKit (Safari)
	// too, and who leaves it set in production changes nothing for visitors from
	// elsewhere; those of a proxy on the same machine are told by its Host,
	// X-Forwarded-..., Forwarded, Via or HTTP/1.0. Their cookies are Lax instead of
	// None, and not Partitioned. Refused with Insecure. Default: false.
	InsecureLocalhost bool

	// FailOpen treats visitors whose session cannot be reached as new ones, whose
	// changes are refused or dropped; no cookie is set, and only a Destroy that
	// fails still answers 503. Default: false, fail closed: every request that used
	// the session is a 503.
	FailOpen bool

	// StoreTimeout bounds each load and each save. A save goes on when the
	// client hangs up, until then. It works through the context: a store that
	// ignores it is waited for. Default: 0, 2 seconds. Negative is refused.
	StoreTimeout time.Duration

	// KeepOn5xx saves the changes of responses with a 5xx status too.
	// Default: false, they are dropped.
	KeepOn5xx bool

	// Codec keeps the values of keys, such as that of module
	// sessionstate/cborcodec. Values that were kept as JSON before can still be
	// read; those of another Codec cannot, and read as defaults. Default: nil,
	// JSON.
	Codec Codec

	// Hooks are called when keys change, in order. See [Key.OnChange] and
	// [Key.AfterCommit]. Default: none.
	Hooks []Hook

	// Observer is told of refused cookies, ended sessions, conflicts, values
	// that cannot be decoded, and failures of the stores. Default: nil,
	// nobody; notices at the start then go to slog.Default().
	Observer observe.Observer
}

// Manager gives every request its session. It is a plugin for a
// middleware.Stack, and a middleware of its own. It is safe for concurrent use.
type Manager struct {
	cookie    CookieConfig
	look      look
	local     *local // nil: visitors on this machine are like all others
	plain     plainNotice
	begun     begun // what the slot of a request holds first
	flashName string
	visitName string
	codec     *codec
	values    Codec // nil: JSON
	keeper    keeper
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
		look:      newLook(c.Cookie, c.Insecure),
		flashName: c.Cookie.Name + flashSuffix,
		visitName: c.Cookie.Name + visitSuffix,
		limits:    limits{idle: unlessMax(c.Idle), absolute: unlessMax(c.Absolute)},
		timeout:   c.StoreTimeout,
		failOpen:  c.FailOpen,
		keepOn5xx: c.KeepOn5xx,
		onChange:  make(map[string][]Hook),
		observer:  c.Observer,
		values:    c.Codec,
		scopes:    newScopes(c.MaxNewcomers),

		renewEvery: c.RenewEvery,
	}
	for _, h := range c.Hooks {
		if h.onChange != nil {
			m.onChange[h.key] = append(m.onChange[h.key], h)
		} else {
			m.afterCommit = append(m.afterCommit, h)
		}
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
	if c.InsecureLocalhost {
		m.local = newLocal(c.Cookie)
	}
	return m, nil
}

// open makes the keeper.
func (m *Manager) open(c Config) error {
	var err error
	if m.revoked, err = newRevocations(cmp.Or(c.Revocations, c.Store), c.Prefix+"revoked/", m.limits, m.forgetful); err != nil {
		return err
	}
	m.users = &Users{m: m}
	if c.Store != nil {
		swap, _ := store.As[store.Swapper](c.Store)
		touch, _ := store.As[store.Toucher](c.Store)
		k := newStoreKeeper(storeKeeper{
			name: c.Cookie.Name, codec: m.codec, limits: m.limits, digest: m.digest,
			store: c.Store, swap: swap, touch: touch, prefix: c.Prefix, grace: c.Grace,
		})
		if scan, ok := store.As[store.Scanner](c.Store); ok {
			k.marks = marks{c.Store, swap, c.Prefix + "mark/"}
			m.users = &Users{m: m, k: k, scan: scan, most: c.MaxPerUser, refuse: c.RefuseLogin}
		}
		m.keeper = k
		return nil
	}
	k := cookieKeeper{name: c.Cookie.Name, codec: m.codec, limits: m.limits, revoked: m.revoked, spill: newSpill(c.Spill, c.Prefix+"spill/")}
	if c.Foreign != nil {
		k.legacy = legacyCookies{c.Foreign.Cookies()}
		m.revoked.legacy = k.legacy.until()
		if theirs := c.Foreign.Store(); theirs != nil {
			m.keeper = &thirdKeeper{cookieKeeper: k, store: theirs}
			return nil
		}
	}
	m.keeper = &k
	return nil
}

// forgetful says what the built-in list of revocations cannot do.
func (m *Manager) forgetful(ctx context.Context) {
	m.tell(ctx, "Config.Revocations is nil: who logged out is kept in memory, and forgotten by a restart and by other processes")
}

// nobody tells the observer, once, that sessions are logged out in which nobody
// has logged in by Login.
func (m *Manager) nobody(ctx context.Context) {
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

// unlessMax is a limit as this package keeps it: 0 is none.
func unlessMax(d time.Duration) time.Duration {
	if d == math.MaxInt64 {
		return 0
	}
	return d
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.Cookie = c.Cookie.withDefaults(c.Insecure)
	if c.Prefix == "" {
		c.Prefix = "session/"
	}
	if c.Idle == 0 {
		c.Idle = 30 * time.Minute
	}
	if c.Absolute == 0 {
		c.Absolute = max(24*time.Hour, unlessMax(c.Idle))
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if c.MaxNewcomers == 0 {
		c.MaxNewcomers = 1000
	}
	if c.StoreTimeout == 0 {
		c.StoreTimeout = 2 * time.Second
	}
	return c
}

// maxPrefix bounds Config.Prefix.
const maxPrefix = 512

// check finds everything that is wrong with a complete config.
func (c Config) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("sessionstate: Config."+format, args...))
	}
	errs = append(errs, checkSecrets(c.Secrets), c.Cookie.check(c.Insecure))
	if c.Insecure && c.InsecureLocalhost {
		bad("InsecureLocalhost is set, and Insecure too, which is for every host: drop one of them")
	}
	if c.InsecureLocalhost && withoutPrefix(c.Cookie.Name) == "" {
		bad("Cookie.Name is %q, of which InsecureLocalhost leaves nothing: add letters to it", c.Cookie.Name)
	}
	if c.Store != nil {
		if _, ok := store.As[store.Swapper](c.Store); !ok {
			bad("Store is a %T without compare-and-swap (store.Swapper), so it would lose updates: use one that has it, such as memstore, or none for cookie mode", c.Store)
		}
		if c.Revocations != nil {
			bad("Revocations is set, and Store too, which forgets ended sessions by itself: drop Revocations")
		}
	}
	if _, ok := store.As[store.Swapper](c.Revocations); c.Revocations != nil && !ok {
		bad("Revocations is a %T without compare-and-swap (store.Swapper), so a logout at the same moment as another could be lost: use one that has it, or none for a list in memory", c.Revocations)
	}
	if c.Foreign != nil {
		theirs, cookies := c.Foreign.Store(), c.Foreign.Cookies()
		if c.Store != nil {
			bad("Foreign is set, and Store too: sessions of another library can only be taken over into cookies, or stay in its store; drop one of them")
		}
		if theirs == nil && (cookies == nil || cookies.Decode == nil || cookies.Until == 0) {
			bad("Foreign is incomplete: give gorillastate.KeepIn a store, and gorillastate.TakeOver one with Codecs and the time at which it ends")
		}
		if theirs != nil && c.Spill != nil {
			bad("Foreign keeps the sessions in the store of another library, and Spill is set: only sessions in cookies can be too large for them; drop Spill")
		}
	}
	if c.Spill != nil && c.Store != nil {
		bad("Spill is set, and Store too: only sessions in cookies can be too large for them; drop Spill")
	}
	if c.RenewEvery < 0 || c.RenewEvery > 0 && c.RenewEvery < time.Second {
		bad("RenewEvery is %v: use at least a second, or 0 for never", c.RenewEvery)
	}
	if c.RenewEvery > 0 && c.Store == nil {
		bad("RenewEvery is %v, which needs a Store: in cookie mode parallel requests could not agree on a new id", c.RenewEvery)
	}
	if c.MaxPerUser < 0 {
		bad("MaxPerUser is %d: use 0 for no limit", c.MaxPerUser)
	}
	if _, ok := store.As[store.Scanner](c.Store); c.MaxPerUser > 0 && !ok {
		bad("MaxPerUser is %d, which needs a Store that can list (store.Scanner), such as memstore", c.MaxPerUser)
	}
	if c.RefuseLogin && c.MaxPerUser == 0 {
		bad("RefuseLogin is set, and MaxPerUser is 0, no limit: set MaxPerUser")
	}
	if c.MaxNewcomers < 0 {
		bad("MaxNewcomers is %d: use 0 for 1,000, or math.MaxInt for any number", c.MaxNewcomers)
	}
	if c.Grace < 0 {
		bad("Grace is %v: use 0 for 10 seconds, or a nanosecond for no time at all", c.Grace)
	}
	if len(c.Prefix) > maxPrefix {
		bad("Prefix has %d bytes: use at most %d", len(c.Prefix), maxPrefix)
	}
	if c.Idle < time.Second || unlessMax(c.Idle).Seconds() > maxSeconds {
		bad("Idle is %v: use at least a second, 0 for 30 minutes, or math.MaxInt64 for no limit", c.Idle)
	}
	if c.Absolute < time.Second || unlessMax(c.Absolute).Seconds() > maxSeconds {
		bad("Absolute is %v: use at least a second, 0 for 24 hours, or math.MaxInt64 for no limit", c.Absolute)
	}
	if idle := unlessMax(c.Idle); idle > c.Absolute {
		bad("Absolute is %v, less than Idle, %v: make it longer, or Idle shorter", c.Absolute, c.Idle)
	}
	if c.StoreTimeout < 0 {
		bad("StoreTimeout is %v: use 0 for 2 seconds", c.StoreTimeout)
	}
	for i, h := range c.Hooks {
		if h.key == "" {
			bad("Hooks[%d] is empty: make hooks with Key.OnChange and Key.AfterCommit", i)
		}
	}
	return errors.Join(errs...)
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
func (m *Manager) digest(h *held) string {
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
// believed, and none for a new visitor. The error is a *StoreError.
//
// Unread are sessions that are there, but whose records cannot be read.
func (m *Manager) find(ctx context.Context, h http.Header) (found held, unread []held, err error) {
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
			unread = append(unread, held{id: r.id, exists: true})
		}
		if r.action != "" {
			if believed++; believed == maxBelieved {
				break
			}
		}
	}
	return held{}, unread, nil
}

// others returns the sessions other than base that the request's cookies name: a
// browser may have several cookies of the name, of other paths and domains. The
// error is a *StoreError.
func (m *Manager) others(ctx context.Context, h http.Header, base *held) (others []held, err error) {
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
		case found.id != base.id && !slices.ContainsFunc(others, func(o held) bool { return o.id == found.id }):
			others = append(others, found)
		}
	}
	return others, nil
}

// load asks the keeper, within the time that it has.
func (m *Manager) load(ctx context.Context, value string, sent http.Header) (h held, err error) {
	err = m.call(ctx, "load", func(ctx context.Context) error {
		h, err = m.keeper.load(ctx, value, sent)
		return err
	})
	if err != nil {
		return held{}, err
	}
	return h, nil
}

// call bounds a call of the keeper and turns faults into *StoreError. Other
// errors, which are answers, pass.
func (m *Manager) call(ctx context.Context, op string, f func(context.Context) error) error {
	began := time.Now()
	bounded, cancel := m.bounded(ctx)
	defer cancel()
	return m.fault(ctx, op, began, panics.Catch(func() error { return f(bounded) }))
}

// bounded returns the context of a call of the keeper.
func (m *Manager) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if !m.keeper.waits() { // a timer costs more than all of a call that does not
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, m.timeout)
}

// fault makes a *StoreError of what a call of the keeper ended with, and tells
// the observer, unless it is an answer.
func (m *Manager) fault(ctx context.Context, op string, began time.Time, err error) error {
	if err == nil || isAnswer(err) {
		return err
	}
	err = &StoreError{Op: op, Err: err}
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
	id := m.digest(&held{id: r.id, exists: true})
	observe.Emit(ctx, m.observer, observe.SessionLife{Action: r.action, ID: id, Reason: r.reason.Error()})
}

// report counts a step of a session, and tells the observer of it.
func (m *Manager) report(ctx context.Context, action observe.SessionAction, h *held) {
	m.counters.count(action)
	observe.Emit(ctx, m.observer, observe.SessionLife{Action: action, ID: m.digest(h)})
}

// fits refuses a record that could not be saved.
func (m *Manager) fits(key string, r *record) error {
	if size, limit := m.keeper.size(r); size > limit {
		return tooLarge(key, r, size, limit)
	}
	return nil
}

// maxLargest is how many keys a SizeError names.
const maxLargest = 5

func tooLarge(key string, r *record, size, limit int) *SizeError {
	key, _ = splitTab(key)
	e := &SizeError{Key: key, Size: size, Limit: limit}
	for _, en := range r.entries {
		name := strings.ReplaceAll(en.name, tabMark, "@")
		e.Largest = append(e.Largest, KeySize{name, len(en.name) + len(en.raw)})
	}
	slices.SortStableFunc(e.Largest, func(a, b KeySize) int { return b.Size - a.Size })
	e.Largest = e.Largest[:min(len(e.Largest), maxLargest)]
	return e
}
