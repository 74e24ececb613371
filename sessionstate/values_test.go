package sessionstate_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
)

// gobs is a Codec whose values have no form in JSON.
type gobs struct{}

func (gobs) Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func (gobs) Unmarshal(data []byte, v any) error {
	return gob.NewDecoder(bytes.NewReader(data)).Decode(v)
}

// texts is a Codec whose values have one.
type texts struct{}

func (texts) Marshal(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	return base64.StdEncoding.AppendEncode(nil, b), err
}

func (texts) Unmarshal(data []byte, v any) error {
	b, err := base64.StdEncoding.AppendDecode(nil, data)
	return errors.Join(err, json.Unmarshal(b, v))
}

func TestValuesOfACodec(t *testing.T) {
	t.Parallel()
	type point struct{ X, Y int }
	at := sessionstate.NewKey("at", sessionstate.KeyConfig[point]{Default: point{1, 1}, MaxBytes: 200})
	for what, codec := range map[string]sessionstate.Codec{"gob": gobs{}, "text": texts{}} {
		modes(t, func(t *testing.T, cfg sessionstate.Config) {
			var seen []string
			cfg.Hooks = []sessionstate.Hook{at.AfterCommit(func(_ context.Context, ch sessionstate.Change[point]) {
				seen = append(seen, fmt.Sprint(ch.Old, ch.New))
			})}
			before, after := newApp(t, cfg), func() *app { cfg.Codec = codec; return newApp(t, cfg) }()
			move := func(c echo.Context, s *sessionstate.State) error {
				p, err := at.Update(s, func(p point) point { p.X++; return p })
				return errors.Join(err, c.String(200, fmt.Sprint(p)))
			}
			show := func(c echo.Context, s *sessionstate.State) error {
				snap, err := json.Marshal(s.Snapshot())
				return errors.Join(err, c.String(200, fmt.Sprint(at.Get(s))+" "+string(snap)))
			}
			same := func(c echo.Context, s *sessionstate.State) error {
				return errors.Join(at.Set(s, at.Get(s)), c.NoContent(204))
			}
			bind := func(c echo.Context, s *sessionstate.State) error {
				return errors.Join(sessionstate.Bind(s, c, count.Field("n")), c.String(200, fmt.Sprint(count.Get(s))))
			}
			for _, a := range []*app{before, after} {
				a.handle("/move", move)
				a.handle("/", show)
				a.handle("/same", same)
				a.handle("/bind", bind)
			}
			v := before.visitor()
			v.get(t, "/move").wants(t, 200, "{2 1}")
			v.a = after
			v.get(t, "/").wants(t, 200, `{2 1} {"at":{"X":2,"Y":1}}`) // JSON of before is still read
			v.get(t, "/move").wants(t, 200, "{3 1}")
			v.get(t, "/move").wants(t, 200, "{4 1}")
			if r := v.get(t, "/same"); len(r.Header["Set-Cookie"]) != 0 {
				t.Errorf("%s: setting the same value sets a cookie", what)
			}
			v.get(t, "/bind?n=7").wants(t, 200, "7")
			snap := map[string]string{"gob": `{}`, "text": `{"at":{"X":4,"Y":1},"count":7}`}[what]
			v.get(t, "/").wants(t, 200, "{4 1} "+snap)
			if got := strings.Join(seen, " "); got != "{1 1} {2 1} {2 1} {3 1} {3 1} {4 1}" {
				t.Errorf("%s: AfterCommit has seen %s", what, got)
			}
			v.a = before
			v.get(t, "/").wants(t, 200, "{1 1} {}") // and without the codec nothing is
			events := observe.Of[observe.SessionValue](before.rec)
			if len(events) == 0 || !strings.Contains(events[0].Err.Error(), "Config.Codec") {
				t.Errorf("%s: events %v, want one that names Config.Codec", what, events)
			}
		})
	}
}

func TestAValueThatACodecCannotKeepFailsAtSet(t *testing.T) {
	t.Parallel()
	in(t, sessionstate.Config{Codec: gobs{}}, func(s *sessionstate.State) {
		k := sessionstate.NewKey("k", sessionstate.KeyConfig[any]{})
		err := k.Set(s, make(chan int))
		if !errors.Is(err, sessionstate.ErrValue) || has(k, s) {
			t.Errorf("Set() = %v, want an ErrValue", err)
		}
	})
	// what another release of the app has left
	a, later := newApp(t, sessionstate.Config{Codec: gobs{}}), newApp(t, sessionstate.Config{Codec: gobs{}})
	text := sessionstate.NewKey("count", sessionstate.KeyConfig[string]{})
	a.handle("/", func(_ echo.Context, s *sessionstate.State) error { return text.Set(s, "text") })
	later.handle("/", func(c echo.Context, s *sessionstate.State) error {
		n, err := sessionstate.Incr(count, s, 1)
		return errors.Join(err, c.String(200, strconv.Itoa(n)))
	})
	v := a.visitor()
	v.get(t, "/").status(t, 200)
	v.a = later
	v.get(t, "/").wants(t, 200, "1")
}
