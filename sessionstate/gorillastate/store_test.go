package gorillastate_test

import (
	"encoding/gob"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
)

// fails is a type of an app that cannot be decoded any more.
type fails struct{ N int }

func (fails) GobEncode() ([]byte, error) { return []byte{1}, nil }
func (*fails) GobDecode(b []byte) error  { return errGone }
func (goneError) Error() string          { return "the type has changed" }

type goneError struct{}

var errGone error = goneError{}

func TestValuesThatCannotBeDecodedAreThoseOfANewVisitor(t *testing.T) {
	t.Parallel()
	gob.Register(fails{})
	rec := new(observe.Recorder)
	m := sessionstate.Must(sessionstate.New(sessionstate.Config{Observer: rec}))
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	for _, name := range []string{"__Host-id", "other"} {
		store := gorillastate.New(m)
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		s, err := store.Get(r, name)
		if err != nil {
			t.Fatal(err)
		}
		s.Values["x"] = fails{1}
		w := httptest.NewRecorder()
		if err := s.Save(r, w); err != nil {
			t.Fatal(err)
		}
		r = httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.AddCookie(w.Result().Cookies()[0])
		s, err = store.Get(r, name)
		if err != nil || !s.IsNew || len(s.Values) != 0 {
			t.Errorf("%s: Get() = %v of a new visitor: %v, %v", name, s.Values, s.IsNew, err)
		}
	}
	if n, m := len(observe.Of[observe.SessionValue](rec)), len(observe.Of[observe.SessionRefused](rec)); n != 1 || m != 1 {
		t.Errorf("the observer is told of %d values and %d cookies, want one of each", n, m)
	}
}

func TestTwoStoresOfOneManagerAreOne(t *testing.T) {
	t.Parallel()
	m := sessionstate.Must(sessionstate.New(sessionstate.Config{}))
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	a, err := gorillastate.New(m).Get(r, "x")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := gorillastate.New(m).Get(r, "x"); err != nil || a != b {
		t.Errorf("Get() = %v, %v, want the session of the first store", b, err)
	}
}
