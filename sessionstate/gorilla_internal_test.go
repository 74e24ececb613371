package sessionstate

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// The cookies of cookie mode are those of a real sessions.CookieStore: it
// reads what the Manager writes, and the Manager reads what it writes.
func TestACookieStoreReadsAndWritesOurCookies(t *testing.T) {
	t.Parallel()
	m, err := New(Config{Secrets: []Secret{testSecret("a", 1)}})
	if err != nil {
		t.Fatal(err)
	}
	k := NewKey("n", KeyConfig[int]{})
	s := newState(m, httptest.NewRequest(http.MethodGet, "/", nil))
	if err := k.Set(s, 7); err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	if err := s.commit(t.Context(), 200, rec.Header()); err != nil {
		t.Fatal(err)
	}

	// their store reads ours and adds to it
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(rec.Result().Cookies()[0])
	session, err := m.gorilla.cookies.Get(r, m.cookie.Name)
	if err != nil || session.IsNew || session.Values[recordKey] == nil {
		t.Fatalf("CookieStore.Get() = %+v, %v", session, err)
	}
	session.Values["theirs"] = "kept"
	rec = httptest.NewRecorder()
	if err := session.Save(r, rec); err != nil {
		t.Fatal(err)
	}

	// and ours reads theirs
	r = httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(rec.Result().Cookies()[0])
	s = newState(m, r)
	if got := k.Get(s); got != 7 || s.IsNew() {
		t.Errorf("Get() = %d after the CookieStore has saved, want 7", got)
	}
	values, err := decodeForeign(s.foreign())
	if err != nil || values["theirs"] != "kept" {
		t.Errorf("values of theirs = %v, %v", values, err)
	}
}

func TestACookieThatIsRefusedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	m, err := New(Config{Secrets: []Secret{testSecret("a", 1)}})
	if err != nil {
		t.Fatal(err)
	}
	codec := m.gorilla.cookies.Codecs[0]
	good, err := codec.Encode("x", map[any]any{"a": 1, "b": 2})
	if err != nil {
		t.Fatal(err)
	}
	h := held{id: newID(), record: fresh(time.Now())}
	h.record.foreign = "not the gob of anything"
	half := m.codec.seal(boxRecord, "x", h.append(nil))
	for what, value := range map[string]string{"cut": good[:len(good)-1], "junk": "junk", "half": half} {
		values := map[any]any{"mine": true}
		if err := codec.Decode("x", value, &values); err == nil || len(values) != 1 || values["mine"] != true {
			t.Errorf("%s: Decode() = %v, and the values are %v", what, err, values)
		}
	}
	for _, dst := range []any{nil, "text", map[any]any{}} {
		if err := codec.Decode("x", good, dst); err == nil {
			t.Errorf("Decode into a %T: want an error", dst)
		}
		if _, err := codec.Encode("x", dst); (err == nil) != (fmt.Sprintf("%T", dst) == "map[interface {}]interface {}") {
			t.Errorf("Encode of a %T: %v", dst, err)
		}
	}
}
