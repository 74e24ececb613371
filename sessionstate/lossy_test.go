package sessionstate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
)

type (
	opaque  struct{ a, b int }
	mixed   struct{ Name, secret string }
	ignored struct {
		Name string `json:"-"`
	}
	inner  struct{ ID int }
	outer  struct{ inner }
	viaPtr struct{ *inner }
	twice  struct {
		A int `json:"B"`
		B int
	}
	shadowed struct {
		inner
		ID string
	}
	stamped struct {
		time.Time
		Note string
	}
	named struct {
		At   time.Time
		Note string
	}
	oneWay  struct{ n int }
	pointer struct{ n int }
	list    struct {
		Next  *list
		Items []string
	}
	sets struct {
		Seen   map[string]struct{}
		mu     sync.Mutex `json:"-"`
		cached string     `json:"-"`
	}
	dated struct {
		time.Time
		Note string
	}
)

func (oneWay) MarshalJSON() ([]byte, error)     { return []byte("1"), nil }
func (p *pointer) MarshalJSON() ([]byte, error) { return json.Marshal(p.n) }
func (p *pointer) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &p.n) }
func (d dated) MarshalJSON() ([]byte, error)    { return json.Marshal(named{d.Time, d.Note}) }
func (d *dated) UnmarshalJSON(b []byte) error {
	var n named
	err := json.Unmarshal(b, &n)
	d.Time, d.Note = n.At, n.Note
	return err
}

func newKey[T any](def T) func() {
	return func() { sessionstate.NewKey("k", sessionstate.KeyConfig[T]{Default: def}) }
}
func newKeyOf[T any](_ ...T) func() { var zero T; return newKey(zero) }

func TestNewKeyRefusesTypesThatLoseSomething(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		f    func()
		want string // of the field, and what is wrong
	}{
		"no exported field":                 {newKeyOf[opaque](), "a (int) is a field of sessionstate_test.opaque that is not exported"},
		"an unexported field beside others": {newKeyOf[mixed](), "secret (string) is a field of sessionstate_test.mixed that is not exported"},
		"one deep down":                     {newKeyOf[map[string][]*mixed](), "[][].secret"},
		"only fields that are left out":     {newKeyOf[ignored](), "keeps none"},
		"an atomic":                         {newKeyOf[atomic.Int64](), "atomic.Int64"},
		"a field that is an atomic":         {newKeyOf[struct{ N atomic.Int64 }](), "N"},
		"a field with the name of a dash": {newKeyOf[struct {
			A int
			N atomic.Int64 `json:"-,"` //lint:ignore SA5008 a name that is meant
		}](), "N.v"},
		"a mutex":                                 {newKeyOf[struct{ Mu sync.Mutex }](), "Mu"},
		"a function":                              {newKeyOf[struct{ F func() }](), "F (func())"},
		"a channel":                               {newKeyOf[[]chan int](), "chan int"},
		"a complex number":                        {newKeyOf[complex128](), "complex128"},
		"an interface with methods":               {newKeyOf[struct{ Err error }](), "Err (error)"},
		"a map with keys of a struct":             {newKeyOf[map[inner]int](), "key"},
		"a map with keys of any type":             {newKeyOf[map[any]int](), "key"},
		"a map with keys of floats":               {newKeyOf[map[float64]int](), "key"},
		"MarshalJSON alone":                       {newKeyOf[oneWay](), "UnmarshalJSON"},
		"methods of a pointer in a map":           {newKeyOf[map[string]pointer](), "use the pointer"},
		"methods of an embedded field":            {newKeyOf[stamped](), "embedded Time"},
		"an embedded pointer":                     {newKeyOf[viaPtr](), "embedded pointer"},
		"two fields of one name":                  {newKeyOf[twice](), `name "B"`},
		"a field that hides another":              {newKeyOf[shadowed](), `name "ID"`},
		"url.URL":                                 {newKeyOf[url.URL](), "User"},
		"a default with an int64 in an interface": {newKey[any](int64(5)), "int64"},
		"a default with an int in an interface":   {newKey[any](5), "int is"},
		"a default with a number in a map":        {newKey(map[string]any{"n": 5}), "int"},
		"a default that is not UTF-8":             {newKey("\xff"), "UTF-8"},
		"a default that omitempty changes": {newKey(struct {
			A []int `json:",omitempty"`
		}{A: []int{}}), "come back"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, test.want) || !strings.Contains(got, `NewKey("k")`) {
					t.Errorf("NewKey panics with %q, want %q", got, test.want)
				}
			}()
			test.f()
		})
	}
	for what, f := range map[string]func(){
		"numbers": newKeyOf[map[int64]uint64](), "bytes": newKeyOf[[]byte](), "any": newKeyOf[any](), "a recursive type": newKeyOf[list](),
		"embedded":             newKeyOf[outer](),
		"times":                newKey(named{At: time.Now()}),
		"methods of a pointer": newKey(pointer{n: 3}),
		"the same in a slice":  newKey([]pointer{{n: 3}}),
		"the same in a field":  newKeyOf[struct{ P pointer }](),
		"big numbers":          newKey(struct{ N big.Int }{*big.NewInt(7)}),
		"addresses":            newKeyOf[map[netip.Addr]netip.Prefix](),
		"a name that is a dash": newKeyOf[struct {
			A int `json:"-,"` //lint:ignore SA5008 a name that is meant
		}](),
		"sets, and what may be lost":   newKeyOf[*sets](),
		"methods in spite of embedded": newKeyOf[dated](),
		"raw JSON":                     newKeyOf[json.RawMessage](),
		"nothing":                      newKeyOf[struct{}](),
		"a default with an interface":  newKey(map[string]any{"a": 1.5, "b": []any{"x", nil, true}}),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if got := recover(); got != nil {
					t.Errorf("NewKey panics: %v", got)
				}
			}()
			f()
		})
	}
}

// tries sets a key of type T in a session and reads it again.
func tries[T any](t *testing.T, v T) (T, error) {
	t.Helper()
	k := sessionstate.NewKey("k", sessionstate.KeyConfig[T]{})
	a := newApp(t, sessionstate.Config{})
	var setErr error
	var back T
	a.handle("/set", func(c echo.Context, s *sessionstate.State) error {
		setErr = k.Set(s, v)
		return c.NoContent(204)
	})
	a.handle("/get", func(c echo.Context, s *sessionstate.State) error {
		back = k.Get(s)
		return c.NoContent(204)
	})
	w := a.visitor()
	w.get(t, "/set").status(t, 204)
	w.get(t, "/get").status(t, 204)
	return back, setErr
}

func TestSetRefusesValuesThatLoseSomething(t *testing.T) {
	t.Parallel()
	refused := func(what, field string, err error) {
		t.Helper()
		if !errors.Is(err, sessionstate.ErrValue) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v, want an ErrValue that names %q", what, err, field)
		}
	}
	_, err := tries[any](t, int64(1)<<60)
	refused("an int64 in an interface", "int64", err)
	_, err = tries[any](t, math.MaxInt)
	refused("an int in an interface", "int is", err)
	_, err = tries(t, map[string]any{"a": []any{map[string]any{"n": uint8(1)}}})
	refused("one deep down", "uint8", err)
	_, err = tries(t, struct{ Data any }{time.Now()})
	refused("a time in an interface", "Data", err)
	_, err = tries(t, []any{struct{ N int }{1}})
	refused("a struct in an interface", "[0]", err)
	_, err = tries[any](t, []string{"a"})
	refused("a slice of strings in an interface", "[]string", err)
	_, err = tries(t, map[string]any{"a": []any(nil)})
	refused("a nil slice in an interface", "[]interface {}", err)
	_, err = tries[any](t, map[string]any(nil))
	refused("a nil map in an interface", "map[string]interface {}", err)
	_, err = tries(t, struct {
		Data any `json:"-,"` //lint:ignore SA5008 a name that is meant
	}{int64(1)})
	refused("a field with the name of a dash", "Data", err)
	_, err = tries(t, "caf\xe9")
	refused("a string that is not UTF-8", "UTF-8", err)
	_, err = tries(t, struct{ Names []string }{[]string{"ok", "\xff"}})
	refused("one in a field", "Names[1]", err)
	_, err = tries(t, map[string]int{"\xff": 1})
	refused("one that is a key", "key", err)
	_, err = tries(t, new([]int))
	refused("a pointer to nil", "nil", err)

	kept := func(what string, want, got any, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s comes back as %v, %v, want %v", what, got, err, want)
		}
	}
	m := map[string]any{"a": 1.5, "b": []any{"x", nil, true, map[string]any{}}}
	back, err := tries(t, m)
	kept("what JSON has", m, back, err)
	text, err := tries(t, `the replacement � and its spelling \ufffd`)
	kept("a text", `the replacement � and its spelling \ufffd`, text, err)
	p, err := tries(t, pointer{n: 7})
	kept("a value with methods of its pointer", pointer{n: 7}, p, err)
	n, err := tries(t, struct{ N big.Int }{*big.NewInt(7)})
	kept("a big number", struct{ N big.Int }{*big.NewInt(7)}, n, err)
	d, err := tries(t, dated{time.Unix(1, 0).UTC(), "note"})
	kept("an embedded time with methods", dated{time.Unix(1, 0).UTC(), "note"}, d, err)
}
