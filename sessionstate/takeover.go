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

// legacyID returns the id for a session in a cookie of another library. It is made from the bytes
// to which a base64 value decodes: decoders skip line breaks and ignore the last bits, so one
// session has several spellings.
func legacyID(kind, value string) (id sessionID) {
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

// until returns when they stop being accepted; the zero time is never.
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
	h := snapshot{id: legacyID("legacy", value), exists: true, stale: true, record: fresh(now)}
	h.record.foreign, h.record.rememberFor = values, requestedOf(l.MaxAge).rememberFor()
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

// requestedLifetime is how long another session library lets its sessions live after each save,
// such as the MaxAge of gorilla/sessions. 0 seconds is until the browser is closed.
type requestedLifetime struct {
	seconds int64
	known   bool
}

func requestedOf(maxAge *int) requestedLifetime {
	if maxAge == nil {
		return requestedLifetime{}
	}
	return requestedLifetime{seconds: int64(*maxAge), known: true}
}

// rememberFor returns the lifetime of a session that begins now, in seconds; 0: Config decides.
func (p requestedLifetime) rememberFor() int64 { return min(max(p.seconds, 0), maxRemember) }

// sinceCreation returns the lifetime of a record that is saved now, in seconds from its creation.
func (p requestedLifetime) sinceCreation(r *record, now time.Time) int64 {
	return min(max(now.Unix()-r.created, 0)+p.rememberFor(), maxRemember)
}
