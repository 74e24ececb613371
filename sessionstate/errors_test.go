package sessionstate_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
)

func TestErrorsSayWhatAndWhereWithoutTheValue(t *testing.T) {
	t.Parallel()
	type point struct{ X int }
	in(t, sessionstate.Config{}, func(s *sessionstate.State) {
		put := sessionstate.NewKey("k", sessionstate.KeyConfig[any]{})
		lookup := func(name string, v any, read func() error) string {
			t.Helper()
			if err := sessionstate.Plant(s, name, v); err != nil {
				t.Fatal(err)
			}
			if err := read(); err != nil {
				return err.Error()
			}
			return ""
		}
		ofPoint := sessionstate.NewKey("k1", sessionstate.KeyConfig[point]{})
		ofTime := sessionstate.NewKey("k2", sessionstate.KeyConfig[time.Time]{})
		ofFloat := sessionstate.NewKey("k3", sessionstate.KeyConfig[float64]{})
		tests := []struct{ got, want string }{
			{lookup("k1", map[string]any{"X": 987.5}, func() error { _, _, err := ofPoint.Lookup(s); return err }), "a JSON number is no int in field X"},
			{lookup("k1", "MARKER", func() error { _, _, err := ofPoint.Lookup(s); return err }), "a JSON string is no sessionstate_test.point"},
			{lookup("k2", "MARKER", func() error { _, _, err := ofTime.Lookup(s); return err }), "cannot be encoded or decoded (*time.ParseError)"},
			{lookup("k3", nil, func() error { _, _, err := ofFloat.Lookup(s); return err }), "the value is null"},
			{put.Set(s, make(chan int)).Error(), "unsupported type: chan int"},
			{put.Set(s, math.NaN()).Error(), "unsupported value: NaN"},
		}
		for _, test := range tests {
			if !strings.Contains(test.got, `key "k`) || !strings.Contains(test.got, test.want) {
				t.Errorf("error = %q, want the key and %q", test.got, test.want)
			}
			if strings.Contains(test.got, "MARKER") || strings.Contains(test.got, "987") {
				t.Errorf("error = %q shows the value", test.got)
			}
		}
		err := put.Set(s, strings.Repeat("x", 5000))
		if want := `sessionstate: the session with key "k" would take `; !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), `of at most 4096; largest: "k" 5003`) {
			t.Errorf("error = %q", err)
		}
		if sessionstate.ErrCSRF.Error() == "" || put.Name() != "k" {
			t.Error("no text")
		}
	})
}

func TestErrTooLargeNamesTheLargestKeys(t *testing.T) {
	t.Parallel()
	in(t, sessionstate.Config{}, func(s *sessionstate.State) {
		for i, n := range []int{10, 500, 30, 900, 20, 700} {
			k := sessionstate.NewKey(string(rune('a'+i)), sessionstate.KeyConfig[string]{})
			if err := k.Set(s, strings.Repeat("x", n)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := sessionstate.Append(tags, s, strings.Repeat("x", 2000))
		if want := `with key "tags" would take `; !errors.Is(err, sessionstate.ErrTooLarge) || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want an ErrTooLarge with %s", err, want)
		}
		_, largest, _ := strings.Cut(err.Error(), "largest: ")
		if want := `"tags" 2008 "d" 903 "f" 703 "b" 503 "c" 33`; largest != want {
			t.Errorf("largest: %s, want %s", largest, want)
		}
		if has(tags, s) {
			t.Error("the change was made")
		}
	})
}

func TestCreatedAndDeadline(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		var created, deadline time.Time
		a.handle("/times", func(_ echo.Context, s *sessionstate.State) error {
			created, deadline = s.Created(), s.Deadline()
			return nil
		})
		v := a.visitor()
		start := time.Now()
		v.get(t, "/incr")
		time.Sleep(20 * time.Minute)
		v.get(t, "/times")
		if !created.Equal(start) || !deadline.Equal(start.Add(50*time.Minute)) {
			t.Errorf("created %v, deadline %v; want %v and half an hour from now", created, deadline, start)
		}
		v.get(t, "/remember")
		v.get(t, "/times")
		if at := start.Add(20 * time.Minute); !created.Equal(at) || !deadline.Equal(at.Add(30*24*time.Hour)) {
			t.Errorf("remembered: created %v, deadline %v", created, deadline)
		}
	})
}
