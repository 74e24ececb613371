package cborcodec_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/cborcodec"
	"github.com/reecho-go/reecho/sessionstate/sessionstatetest"
)

var quiet observe.Func = func(context.Context, observe.Event) {}

func newManager(t *testing.T, codec sessionstate.Codec) *sessionstate.Manager {
	t.Helper()
	m, err := sessionstate.New(sessionstate.Config{
		Codec: codec, Observer: quiet,
		Secrets: []sessionstate.Secret{{ID: "test", Key: []byte("hZ6uWqk0Jm2nT8sPx4vRb1yLd7fGc3eA")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) }) // nothing is in flight
	return m
}

// session runs f with the client's session and keeps what it has done.
func session(t *testing.T, c *sessionstatetest.Client, m *sessionstate.Manager, f func(s *sessionstate.State) error) {
	t.Helper()
	sessionstatetest.Seed(t, c, m, func(s *sessionstate.State) {
		if err := f(s); err != nil {
			t.Error(err)
		}
	})
}

func roundTrip[T any](t *testing.T, values ...T) {
	t.Helper()
	m := newManager(t, cborcodec.New())
	k := sessionstate.NewKey("k", sessionstate.KeyConfig[T]{})
	for _, want := range values {
		c := sessionstatetest.NewClient(echo.New())
		session(t, c, m, func(s *sessionstate.State) error { return k.Set(s, want) })
		sessionstatetest.Inspect(t, c, m, func(s *sessionstate.State) {
			got, ok, err := k.Lookup(s)
			if err != nil || !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("%T: %v, %v, %v, want %v", want, got, ok, err, want)
			}
		})
	}
}

func TestValuesOfEveryKindRoundTrip(t *testing.T) {
	t.Parallel()
	type nested struct {
		A []int  `json:"a"`
		B string `json:"b,omitempty"`
		M map[string]*int
		T time.Time
	}
	seven := 7
	roundTrip(t, 0, -1, math.MinInt, math.MaxInt)
	roundTrip(t, true, false)
	roundTrip(t, "", "text", "\x00<>&", "ünïcödé")
	roundTrip(t, 0.1, -1e300, math.Inf(1)) // JSON has no infinity
	roundTrip(t, []byte{0, 1, 255}, []byte{}, nil)
	roundTrip(t, []string{"a"}, []string{}, nil)
	roundTrip(t, map[string]int{"a": 1, "b": 2}, nil)
	roundTrip(t, map[int][]string{1: {"x"}})
	roundTrip(t, &seven, nil)
	roundTrip(t, nested{A: []int{1}, M: map[string]*int{"x": &seven}, T: time.Unix(1, 2).UTC()})
	roundTrip[any](t, "x", 1.5, map[string]any{"a": "b"}, nil)
}

func TestAValueOfAnotherTypeReadsAsTheDefault(t *testing.T) {
	t.Parallel()
	m, c := newManager(t, cborcodec.New()), sessionstatetest.NewClient(echo.New())
	text := sessionstate.NewKey("k", sessionstate.KeyConfig[string]{})
	number := sessionstate.NewKey("k", sessionstate.KeyConfig[int]{Default: 42})
	session(t, c, m, func(s *sessionstate.State) error { return text.Set(s, "text") })
	sessionstatetest.Inspect(t, c, m, func(s *sessionstate.State) {
		_, ok, err := number.Lookup(s)
		if _, typed := errors.AsType[*sessionstate.ValueError](err); ok || !typed || number.Get(s) != 42 {
			t.Errorf("Lookup() = %v, %v, want a ValueError and the default", ok, err)
		}
	})
}

func TestSessionsOfBeforeAreReadAndSnapshotIsJSON(t *testing.T) {
	t.Parallel()
	type point struct{ X, Y int }
	k := sessionstate.NewKey("at", sessionstate.KeyConfig[point]{})
	c := sessionstatetest.NewClient(echo.New())
	session(t, c, newManager(t, nil), func(s *sessionstate.State) error { return k.Set(s, point{1, 2}) })
	now := newManager(t, cborcodec.New())
	session(t, c, now, func(s *sessionstate.State) error {
		_, err := k.Update(s, func(p point) point { p.X++; return p })
		return err
	})
	sessionstatetest.Inspect(t, c, now, func(s *sessionstate.State) {
		b, err := json.Marshal(s.Snapshot())
		if err != nil || string(b) != `{"at":{"X":2,"Y":2}}` {
			t.Errorf("Snapshot() = %s, %v", b, err)
		}
	})
}

func TestEqualMapsAreNoChange(t *testing.T) {
	t.Parallel()
	m, c := newManager(t, cborcodec.New()), sessionstatetest.NewClient(echo.New())
	k := sessionstate.NewKey("k", sessionstate.KeyConfig[map[string]int]{})
	big := map[string]int{}
	for i := range 50 {
		big[fmt.Sprint(i)] = i
	}
	session(t, c, m, func(s *sessionstate.State) error { return k.Set(s, big) })
	before := c.Cookie("__Host-id")
	for range 10 {
		session(t, c, m, func(s *sessionstate.State) error { return k.Set(s, k.Get(s)) })
	}
	if c.Cookie("__Host-id") != before {
		t.Error("setting the same map has changed the session")
	}
}

type prefs struct {
	Theme    string `json:"theme"`
	PageSize int    `json:"page_size"`
}

var (
	kUser   = sessionstate.NewKey("user_id", sessionstate.KeyConfig[int]{})
	kEmail  = sessionstate.NewKey("email", sessionstate.KeyConfig[string]{})
	kRoles  = sessionstate.NewKey("roles", sessionstate.KeyConfig[[]string]{})
	kCart   = sessionstate.NewKey("cart", sessionstate.KeyConfig[[]int]{})
	kPrefs  = sessionstate.NewKey("prefs", sessionstate.KeyConfig[prefs]{})
	kCSRF   = sessionstate.NewKey("csrf", sessionstate.KeyConfig[string]{})
	kVisits = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})
)

// The seven keys of the core's test of size, whose cookie has 351 bytes with JSON.
func TestSevenKeysAreSmallerThanWithJSON(t *testing.T) {
	t.Parallel()
	size := func(codec sessionstate.Codec) int {
		c := sessionstatetest.NewClient(echo.New())
		session(t, c, newManager(t, codec), func(s *sessionstate.State) error {
			return errors.Join(
				kUser.Set(s, 1234567), kEmail.Set(s, "ada.lovelace@example.org"), kRoles.Set(s, []string{"admin", "editor"}),
				kCart.Set(s, []int{1001, 1002, 1003}), kPrefs.Set(s, prefs{"dark", 50}), kCSRF.Set(s, "q8Jt2yq1Yw0b3l7m9n5c4v"), kVisits.Set(s, 41),
			)
		})
		return len("__Host-id") + len(c.Cookie("__Host-id"))
	}
	asJSON, asCBOR := size(nil), size(cborcodec.New())
	t.Logf("seven keys take %d bytes of name and value with JSON, %d with CBOR", asJSON, asCBOR)
	if asCBOR >= asJSON || asCBOR > 340 {
		t.Errorf("%d bytes with CBOR, %d with JSON", asCBOR, asJSON)
	}
}

func Example() {
	m := sessionstate.Must(sessionstate.New(sessionstate.Config{Codec: cborcodec.New(), Observer: quiet}))
	defer m.Close(context.Background())
	e := echo.New()
	e.Use(echov4.Use(m))
	e.GET("/", func(c echo.Context) error {
		n, err := sessionstate.Incr(kVisits, sessionstate.From(c), 1)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprint("visit ", n))
	})
	client := sessionstatetest.NewClient(e)
	for range 2 {
		var b bytes.Buffer
		_, _ = b.ReadFrom(client.Get("/").Body)
		fmt.Println(b.String())
	}
	// Output:
	// visit 1
	// visit 2
}

type hidden struct {
	Name   string
	secret string
}

// jsonOnly has methods for JSON, which CBOR does not know.
type jsonOnly struct{ n int }

func (j jsonOnly) MarshalJSON() ([]byte, error)  { return json.Marshal(j.n) }
func (j *jsonOnly) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &j.n) }

func TestWhatCBORWouldLoseIsRefused(t *testing.T) {
	t.Parallel()
	c := cborcodec.New()
	for what, test := range map[string]struct {
		v    any
		want string
	}{
		"an unexported field":       {hidden{"n", "s"}, "secret"},
		"one deeper":                {map[string][]hidden{"a": nil}, "[][].secret"},
		"methods for JSON alone":    {jsonOnly{1}, "n"},
		"an int in an interface":    {map[string]any{"n": 5}, "int"},
		"a float32 in an interface": {[]any{float32(1)}, "float32"},
		"a time in an interface":    {[]any{time.Now()}, "time.Time"},
		"a struct in an interface":  {map[string]any{"a": struct{ N int }{1}}, "struct"},
		"a channel":                 {struct{ C chan int }{}, "C"},
		"an atomic":                 {new(atomic.Int64), "atomic.Int64"},
		"a pointer to nil":          {new([]int), "nil"},
		"an interface with methods": {struct{ Err error }{}, "Err"},
		"two fields of one name": {struct {
			A, B int `cbor:"x"`
		}{}, "x"},
		"a key of a map that is a struct": {map[hidden]int{}, "key"},
	} {
		if _, err := c.Marshal(test.v); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error that says %q", what, err, test.want)
		}
	}
	for what, v := range map[string]any{
		"int64 in an interface": map[string]any{"n": int64(5), "m": int64(-5), "b": []byte("x"), "f": 1.5, "l": []any{"a", nil, true}},
		"not UTF-8":             "\xff",
		"a number":              uint64(1) << 63,
		"times":                 struct{ At time.Time }{time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)},
		"an address":            netip.MustParseAddr("::1"),
		"a big number":          *big.NewInt(1).Lsh(big.NewInt(1), 100),
	} {
		raw, err := c.Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		back := reflect.New(reflect.TypeOf(v))
		if err := c.Unmarshal(raw, back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), v) {
			t.Errorf("%s: comes back as %v, %v", what, back.Elem(), err)
		}
	}
}

func TestAKeyOfAnyTypeKnowsWhatItWouldLose(t *testing.T) {
	t.Parallel()
	k := sessionstate.NewKey("any", sessionstate.KeyConfig[any]{})
	e := echo.New()
	e.Use(echov4.Use(newManager(t, cborcodec.New())))
	e.GET("/", func(c echo.Context) error {
		s := sessionstate.From(c)
		for _, v := range []any{nil, int64(5), "x", 1.5, []byte("b")} {
			if err := k.Set(s, v); err != nil || !reflect.DeepEqual(k.Get(s), v) {
				t.Errorf("%T: comes back as %T, %v", v, k.Get(s), err)
			}
		}
		if err := k.Set(s, 5); err == nil || !strings.Contains(err.Error(), "int") {
			t.Errorf("an int: %v, want an error that names it", err)
		}
		return c.NoContent(204)
	})
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if rec.Code != 204 {
		t.Errorf("status %d", rec.Code)
	}
}
