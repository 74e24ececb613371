// Package foreign is what sessionstate and an adapter to another session
// library, such as gorillastate, need of each other. Adapters know the library
// and how its values are encoded; sessionstate knows sessions, and keeps such
// values as a text that it does not read.
package foreign

import (
	"context"
	"errors"
	"net/http"
)

var (
	// ErrForged says that the library does not believe a cookie.
	ErrForged = errors.New("not authentic")

	// ErrUnknown says that the library's store has no session for a cookie.
	ErrUnknown = errors.New("the store has no such session")
)

// Library is what Config.Foreign takes: sessions that another library has. One
// of the two is set.
type Library interface {
	Store() Store      // keeps all sessions
	Cookies() *Cookies // were set before, and are taken over
}

// Cookies are cookies that hold the sessions of the library.
type Cookies struct {
	// Until is when they are no longer believed.
	Until int64 // Unix seconds
	// MaxAge is how long the library let them live; nil: it does not say.
	MaxAge *int // seconds; 0: until the browser is closed
	// Decode returns the encoded values in a cookie, and whether it is authentic.
	Decode func(name, value string) (values string, ok bool)
}

// Store is a store of the library.
type Store interface {
	// Open returns the session of a cookie; an empty value stands for a new
	// session. The error is ErrForged or ErrUnknown, or a fault of the store.
	Open(ctx context.Context, name, value string) (Session, error)
}

// Session is one session in a Store.
type Session interface {
	// Cookie is the value of its cookie, as the library reads it.
	Cookie() string
	// Record is what the last Save was given; nil: the session is the library's own.
	Record() []byte
	// Values are all other values, encoded.
	Values() (string, error)
	// MaxAge is how long the library lets sessions live, in seconds; nil: it does not say.
	MaxAge() *int
	// Save keeps a record and encoded values for maxAge seconds, and returns the
	// value of the cookie.
	Save(record []byte, values string, maxAge int) (cookie string, err error)
	// Delete deletes the session.
	Delete() error
}

// Manager is what an adapter needs of a sessionstate.Manager, whose As method
// gives it.
type Manager interface {
	// Cookie is how the Manager's cookie looks, with the MaxAge that sessions of
	// the library begin with.
	Cookie() http.Cookie
	// Token identifies the Manager within the process.
	Token() string
	// Load gives decode the values of the session with a cookie of that name: of
	// several cookies, those of the first whose values decode takes. Without one
	// the visitor is new. The record goes with the session to Save.
	Load(r *http.Request, name string, decode func(values string) error) (record []byte, isNew bool, err error)
	// Save keeps the values of a session, and sets its cookie in h when it has
	// one of its own, or when the request is not behind the Manager.
	Save(r *http.Request, h http.Header, name string, s Saved) error
}

// Saved is what Manager.Save is given.
type Saved struct {
	Record []byte // from Load; nil: the library's code has dropped it
	IsNew  bool
	Values Values
	MaxAge int // seconds; 0: the Manager decides; negative: end the session
}

// Values are the values of a session of the library.
type Values interface {
	// Equal reports whether they are what was encoded so before.
	Equal(encoded string) bool
	// Encode encodes them.
	Encode() (string, error)
}
