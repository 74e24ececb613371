package sessionstate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate/internal/foreign"
)

// cookieBackend keeps sessions in their cookies.
type cookieBackend struct {
	name    string // of the cookie
	codec   *codec
	limits  limits
	revoked *revocations
	spill   *spill // nil: a session that does not fit is refused
	legacy  legacyCookies
}

var _ backend = (*cookieBackend)(nil)

// errFuture is the reason of an observe.SessionRefused.
var errFuture = errors.New("dated in the future")

// errRevoked is the reason of an observe.SessionRevoked.
var errRevoked = errors.New("its id has been ended")

func (k *cookieBackend) load(ctx context.Context, value string, sent http.Header) (snapshot, error) {
	h, err := k.open(value)
	if err != nil {
		return snapshot{}, &refusal{reason: err}
	}
	if err := k.withLastVisit(&h, sent).setDeadline(k.limits, time.Now()); err != nil {
		return snapshot{}, err
	}
	return k.reload(ctx, &h)
}

// open reads a cookie's value: one of the Manager, or one of Config.CookieMode.Foreign.
func (k *cookieBackend) open(value string) (snapshot, error) {
	plain, stale, err := k.codec.open(boxRecord, k.name, value)
	if err != nil {
		if h, ok := k.legacy.open(k.name, value, time.Now()); ok {
			return h, nil
		}
		return snapshot{}, err
	}
	h, err := parseSession(plain)
	h.stale, h.spilled = stale, h.record.spilled
	return h, err
}

// openLegacy opens a cookie of another name that the library of Config.CookieMode.Foreign has set.
func (k *cookieBackend) openLegacy(_ context.Context, name, value string) (snapshot, foreign.Session, error) {
	h, ok := k.legacy.open(name, value, time.Now())
	if !ok {
		return snapshot{}, nil, &refusal{reason: errForged}
	}
	return h, nil, nil
}

// parseSession reads an id and a record.
func parseSession(plain []byte) (snapshot, error) {
	if len(plain) < idSize {
		return snapshot{}, errFormat
	}
	h := snapshot{exists: true}
	copy(h.id[:], plain)
	var err error
	h.record, err = parseRecord(plain[idSize:])
	return h, err
}

// setDeadline sets the deadline of a session by the times in its cookie. It refuses a session
// whose deadline has passed, and one that is dated in the future.
func (h *snapshot) setDeadline(l limits, now time.Time) error {
	seen := time.UnixMilli(max(h.record.seen, h.touched))
	h.deadline = l.deadline(&h.record, seen)
	if seen.Sub(now) > skew {
		return &refusal{reason: errFuture}
	}
	return h.checkDeadline(now)
}

// append encodes an id and a record for parseSession.
func (h *snapshot) append(b []byte) []byte { return h.record.append(append(b, h.id[:]...)) }

func (k *cookieBackend) save(ctx context.Context, p *pending) error {
	if p.touchOnly && !p.base.stale {
		return k.saveVisit(ctx, p)
	}
	h := snapshot{id: p.base.id, exists: true, record: p.next}
	if !p.base.known() || p.renew {
		h.id = p.newID
		h.record.issued = max(k.revoked.issueTime(ctx, h.ref(), p.now.Unix()), h.record.created)
		h.record.lineage = p.base.lineageAfter(&p.next)
	}
	h.record.seen = h.record.seenAt(p.now)
	h.deadline = k.limits.deadline(&h.record, p.now)
	if size, limit := k.size(&h.record); size > limit {
		return tooLarge("", &h.record, size, limit)
	}
	var err error
	if p.base.known() {
		if err = k.checkNotEnded(ctx, p); err != nil {
			return err
		}
	}
	kept := h
	if kept.record, err = k.fit(ctx, &p.base, &h); err != nil {
		return err
	}
	plain := kept.append(make([]byte, 0, idSize+kept.record.size()))
	p.before, p.after, p.tries = p.base.record, h, 1
	p.cookie, p.renewed = k.codec.seal(boxRecord, k.name, plain), p.base.known() && p.renew
	return nil
}

// checkNotEnded fails with ErrEnded if the session has ended in the meantime, because a request that
// has begun before must not set a cookie for it. A request that renews the id ends the old id
// here; of several concurrent ones only the first succeeds.
func (k *cookieBackend) checkNotEnded(ctx context.Context, p *pending) error {
	if p.renew {
		return k.revoked.renew(ctx, &p.base)
	}
	switch dead, err := k.revoked.has(ctx, p.base.ref()); {
	case err != nil:
		return err
	case dead:
		return ErrEnded
	}
	return nil
}

// reload returns h itself, unless it was revoked: the cookie is the only copy.
func (k *cookieBackend) reload(ctx context.Context, h *snapshot) (snapshot, error) {
	switch dead, err := k.revoked.has(ctx, h.ref()); {
	case err != nil:
		return snapshot{}, err
	case dead:
		return snapshot{}, &refusal{errRevoked, observe.SessionRevoked, h.id}
	}
	return *h, nil
}

func (k *cookieBackend) end(ctx context.Context, h *snapshot) error {
	err := k.revoked.end(ctx, h, h.ref())
	if err == nil && k.spill != nil {
		k.spill.drop(ctx, h)
	}
	return err
}

func (k *cookieBackend) size(r *record) (size, limit int) {
	if k.spill == nil {
		return k.cookieSize(r)
	}
	inCookie := *r
	inCookie.entries, inCookie.foreign, inCookie.spilled = nil, "", strings.Repeat("x", sha256.Size)
	if size, limit = k.cookieSize(&inCookie); size > limit {
		return size, limit
	}
	return r.size() + 2, maxRecord
}

// cookieSize returns the size of a cookie with the whole record.
func (k *cookieBackend) cookieSize(r *record) (size, limit int) {
	// seen may grow until the record is sealed: count its longest form.
	grow := uvarintLen(1000*maxSeconds) - uvarintLen(uint64(r.seen-1000*r.created))
	return len(k.name) + sealedLen(idSize+r.size()+grow), maxCookie
}

// waits implements backend: the built-in list of revocations is in memory.
func (k *cookieBackend) waits() bool { return k.revoked.builtIn == nil || k.spill != nil }

// In cookie mode a page that only reads must not send the session's values back: of two
// responses under way the later one wins, and would undo the changes of the other. So a
// visit is stored in a second cookie, which holds only the session's digest and the time.

// visitSuffix is added to the name of the session's cookie.
const visitSuffix = "-t"

// visitSize is the size of the content of that cookie.
const visitSize = digestSize + 8

// maxVisits is how many cookies of that name are opened.
const maxVisits = 10

// withLastVisit sets the time of the last visit to that in the cookie of visits, if the time in the
// session's own cookie is older, and returns h.
func (k *cookieBackend) withLastVisit(h *snapshot, sent http.Header) *snapshot {
	now := time.Now()
	if k.limits.idle <= 0 || now.Sub(time.UnixMilli(h.record.seen)) < k.limits.touchEvery() {
		return h
	}
	sum, left := h.id.sum(), maxVisits
	name := k.name + visitSuffix
	for value := range cookies(sent, name) {
		if left--; left < 0 {
			break
		}
		plain, _, err := k.codec.open(boxVisit, name, value)
		if err != nil || len(plain) != visitSize || string(plain[:digestSize]) != string(sum[:digestSize]) {
			continue
		}
		at := int64(binary.BigEndian.Uint64(plain[digestSize:]))
		if time.UnixMilli(at).Sub(now) <= skew {
			h.touched = max(h.touched, at)
		}
	}
	return h
}

// saveVisit sets the cookie of visits, and extends the part in Config.CookieMode.Spill.
func (k *cookieBackend) saveVisit(ctx context.Context, p *pending) error {
	if err := k.checkNotEnded(ctx, p); err != nil {
		return err
	}
	h := p.base
	h.touched = h.record.seenAt(p.now)
	h.deadline = k.limits.deadline(&h.record, p.now)
	if k.spill != nil && h.spilled != "" {
		if err := k.spill.extend(ctx, &h, h.spilled); err != nil {
			return err
		}
	}
	sum := h.id.sum()
	plain := binary.BigEndian.AppendUint64(sum[:digestSize:digestSize], uint64(h.touched))
	p.before, p.after, p.tries = h.record, h, 1
	p.visit = k.codec.seal(boxVisit, k.name+visitSuffix, plain)
	return nil
}

// room returns the largest size of an encoded record that fits into a cookie.
func (k *cookieBackend) room() int {
	return encoding.DecodedLen(maxCookie-len(k.name)) - sealOverhead - idSize
}

// fit returns the record for the cookie of h, after it has put the rest into the store.
func (k *cookieBackend) fit(ctx context.Context, base, h *snapshot) (record, error) {
	if k.spill == nil {
		return h.record, nil
	}
	if h.record.spilled != "" { // the rest is in the store and was not loaded
		return h.record, k.spill.extend(ctx, h, h.record.spilled)
	}
	inCookie, before := h.record, base.spilled
	h.spilled = ""
	if h.record.size() > k.room() {
		var spilled record
		var err error
		inCookie, spilled = h.record.split(k.room())
		if h.spilled, err = k.spill.put(ctx, h, &spilled); err != nil {
			return record{}, err
		}
		inCookie.spilled = h.spilled
	}
	if before != h.spilled {
		k.spill.replaced(ctx, base)
	}
	return inCookie, nil
}
