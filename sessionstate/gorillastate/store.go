package gorillastate

import (
	"fmt"
	"net/http"

	"github.com/gorilla/sessions"

	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/internal/foreign"
)

// store is a Manager as a sessions.Store.
type store struct{ m foreign.Manager }

// New returns a Manager as a store for code written for gorilla/sessions (goth,
// echo-contrib/session, plain net/http handlers). It is cheap: two calls return
// stores that are the same to such code.
//
// The session of the Manager's cookie name is the visitor's sessionstate.State:
// what such code puts into Values is kept beside the keys, as gob, and is not
// visible as keys. Behind the Manager's middleware, Save notes the values, and the
// response's commit saves them with everything else; it fails with
// middleware.ErrCommitted when it is too late. Without it, Save saves at once.
// Of two requests that save Values at the same moment the last wins, whole; in
// server mode keys are safe from that. Options.MaxAge < 0 destroys the session, as
// State.Destroy does. Options.MaxAge > 0 lets a session that nobody has logged in
// to by State.Login live so many seconds from this Save on, to within a tenth,
// instead of by the Manager's timeouts, and lets its cookie outlast the browser;
// Login decides anew. With Config.CookieMode.Foreign, what the old store promised is what
// MaxAge starts with. The other Options are the Manager's own.
//
// Sessions of other names live in cookies of their own, in every mode, sealed
// like the Manager's and with its timeouts, or MaxAge as above; deleting one by
// Options.MaxAge < 0 ends its copies too. What the store of Config.CookieMode.Foreign had
// under such a name is taken over when the name is opened, and leaves that store
// with the next Save.
//
// Sessions are gorilla's: not safe for concurrent use.
func New(m *sessionstate.Manager) sessions.Store {
	var s store
	if !m.As(&s.m) { // it is of this module, and of the same release
		panic("gorillastate: this Manager cannot keep values of gorilla code")
	}
	return s
}

// Get implements sessions.Store through gorilla's registry, which has one
// session for a name, whichever store asked first: another store's is refused.
func (s store) Get(r *http.Request, name string) (*sessions.Session, error) {
	session, err := sessions.GetRegistry(r).Get(s, name)
	if err == nil && session.ID != s.m.Token() {
		return nil, fmt.Errorf("gorillastate: another store has opened the session %q of this request before: use one store, or give their cookies different names", name)
	}
	return session, err
}

// New implements sessions.Store. The session is never nil. Unlike gorilla's
// own stores, it reports no error for a cookie that is not believed: its
// visitor is a new one.
func (s store) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	cookie := s.m.Cookie()
	session.ID, session.IsNew, session.Options = s.m.Token(), true, &sessions.Options{
		Path: cookie.Path, Domain: cookie.Domain, MaxAge: cookie.MaxAge, Secure: cookie.Secure,
		HttpOnly: cookie.HttpOnly, SameSite: cookie.SameSite, Partitioned: cookie.Partitioned,
	}
	record, isNew, err := s.m.Load(r, name, func(encoded string) error {
		decoded, err := decode(encoded)
		if err == nil {
			session.Values = decoded
		}
		return err
	})
	if err != nil {
		return session, err
	}
	if session.IsNew = isNew; record != nil {
		session.Values[recordKey] = record
	}
	return session, nil
}

// Save implements sessions.Store.
func (s store) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	saved := foreign.Saved{IsNew: session.IsNew, Values: values(session.Values)}
	if saved.Record, _ = session.Values[recordKey].([]byte); session.Options != nil {
		saved.MaxAge = session.Options.MaxAge
	}
	return s.m.Save(r, w.Header(), session.Name(), saved)
}
