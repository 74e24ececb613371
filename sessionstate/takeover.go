package sessionstate

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/reecho-go/reecho/sessionstate/internal/foreign"
)

// Sessions that are taken over from another library have no id. They get one that is
// derived from their cookie, so that it can be revoked.

// legacyMark is the size of the part of an id that shows that it was derived from a
// cookie of another library.
const legacyMark = 8

// idOfBefore returns the id for a session in a cookie of another library. A base64 value counts
// by the bytes that it decodes to, because decoders skip line breaks and ignore the last bits,
// so one session has several spellings.
func idOfBefore(kind, value string) (id sessionID) {
	text := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "").Replace(value), "=")
	if decoded, err := base64.RawStdEncoding.DecodeString(text); err == nil {
		value = string(decoded)
	}
	sum := sha256.Sum256([]byte("sessionstate/v1/" + kind + value))
	copy(id[:], sum[:])
	mark := id.legacyMark()
	copy(id[idSize-legacyMark:], mark[:])
	return id
}

func (id sessionID) legacyMark() [legacyMark]byte {
	var buf [64]byte // enough for all
	sum := sha256.Sum256(append(append(buf[:0], "sessionstate/v1/legacy-id"...), id[:idSize-legacyMark]...))
	return [legacyMark]byte(sum[:])
}

func (id sessionID) isLegacy() bool {
	return [legacyMark]byte(id[idSize-legacyMark:]) == id.legacyMark()
}

// legacyCookies are cookies that another library has set.
type legacyCookies struct{ *foreign.Cookies }

// until returns until when they are accepted.
func (l legacyCookies) until() time.Time {
	if l.Cookies == nil || l.Until == 0 {
		return time.Time{}
	}
	return time.Unix(l.Until, 0)
}

// open decodes a cookie of the other library. Its session begins now.
func (l legacyCookies) open(name, value string, now time.Time) (snapshot, bool) {
	if l.Cookies == nil || !now.Before(l.until()) {
		return snapshot{}, false
	}
	values, ok := l.Decode(name, value)
	if !ok {
		return snapshot{}, false
	}
	h := snapshot{id: idOfBefore("legacy", value), exists: true, stale: true, record: fresh(now)}
	h.record.foreign, h.record.rememberFor = values, promiseOf(l.MaxAge).remember()
	return h, true
}

// refusedBy turns an answer of another library's store into a *refusal, and returns faults as
// they are.
func refusedBy(err error) error {
	switch {
	case errors.Is(err, foreign.ErrForged):
		return &refusal{reason: errForged}
	case errors.Is(err, foreign.ErrUnknown):
		return &refusal{reason: errUnknown}
	}
	return err
}

// promise is how long another session library lets its sessions live after each save, such as
// gorilla's by MaxAge. 0 is until the browser is closed.
type promise struct {
	seconds int64
	known   bool
}

func promiseOf(maxAge *int) promise {
	if maxAge == nil {
		return promise{}
	}
	return promise{seconds: int64(*maxAge), known: true}
}

// remember returns how long a session that begins now lives, in seconds; 0: Config decides.
func (p promise) remember() int64 { return min(max(p.seconds, 0), maxRemember) }

// from returns how long a record that is saved now lives, in seconds from its beginning.
func (p promise) from(r *record, now time.Time) int64 {
	return min(max(now.Unix()-r.created, 0)+p.remember(), maxRemember)
}
