package sessionstate

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate/internal/foreign"
)

// cookieKeeper keeps sessions in their cookies.
type cookieKeeper struct {
	name    string // of the cookie
	codec   *codec
	limits  limits
	revoked *revocations
	spill   *spill // nil: what does not fit is refused
	legacy  legacyCookies
}

var _ keeper = (*cookieKeeper)(nil)

// errFuture is the reason of an observe.SessionRefused.
var errFuture = errors.New("from the future")

// errRevoked is the reason of an observe.SessionRevoked.
var errRevoked = errors.New("its id has been ended")

func (k *cookieKeeper) load(ctx context.Context, value string, sent http.Header) (held, error) {
	h, err := k.open(value)
	if err != nil {
		return held{}, &refusal{reason: err}
	}
	if err := k.visited(&h, sent).timely(k.limits, time.Now()); err != nil {
		return held{}, err
	}
	return k.reload(ctx, &h)
}

// open reads a cookie's value, our own or one of before.
func (k *cookieKeeper) open(value string) (held, error) {
	plain, stale, err := k.codec.open(boxRecord, k.name, value)
	if err != nil {
		if h, ok := k.legacy.open(k.name, value, time.Now()); ok {
			return h, nil
		}
		return held{}, err
	}
	h, err := parseHeld(plain)
	h.stale, h.spilled = stale, h.record.spilled
	return h, err
}

// before opens a cookie of another name that the library of Config.Foreign has set.
func (k *cookieKeeper) before(_ context.Context, name, value string) (held, foreign.Session, error) {
	h, ok := k.legacy.open(name, value, time.Now())
	if !ok {
		return held{}, nil, &refusal{reason: errForged}
	}
	return h, nil, nil
}

// parseHeld reads an id and a record.
func parseHeld(plain []byte) (held, error) {
	if len(plain) < idSize {
		return held{}, errFormat
	}
	h := held{exists: true}
	copy(h.id[:], plain)
	var err error
	h.record, err = parseRecord(plain[idSize:])
	return h, err
}

// timely sets the deadline of a session whose times come from its cookie, and
// refuses one that is over, or from the future.
func (h *held) timely(l limits, now time.Time) error {
	seen := time.UnixMilli(max(h.record.seen, h.touched))
	h.deadline = l.deadline(&h.record, seen)
	if seen.Sub(now) > skew {
		return &refusal{reason: errFuture}
	}
	return h.alive(now)
}

// append encodes an id and a record for parseHeld.
func (h *held) append(b []byte) []byte { return h.record.append(append(b, h.id[:]...)) }

func (k *cookieKeeper) save(ctx context.Context, p *pending) error {
	if p.touchOnly && !p.base.stale {
		return k.saveVisit(ctx, p)
	}
	h := held{id: p.base.id, exists: true, record: p.next}
	if !p.base.known() || p.renew {
		h.id = p.newID
		h.record.issued = max(k.revoked.after(ctx, h.mention(), p.now.Unix()), h.record.created)
		h.record.lineage = p.base.lineageAfter(&p.next)
	}
	h.record.seen = h.record.seenAt(p.now)
	h.deadline = k.limits.deadline(&h.record, p.now)
	if size, limit := k.size(&h.record); size > limit {
		return tooLarge("", &h.record, size, limit)
	}
	var err error
	if p.base.known() {
		if err = k.goOn(ctx, p); err != nil {
			return err
		}
	}
	kept := h
	if kept.record, err = k.part(ctx, &p.base, &h); err != nil {
		return err
	}
	plain := kept.append(make([]byte, 0, idSize+kept.record.size()))
	p.before, p.after, p.tries = p.base.record, h, 1
	p.cookie, p.renewed = k.codec.seal(boxRecord, k.name, plain), p.base.known() && p.renew
	return nil
}

// goOn fails with ErrEnded if the session has ended meanwhile: a request that
// was under way must not hand out a cookie for it. One that renews the id ends
// the old one, and of several that do so at once only the first goes on.
func (k *cookieKeeper) goOn(ctx context.Context, p *pending) error {
	if p.renew {
		return k.revoked.renew(ctx, &p.base)
	}
	switch dead, err := k.revoked.has(ctx, p.base.mention()); {
	case err != nil:
		return err
	case dead:
		return ErrEnded
	}
	return nil
}

// reload returns what the cookie had: there is no other copy.
func (k *cookieKeeper) reload(ctx context.Context, h *held) (held, error) {
	switch dead, err := k.revoked.has(ctx, h.mention()); {
	case err != nil:
		return held{}, err
	case dead:
		return held{}, &refusal{errRevoked, observe.SessionRevoked, h.id}
	}
	return *h, nil
}

func (k *cookieKeeper) end(ctx context.Context, h *held) error {
	err := k.revoked.end(ctx, h, h.mention())
	if err == nil && k.spill != nil {
		k.spill.drop(ctx, h)
	}
	return err
}

func (k *cookieKeeper) size(r *record) (size, limit int) {
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

// cookieSize is what a cookie with all of the record takes.
func (k *cookieKeeper) cookieSize(r *record) (size, limit int) {
	// seen grows until the record is sealed: count it at its longest
	grow := uvarintLen(1000*maxSeconds) - uvarintLen(uint64(r.seen-1000*r.created))
	return len(k.name) + sealedLen(idSize+r.size()+grow), maxCookie
}

// waits implements keeper: our own list is in memory.
func (k *cookieKeeper) waits() bool { return k.revoked.own == nil || k.spill != nil }
