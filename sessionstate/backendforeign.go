package sessionstate

import (
	"context"
	"net/http"
	"time"

	"github.com/reecho-go/reecho/sessionstate/internal/foreign"
)

// foreignBackend keeps sessions in a store of another session library. Such a store
// cannot compare and swap. So writers in this process run one after another, and each reads the session
// before it writes. Writers in different processes overwrite each other. The session of the
// other library has the record as one more value.
type foreignBackend struct {
	cookieBackend // used for times and revocations
	store         foreign.Store
	turns         turns
}

var _ backend = (*foreignBackend)(nil)

// maxForeignAge is how long sessions without a deadline are kept, in seconds: these stores
// delete a session whose age is 0.
const maxForeignAge = 400 * 24 * 3600

func (k *foreignBackend) load(ctx context.Context, value string, sent http.Header) (snapshot, error) {
	h, _, err := k.open(ctx, &snapshot{cookie: value}, sent)
	return h, err
}

// openLegacy opens a session in the store. The name may be that of another cookie.
func (k *foreignBackend) openLegacy(ctx context.Context, name, value string) (snapshot, foreign.Session, error) {
	if value == "" { // the store would open a new session
		return snapshot{}, nil, &refusal{reason: errUnknown}
	}
	session, err := k.store.Open(ctx, name, value)
	if err != nil {
		return snapshot{}, nil, refusedBy(err)
	}
	h, err := parseSession(session.Record())
	if err != nil { // a session without a record is from before the Manager: it is taken over, and its times begin now
		h = snapshot{id: legacyID("third", session.Cookie()), exists: true, record: fresh(time.Now())}
		h.record.rememberFor = requestedOf(session.MaxAge()).rememberFor()
	}
	h.cookie = value
	h.record.foreign, err = session.Values()
	return h, session, err
}

// open returns the session of at's cookie. The last visit comes from the cookies in sent, or
// from at.
func (k *foreignBackend) open(ctx context.Context, at *snapshot, sent http.Header) (snapshot, foreign.Session, error) {
	h, session, err := k.openLegacy(ctx, k.name, at.cookie)
	if err != nil {
		return snapshot{}, nil, err
	}
	h.touched = at.touched
	if err := k.withLastVisit(&h, sent).setDeadline(k.limits, time.Now()); err != nil {
		return snapshot{}, nil, err
	}
	h, err = k.cookieBackend.reload(ctx, &h)
	return h, session, err
}

func (k *foreignBackend) reload(ctx context.Context, h *snapshot) (snapshot, error) {
	if h.cookie == "" { // not saved yet
		return k.cookieBackend.reload(ctx, h)
	}
	now, _, err := k.open(ctx, h, nil)
	return now, err
}

func (k *foreignBackend) save(ctx context.Context, p *pending) error {
	if p.touchOnly {
		return k.saveVisit(ctx, p)
	}
	p.before, p.tries = p.base.record, 1
	h := snapshot{exists: true, record: p.next}
	var session foreign.Session
	if p.base.known() {
		release, _, err := k.turns.acquire(ctx, string(p.base.id[:]), time.Minute)
		if err != nil {
			return err
		}
		defer release()
		now, found, err := k.open(ctx, &p.base, nil)
		if isRefusal(err) {
			return ErrEnded
		}
		if err != nil {
			return err
		}
		if h.record, err = p.changes.apply(now.record); err != nil {
			return err
		}
		h.id, p.before, session = now.id, now.record, found
	}
	if !p.base.known() || p.renew {
		if p.renew && p.base.known() {
			if err := k.revoked.renew(ctx, &p.base); err != nil {
				return err
			}
			if err := session.Delete(); err != nil {
				return err
			}
			p.renewed = true
		}
		h.id = p.newID
		h.record.issued = max(k.revoked.issueTime(ctx, h.ref(), p.now.Unix()), h.record.created)
		h.record.lineage = p.base.lineageAfter(&h.record)
		var err error
		if session, err = k.store.Open(ctx, k.name, ""); err != nil {
			return err
		}
	}
	h.record.seen = h.record.seenAt(p.now)
	h.deadline = k.limits.deadline(&h.record, p.now)
	plain := h
	plain.record.foreign = ""
	age := maxForeignAge
	if end := k.limits.end(&h.record); !end.IsZero() { // not the deadline, because visits are not saved in the store
		age = max(1, int(end.Sub(p.now)/time.Second))
	}
	var err error
	if p.cookie, err = session.Save(plain.append(nil), h.record.foreign, age); err != nil {
		return err
	}
	h.cookie = p.cookie
	p.after = h
	return nil
}

func (k *foreignBackend) end(ctx context.Context, h *snapshot) error {
	release, _, err := k.turns.acquire(ctx, string(h.id[:]), time.Minute)
	if err != nil {
		return err
	}
	defer release()
	if err := k.revoked.end(ctx, h, h.ref()); err != nil {
		return err
	}
	session, err := k.store.Open(ctx, k.name, h.cookie)
	if err = refusedBy(err); isRefusal(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return session.Delete()
}

func (k *foreignBackend) size(r *record) (size, limit int) { return r.size() + 2, maxRecord }
