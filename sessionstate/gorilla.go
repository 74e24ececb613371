package sessionstate

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/reecho-go/reecho/internal/commit"
)

// recordKey is the one entry of a gorilla session's Values that is ours: the
// id and the record, as bytes.
const recordKey = "_ss"

// gorillaStore is the Manager as a sessions.Store.
type gorillaStore struct {
	m       *Manager
	cookies *sessions.CookieStore // seals, opens and writes cookies of other names
	mark    string                // the ID of sessions that New has made
}

var _ sessions.Store = (*gorillaStore)(nil)

// FromGorilla returns a third-party store for gorilla/sessions as Config.Gorilla
// takes it.
func FromGorilla(s sessions.Store) *GorillaStore { return &GorillaStore{s} }

// GorillaStore is a third-party store for gorilla/sessions; [FromGorilla] makes
// it.
type GorillaStore struct{ store sessions.Store }

// LegacyCookies are cookies that a CookieStore of gorilla/sessions has set;
// [FromCodecs] makes it.
type LegacyCookies struct {
	until   time.Time
	codecs  []securecookie.Codec
	promise promise
}

// FromCodecs returns what Config.Legacy takes: the Codecs of the CookieStore that
// an app had before, and the time from which on their cookies are refused. Until
// then a cookie of before whose session has been logged out stays in the list of
// revocations; no later than the old store's MaxAge, after the last was set, is
// late enough.
func FromCodecs(until time.Time, codecs ...securecookie.Codec) *LegacyCookies {
	return &LegacyCookies{until: until, codecs: codecs}
}

// MaxAge says what the old store's Options.MaxAge was, in seconds, so that the
// lifetime that it promised to visitors is kept: sessions that are taken over,
// and those that gorilla code saves, live so long from then on, and their cookies
// outlast the browser, as with [Persist]. With 0 they end with the browser, and
// as Config says. Without this the lifetime is not known: Config decides, and
// Start tells the observer.
func (l *LegacyCookies) MaxAge(seconds int) *LegacyCookies {
	kept := *l
	kept.promise = promise{seconds: int64(seconds), known: true}
	return &kept
}

// legacyMark is the size of the part of an id that tells that it comes from a
// cookie of before.
const legacyMark = 8

// idOfBefore is the id of the session that a cookie of before holds. A value of
// base64 stands for the bytes that it decodes to, however it is spelled: decoders
// skip line breaks and do not look at the last bits.
func idOfBefore(kind, value string) (id sessionID) {
	text := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "").Replace(value), "=")
	if decoded, err := base64.RawStdEncoding.DecodeString(text); err == nil {
		value = string(decoded)
	}
	sum := sha256.Sum256([]byte("sessionstate/v1/" + kind + value))
	copy(id[:], sum[:])
	mark := id.legacyMark()
	copy(id[idSize-legacyMark:], mark[:])
	return id
}

func (id sessionID) legacyMark() [legacyMark]byte {
	var buf [64]byte // enough for all
	sum := sha256.Sum256(append(append(buf[:0], "sessionstate/v1/legacy-id"...), id[:idSize-legacyMark]...))
	return [legacyMark]byte(sum[:])
}

func (id sessionID) isLegacy() bool {
	return [legacyMark]byte(id[idSize-legacyMark:]) == id.legacyMark()
}

// open decodes a cookie of before. Its session begins now.
func (l *LegacyCookies) open(name, value string, now time.Time) (held, bool) {
	if l == nil || !now.Before(l.until) {
		return held{}, false
	}
	for _, codec := range l.codecs {
		values := make(map[any]any) // each has its own: one that fails may have begun to fill it
		if codec.Decode(name, value, &values) != nil {
			continue
		}
		foreign, err := encodeForeign(values)
		if err != nil {
			continue
		}
		h := held{id: idOfBefore("legacy", value), is: true, stale: true, record: fresh(now)}
		h.record.foreign, h.record.life = foreign, l.promise.life()
		return h, true
	}
	return held{}, false
}

func newGorillaStore(m *Manager) *gorillaStore {
	options := m.cookie.options(m.look.insecure)
	options.MaxAge = int(m.promise.life())
	return &gorillaStore{m: m, mark: rand.Text(), cookies: &sessions.CookieStore{
		Codecs:  []securecookie.Codec{gorillaCodec{m.codec, m.limits}},
		Options: options,
	}}
}

// Gorilla returns the Manager as a store for code written for gorilla/sessions
// (goth, echo-contrib/session, plain net/http handlers).
//
// The session of the Manager's cookie name is the visitor's [State]: what such
// code puts into Values is kept beside the keys, as gob, and is not visible as
// keys. Behind the Manager's middleware, Save notes the values, and the
// response's commit saves them with everything else; it fails with
// [ErrCommitted] when it is too late. Without it, Save saves at once. Of two
// requests that save Values at the same moment the last wins, whole; in server
// mode keys are safe from that. Options.MaxAge < 0 destroys the session, as
// [State.Destroy] does. Options.MaxAge > 0 lets a session that nobody has logged
// in to by [State.Login] live so many seconds from this Save on, to within a
// tenth, instead of Config.Idle and Config.Absolute, and lets its cookie outlast
// the browser; Login decides anew. With Config.Legacy or Config.Gorilla, what the
// old store promised is what MaxAge starts with. The other Options are the
// Manager's own.
//
// Sessions of other names live in cookies of their own, in every mode, sealed
// like the Manager's and with its timeouts, or MaxAge as above; deleting one by
// Options.MaxAge < 0 ends its copies too. What the store of Config.Legacy or
// Config.Gorilla had under such a name is taken over when the name is opened, and
// leaves that store with the next Save.
//
// Sessions are gorilla's: not safe for concurrent use.
func (m *Manager) Gorilla() sessions.Store { return m.gorilla }

// Get implements sessions.Store through gorilla's registry, which has one
// session for a name, whichever store asked first: another store's is refused.
func (g *gorillaStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	session, err := sessions.GetRegistry(r).Get(g, name)
	if err == nil && session.ID != g.mark {
		return nil, fmt.Errorf("sessionstate: another store has opened the session %q of this request before: use one store, or give their cookies different names", name)
	}
	return session, err
}

// New implements sessions.Store. The session is never nil. Unlike gorilla's
// own stores, it reports no error for a cookie that is not believed: its
// visitor is a new one.
func (g *gorillaStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(g, name)
	options := *g.cookies.Options
	session.ID, session.Options, session.IsNew = g.mark, &options, true
	if name != g.m.cookie.Name {
		return session, g.open(r, session)
	}
	s, err := g.state(r)
	if err == nil {
		err = s.whole()
	}
	if err != nil {
		return session, err
	}
	values, err := decodeForeign(s.foreign())
	if err != nil {
		s.undecodable(recordKey, err)
		return session, nil
	}
	session.Values, session.IsNew = values, s.IsNew()
	return session, nil
}

// open fills the session of another cookie, by the first of its name that is
// believed.
func (g *gorillaStore) open(r *http.Request, session *sessions.Session) error {
	refusals := 0
	for _, c := range r.CookiesNamed(session.Name()) {
		values, _, err := g.read(r, session.Name(), c.Value)
		if refused, ok := errors.AsType[*refusal](err); ok {
			if refusals++; refusals <= maxRefusals {
				g.m.refused(r.Context(), refused, len(c.Value))
			}
			continue
		}
		if err != nil {
			return err
		}
		if h, ok := heldIn(values); ok {
			switch dead, err := g.m.isRevoked(r.Context(), &h); {
			case err != nil:
				return err
			case dead:
				continue
			}
		}
		session.Values, session.IsNew = values, false
		return nil
	}
	return nil
}

// read returns the Values that a cookie of another name stands for, and whether
// the store of before has set it. The error is a *refusal, or a fault of that
// store.
func (g *gorillaStore) read(r *http.Request, name, value string) (values map[any]any, before bool, err error) {
	values = make(map[any]any)
	refused := g.cookies.Codecs[0].Decode(name, value, &values)
	if refused == nil {
		return values, false, nil
	}
	err = g.before(r, "load", name, value, func(h held, _ *thirdSession) (err error) {
		if values, err = decodeForeign(h.record.foreign); err != nil {
			return &refusal{reason: errForeign}
		}
		h.record.foreign = ""
		values[recordKey], before = h.append(nil), true
		return nil
	})
	switch {
	case err != nil || before:
		return values, before, err
	case isRefusal(refused):
		return nil, false, refused
	}
	return nil, false, &refusal{reason: errForeign}
}

// before calls f with what a cookie of another name stands for in the store of
// before, and that store's session, if any. It calls nothing if that has nothing.
// The error is a fault of the store, or that of f.
func (g *gorillaStore) before(r *http.Request, op, name, value string, f func(h held, session *thirdSession) error) error {
	k, ok := g.m.keeper.(interface {
		before(ctx context.Context, name, value string) (held, *thirdSession, error)
	})
	if !ok { // server mode takes over nothing
		return nil
	}
	err := g.m.call(r.Context(), op, func(ctx context.Context) error {
		h, session, err := k.before(ctx, name, value)
		if err != nil {
			return err
		}
		return f(h, session)
	})
	if isRefusal(err) {
		return nil
	}
	return err
}

// Save implements sessions.Store.
func (g *gorillaStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.Name() != g.m.cookie.Name {
		return g.saveOther(r, w, session)
	}
	s, err := g.state(r)
	if err != nil {
		return err
	}
	if session.Options != nil && session.Options.MaxAge < 0 {
		err = s.Destroy()
	} else if err = s.setForeign(session.Values); err == nil && session.Options != nil {
		err = s.promise(session.Options.MaxAge)
	}
	if _, alone := r.Context().Value(aloneKey{g.m}).(*State); err == nil && alone {
		err = s.saveNow(r.Context(), w.Header())
	}
	return err
}

func (g *gorillaStore) saveOther(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if commit.Request(r.Context()) != nil {
		return ErrCommitted
	}
	own, ok := heldIn(session.Values)
	sent, left, err := g.sent(r, session.Name())
	if err != nil {
		return err
	}
	if session.Options != nil && session.Options.MaxAge < 0 {
		if ok {
			sent = append(sent, own)
		}
		for i := range sent {
			if err := g.m.revoke(r.Context(), &sent[i]); err != nil {
				return err
			}
		}
		if err := g.leave(r, session.Name(), left); err != nil {
			return err
		}
		g.m.setCookie(r, w.Header(), session.Name(), "", -1)
		return nil
	}
	switch {
	case ok:
	case session.IsNew || len(sent) == 0:
		own = held{id: newID(), is: true, record: fresh(time.Now())}
	default: // code that replaces Values drops what is ours
		own = sent[0]
	}
	age := 0
	if session.Options != nil && session.Options.MaxAge > 0 {
		age = session.Options.MaxAge
		own.record.life = g.m.revoked.promised(age).from(&own.record, time.Now())
	}
	values := make(map[any]any, len(session.Values)+1)
	maps.Copy(values, session.Values)
	values[recordKey] = own.append(nil)
	value, err := g.cookies.Codecs[0].Encode(session.Name(), values)
	if err != nil {
		return err
	}
	if err := g.leave(r, session.Name(), left); err != nil {
		return err
	}
	g.m.setCookie(r, w.Header(), session.Name(), value, age)
	return nil
}

// sent returns the ids and records that the request's cookies of another name
// stand for, and those of the cookies that the store of before has set.
func (g *gorillaStore) sent(r *http.Request, name string) (all []held, left []string, err error) {
	for _, c := range r.CookiesNamed(name) {
		values, before, err := g.read(r, name, c.Value)
		if isRefusal(err) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if before {
			left = append(left, c.Value)
		}
		if h, ok := heldIn(values); ok {
			all = append(all, h)
		}
	}
	return all, left, nil
}

// leave deletes what the store of before has under another name, once it is kept
// here. Cookies of before that hold everything themselves cannot be deleted.
func (g *gorillaStore) leave(r *http.Request, name string, left []string) error {
	for _, value := range left {
		err := g.before(r, "end", name, value, func(_ held, session *thirdSession) error {
			if session == nil {
				return nil
			}
			return session.erase()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// heldIn returns the id and record that travel in a session's Values.
func heldIn(values map[any]any) (held, bool) {
	raw, ok := values[recordKey].([]byte)
	if !ok {
		return held{}, false
	}
	h, err := parseHeld(raw)
	return h, err == nil
}

// isRevoked reports whether a cookie of another name was deleted before.
func (m *Manager) isRevoked(ctx context.Context, h *held) (dead bool, err error) {
	err = m.call(ctx, "load", func(ctx context.Context) error {
		dead, err = m.revoked.has(ctx, h.otherMention())
		return err
	})
	return dead, err
}

// revoke ends a cookie of another name.
func (m *Manager) revoke(ctx context.Context, h *held) error {
	return m.call(context.WithoutCancel(ctx), "end", func(ctx context.Context) error { return m.revoked.end(ctx, h, h.otherMention()) })
}

// aloneKey finds the State of a request without the Manager's middleware.
type aloneKey struct{ m *Manager }

// state returns the request's State; without a middleware it makes one and
// hangs it into the request, as gorilla does with its registry.
func (g *gorillaStore) state(r *http.Request) (*State, error) {
	s, err := FromContext(r.Context())
	if err == nil && s.m == g.m {
		return s, nil
	}
	if err != nil && !errors.Is(err, ErrNoSession) {
		return nil, err
	}
	if s, ok := r.Context().Value(aloneKey{g.m}).(*State); ok {
		return s, nil
	}
	s = newState(g.m, r)
	*r = *r.WithContext(context.WithValue(r.Context(), aloneKey{g.m}, s))
	return s, nil
}

// Gorilla returns a copy of the values that code written for gorilla/sessions
// keeps in the visitor's session; that code changes them, through
// [Manager.Gorilla]. The error is that of loading the session, or says that gob
// cannot decode them.
func (s *State) Gorilla() (map[any]any, error) {
	if err := s.whole(); err != nil {
		return nil, err
	}
	return decodeForeign(s.foreign())
}

// foreign returns the values of gorilla code, as gob.
func (s *State) foreign() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cur.foreign
}

// setForeign keeps the values of gorilla code.
func (s *State) setForeign(values map[any]any) error {
	if err := s.whole(); err != nil {
		return err
	}
	// The gob of a map has no fixed order: compare what it means.
	if now, err := decodeForeign(s.foreign()); err == nil && sameValues(now, values) {
		return nil
	}
	text, err := encodeForeign(values)
	if err != nil {
		return err
	}
	return s.mutate(func() error {
		cur := s.cur
		cur.foreign = text
		if err := s.m.fits("", &cur); err != nil {
			return err
		}
		s.cur, s.changes.foreign = cur, &text
		return nil
	})
}

// sameValues compares what was decoded with what is to be kept.
func sameValues(now, next map[any]any) bool {
	if _, ours := next[recordKey]; ours {
		return false
	}
	return reflect.DeepEqual(now, next)
}

// options are those of gorilla for a cookie of ours.
func (c CookieConfig) options(insecure bool) *sessions.Options {
	return &sessions.Options{Path: c.Path, Domain: c.Domain, Secure: !insecure, HttpOnly: true, SameSite: c.SameSite, Partitioned: c.Partitioned}
}

// line is the Set-Cookie header of a cookie. A maxAge of 0 is until the browser
// is closed, a negative one deletes.
func (c CookieConfig) line(name, value string, maxAge int, insecure bool) string {
	options := c.options(insecure)
	options.MaxAge = maxAge
	return sessions.NewCookie(name, value, options).String()
}

// gorillaCodec lets a sessions.CookieStore seal and open the cookies of cookie
// mode. Our record is one entry of Values; all others travel as gob.
type gorillaCodec struct {
	codec  *codec
	limits limits
}

var _ securecookie.Codec = gorillaCodec{}

// Encode implements securecookie.Codec for the Values of a session.
func (g gorillaCodec) Encode(name string, value any) (string, error) {
	values, ok := value.(map[any]any)
	if !ok {
		return "", fmt.Errorf("sessionstate: gorilla codec: got a %T, want the Values of a session", value)
	}
	now := time.Now()
	h := held{id: newID(), is: true, record: fresh(now)}
	if raw, ok := values[recordKey].([]byte); ok {
		var err error
		if h, err = parseHeld(raw); err != nil {
			return "", fmt.Errorf("sessionstate: gorilla codec: Values[%q] is not ours: %w", recordKey, err)
		}
	}
	h.record.seen = h.record.seenAt(now)
	var err error
	if h.record.foreign, err = encodeForeign(values); err != nil {
		return "", err
	}
	plain := h.append(nil)
	if size := len(name) + sealedLen(len(plain)); size > maxCookie {
		return "", tooLarge("", &h.record, size, maxCookie)
	}
	return g.codec.seal(boxRecord, name, plain), nil
}

// Decode implements securecookie.Codec for the Values of a session. A cookie
// that is refused leaves them as they are.
func (g gorillaCodec) Decode(name, value string, dst any) error {
	values, ok := dst.(*map[any]any)
	if !ok {
		return fmt.Errorf("sessionstate: gorilla codec: got a %T, want the Values of a session", dst)
	}
	plain, _, err := g.codec.open(boxRecord, name, value)
	if err != nil {
		return &refusal{reason: err}
	}
	h, err := parseHeld(plain)
	if err != nil {
		return &refusal{reason: err}
	}
	if err := h.timely(g.limits, time.Now()); err != nil {
		return err
	}
	foreign, err := decodeForeign(h.record.foreign)
	if err != nil {
		return err
	}
	h.record.foreign = ""
	foreign[recordKey] = h.append(nil)
	*values = foreign
	return nil
}

// encodeForeign is the gob of all values but our own; empty if there are none.
func encodeForeign(values map[any]any) (string, error) {
	foreign := make(map[any]any, len(values))
	for k, v := range values {
		if k != recordKey {
			foreign[k] = v
		}
	}
	if len(foreign) == 0 {
		return "", nil
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(foreign); err != nil {
		return "", fmt.Errorf("sessionstate: the values of a gorilla session: %w", err)
	}
	return b.String(), nil
}

var errForeign = errors.New("sessionstate: the values of a gorilla session cannot be decoded")

func decodeForeign(s string) (map[any]any, error) {
	values := make(map[any]any)
	if s == "" {
		return values, nil
	}
	if err := gob.NewDecoder(bytes.NewReader([]byte(s))).Decode(&values); err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	return values, nil
}

// thirdParty is a sessions.Store of somebody else, whose cookies are taken out of
// its hands.
type thirdParty struct {
	name  string // of the cookie
	store sessions.Store
}

// thirdSession is one of its sessions.
type thirdSession struct {
	of      *thirdParty
	req     *http.Request
	session *sessions.Session
	value   string // of the cookie, as the store sees it
}

// open returns the session of a cookie's value; an empty one stands for a new
// session. The error is a *refusal, or a fault.
func (t *thirdParty) open(ctx context.Context, value string) (*thirdSession, error) {
	req := (&http.Request{Method: http.MethodGet, URL: new(url.URL), Header: make(http.Header)}).WithContext(ctx)
	asked := value != "" // also if nothing is left of it
	if asked {
		req.Header.Set("Cookie", t.name+"="+value) // not AddCookie: it logs what no cookie may have
	}
	if c, err := req.Cookie(t.name); err == nil { // net/http leaves out quotes
		value = c.Value
	}
	session, err := t.store.New(req, t.name) // not Get: its registry shares sessions between stores
	switch {
	case err != nil && asked && refuses(err):
		return nil, &refusal{reason: errForged}
	case err != nil && asked:
		return nil, &thirdError{err}
	case session == nil: // some stores do that
		return nil, errors.New("sessionstate: the store of Config.Gorilla returned no session")
	case asked && session.IsNew:
		return nil, &refusal{reason: errUnknown}
	}
	if session.Values == nil {
		session.Values = make(map[any]any)
	}
	return &thirdSession{t, req, session, value}, nil
}

// refuses reports whether the store found fault with the cookie, or has no
// session for it, rather than with itself.
func refuses(err error) bool {
	if e, ok := errors.AsType[securecookie.Error](err); ok {
		return e.IsDecode()
	}
	return errors.Is(err, fs.ErrNotExist)
}

// promise is what the store says of its sessions' life.
func (t *thirdSession) promise() promise {
	if t.session.Options == nil {
		return promise{}
	}
	return promise{seconds: int64(t.session.Options.MaxAge), known: true}
}

// save gives the session values, to be kept for so many seconds, and returns
// the cookie's value.
func (t *thirdSession) save(values map[any]any, age int) (string, error) {
	t.session.Values = values
	h, err := t.write(age)
	if err != nil {
		return "", err
	}
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if c.Name == t.of.name && c.Value != "" {
			return c.Value, nil
		}
	}
	return "", errors.New("sessionstate: the store of Config.Gorilla set no cookie")
}

// erase deletes the session.
func (t *thirdSession) erase() error {
	_, err := t.write(-1)
	return err
}

func (t *thirdSession) write(age int) (http.Header, error) {
	var options sessions.Options
	if t.session.Options != nil {
		options = *t.session.Options
	}
	options.MaxAge = age
	t.session.Options = &options
	w := headerWriter{}
	if err := t.of.store.Save(t.req, w, t.session); err != nil {
		return nil, &thirdError{err}
	}
	return http.Header(w), nil
}

// thirdError is a fault of a third-party store. It leaves out the store's words,
// which may name the session: a file, a key in a database.
type thirdError struct{ err error }

func (e *thirdError) Error() string {
	return fmt.Sprintf("the store of Config.Gorilla failed (%T)", e.err)
}

func (e *thirdError) Unwrap() error { return e.err }

// headerWriter takes the headers of a response that nobody sees.
type headerWriter http.Header

func (h headerWriter) Header() http.Header         { return http.Header(h) }
func (h headerWriter) Write(b []byte) (int, error) { return len(b), nil }
func (h headerWriter) WriteHeader(int)             {}
