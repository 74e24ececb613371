package sessionstate

import (
	"context"
	"encoding/binary"
	"net/http"
	"time"
)

// In cookie mode a page that only reads must not send the session's values back:
// of two responses under way the last wins, and would undo what the other has
// changed. So a visit is noted in a cookie of its own, which holds the session's
// digest and the time and no value.

// visitSuffix is added to the name of the session's cookie.
const visitSuffix = "-t"

// visitSize is the size of what the cookie holds.
const visitSize = digestSize + 8

// maxVisits is how many cookies of that name are looked at.
const maxVisits = 10

// visited sets when the visitor was last seen, if the session's own cookie does
// not say it well enough, and returns h.
func (k *cookieKeeper) visited(h *held, sent http.Header) *held {
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

// saveVisit notes a visit, and keeps what Config.Spill has for as long.
func (k *cookieKeeper) saveVisit(ctx context.Context, p *pending) error {
	if err := k.goOn(ctx, p); err != nil {
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
