package gorillastate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/internal/foreign"
)

// KeepIn returns what sessionstate.Config.CookieMode.Foreign takes to keep the sessions in a
// third-party store for gorilla/sessions. What an app has in its sessions already
// is taken over, and stays visible to gorilla code through [New]; give
// Config.Cookie.Name the name that the app uses. The store's own cookie options
// are ignored but for MaxAge, which is how long sessions that are taken over live,
// and those that gorilla code saves; Manager.Start tells the observer. Its limits
// of size and age hold, the age counted from the last change: a visit alone is not
// saved there.
//
// Such stores cannot compare and swap: requests of this process are kept from
// overwriting each other where the store is a server's, those of several processes
// are not, the last one wins. As in cookie mode Config.CookieMode.Revocations keeps what has
// ended, and Users, RenewEvery, SaveNow and saving through a Detached are not there.
// The store is called with requests and responses of our own making, so that its
// cookies, its registry and its defaults never reach the visitor.
//
// sessionstate.New refuses a nil store.
func KeepIn(s sessions.Store) sessionstate.Foreign { return library{s} }

// library is a third-party sessions.Store. The Manager sets the cookies in its place.
type library struct{ store sessions.Store }

var _ foreign.Store = library{}

func (library) Cookies() *foreign.Cookies { return nil }

func (k library) Store() foreign.Store {
	if k.store == nil {
		return nil
	}
	return k
}

// storedSession is a session of a library.
type storedSession struct {
	store   sessions.Store
	name    string // of the cookie
	req     *http.Request
	session *sessions.Session
	cookie  string
}

var _ foreign.Session = (*storedSession)(nil)

// Open implements foreign.Store.
func (k library) Open(ctx context.Context, name, value string) (foreign.Session, error) {
	req := (&http.Request{Method: http.MethodGet, URL: new(url.URL), Header: make(http.Header)}).WithContext(ctx)
	asked := value != "" // also if nothing is left of it
	if asked {
		req.Header.Set("Cookie", name+"="+value) // not AddCookie: it logs characters that a cookie must not have
	}
	if c, err := req.Cookie(name); err == nil { // net/http leaves out quotes
		value = c.Value
	}
	session, err := k.store.New(req, name) // not Get: its registry shares sessions between stores
	switch {
	case err != nil && asked && refuses(err):
		return nil, foreign.ErrForged
	case err != nil && asked:
		return nil, &fault{err}
	case session == nil: // some stores do that
		return nil, errors.New("the store of gorillastate.KeepIn returned no session")
	case asked && session.IsNew:
		return nil, foreign.ErrUnknown
	}
	if session.Values == nil {
		session.Values = make(map[any]any)
	}
	return &storedSession{k.store, name, req, session, value}, nil
}

// refuses reports whether err means that the cookie is not valid or has no session, and not that
// the store has failed.
func refuses(err error) bool {
	if e, ok := errors.AsType[securecookie.Error](err); ok {
		return e.IsDecode()
	}
	return errors.Is(err, fs.ErrNotExist)
}

// Cookie implements foreign.Session.
func (s *storedSession) Cookie() string { return s.cookie }

// Record implements foreign.Session.
func (s *storedSession) Record() []byte {
	record, _ := s.session.Values[recordKey].([]byte)
	return record
}

// Values implements foreign.Session.
func (s *storedSession) Values() (string, error) { return values(s.session.Values).Encode() }

// MaxAge implements foreign.Session.
func (s *storedSession) MaxAge() *int {
	if s.session.Options == nil {
		return nil
	}
	maxAge := s.session.Options.MaxAge
	return &maxAge
}

// Save implements foreign.Session.
func (s *storedSession) Save(record []byte, encoded string, maxAge int) (string, error) {
	next, err := decode(encoded)
	if err != nil {
		return "", err
	}
	next[recordKey] = record
	s.session.Values = next
	h, err := s.write(maxAge)
	if err != nil {
		return "", err
	}
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if c.Name == s.name && c.Value != "" {
			return c.Value, nil
		}
	}
	return "", errors.New("the store of gorillastate.KeepIn set no cookie")
}

// Delete implements foreign.Session.
func (s *storedSession) Delete() error {
	_, err := s.write(-1)
	return err
}

func (s *storedSession) write(maxAge int) (http.Header, error) {
	var options sessions.Options
	if s.session.Options != nil {
		options = *s.session.Options
	}
	options.MaxAge = maxAge
	s.session.Options = &options
	w := headerWriter{}
	if err := s.store.Save(s.req, w, s.session); err != nil {
		return nil, &fault{err}
	}
	return http.Header(w), nil
}

// fault is an error of a third-party store. It leaves out the store's text, which may name the
// session, for example by a file or a key in a database.
type fault struct{ err error }

func (e *fault) Error() string {
	return fmt.Sprintf("the store of gorillastate.KeepIn failed (%T)", e.err)
}

func (e *fault) Unwrap() error { return e.err }

// headerWriter takes the headers of a response that is never sent.
type headerWriter http.Header

func (h headerWriter) Header() http.Header         { return http.Header(h) }
func (h headerWriter) Write(b []byte) (int, error) { return len(b), nil }
func (h headerWriter) WriteHeader(int)             {}
