package sessionstate

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/reecho-go/reecho/sessionstate/internal/foreign"
)

// Sessions of another library that are taken over have no id of ours: they get
// one that follows from their cookie, so that it can be revoked.

// legacyMark is the size of the part of an id that tells that it comes from a
// cookie of before.
const legacyMark = 8

// idOfBefore is the id of the session that a cookie of before holds. A value of
// base64 stands for the bytes that it decodes to, however it is spelled: decoders
// skip line breaks and do not look at the last bits.
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

// legacyCookies are cookies that another library has set before.
type legacyCookies struct{ *foreign.Cookies }

// until is when they are no longer believed.
func (l legacyCookies) until() time.Time {
	if l.Cookies == nil || l.Until == 0 {
		return time.Time{}
	}
	return time.Unix(l.Until, 0)
}

// open decodes a cookie of before. Its session begins now.
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

// refusedBy turns an answer of another library's store into a *refusal; faults
// stay what they are.
func refusedBy(err error) error {
	switch {
	case errors.Is(err, foreign.ErrForged):
		return &refusal{reason: errForged}
	case errors.Is(err, foreign.ErrUnknown):
		return &refusal{reason: errUnknown}
	}
	return err
}

// promise is how long another session library lets its sessions live, such as
// gorilla's by the MaxAge of its options: so long after each save. 0 is until the browser is closed.
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

// remember is what a session that begins now is to live, in seconds; 0: Config
// decides.
func (p promise) remember() int64 { return min(max(p.seconds, 0), maxRemember) }

// from is how long a record that is saved now is to live, counted from its
// beginning.
func (p promise) from(r *record, now time.Time) int64 {
	return min(max(now.Unix()-r.created, 0)+p.remember(), maxRemember)
}
