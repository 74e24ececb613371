package sessionstate

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

// recordKey is the one entry of a gorilla session's Values that is ours: the
// id and the record, as bytes.
const recordKey = "_ss"

// gorillaStore is what the Manager has of gorilla/sessions.
type gorillaStore struct {
	cookies *sessions.CookieStore
}

func newGorillaStore(m *Manager) gorillaStore {
	return gorillaStore{cookies: &sessions.CookieStore{
		Codecs: []securecookie.Codec{gorillaCodec{m.codec, m.limits}},
		Options: &sessions.Options{
			Path:        m.cookie.Path,
			Domain:      m.cookie.Domain,
			Secure:      !m.insecure,
			HttpOnly:    true,
			SameSite:    m.cookie.SameSite,
			Partitioned: m.cookie.Partitioned,
		},
	}}
}

// newCookie makes a cookie with the Manager's attributes. A maxAge of 0 is
// until the browser is closed, a negative one deletes.
func (m *Manager) newCookie(name, value string, maxAge int) *http.Cookie {
	options := *m.gorilla.cookies.Options
	options.MaxAge = maxAge
	return sessions.NewCookie(name, value, &options)
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
	h.record.seen = max(now.Unix(), h.record.created)
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
	deadline := g.limits.deadline(&h.record, time.Unix(h.record.seen, 0))
	if err := g.limits.alive(h.id, &h.record, deadline, time.Now()); err != nil {
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
