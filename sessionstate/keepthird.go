package sessionstate

import (
	"context"
	"net/http"
	"time"
)

// thirdKeeper keeps sessions in a third-party store for gorilla/sessions. Such a
// store can neither compare and swap nor tell what it has: the writers of this
// process take turns and read before they write, those of several processes
// overwrite each other. The record is one of the session's Values, what code
// written for gorilla has put there is kept beside it.
type thirdKeeper struct {
	cookieKeeper // its times and its revocations
	store        *thirdParty
	turns        turns
}

var _ keeper = (*thirdKeeper)(nil)

// maxThirdAge is how long sessions without a deadline are kept, in seconds:
// these stores take none for an order to delete.
const maxThirdAge = 400 * 24 * 3600

func (k *thirdKeeper) load(ctx context.Context, value string, sent http.Header) (held, error) {
	h, _, err := k.open(ctx, &held{cookie: value}, sent)
	return h, err
}

// before opens a session that the store has, also one of another name.
func (k *thirdKeeper) before(ctx context.Context, name, value string) (held, *thirdSession, error) {
	if value == "" { // to the store that is a new session
		return held{}, nil, &refusal{reason: errUnknown}
	}
	session, err := (&thirdParty{name, k.store.store}).open(ctx, value)
	if err != nil {
		return held{}, nil, err
	}
	h, ok := heldIn(session.session.Values)
	if !ok { // an app's session of before: it is taken over, and begins now
		h = held{id: idOfBefore("third", session.value), is: true, record: fresh(time.Now())}
		h.record.life = session.promise().life()
	}
	h.cookie = value
	h.record.foreign, err = encodeForeign(session.session.Values)
	return h, session, err
}

// open returns the session of at's cookie. Visits are noted beside it: in sent,
// or by at.
func (k *thirdKeeper) open(ctx context.Context, at *held, sent http.Header) (held, *thirdSession, error) {
	h, session, err := k.before(ctx, k.store.name, at.cookie)
	if err != nil {
		return held{}, nil, err
	}
	h.touched = at.touched
	if err := k.visited(&h, sent).timely(k.limits, time.Now()); err != nil {
		return held{}, nil, err
	}
	h, err = k.cookieKeeper.reload(ctx, &h)
	return h, session, err
}

func (k *thirdKeeper) reload(ctx context.Context, h *held) (held, error) {
	if h.cookie == "" { // not saved yet
		return k.cookieKeeper.reload(ctx, h)
	}
	now, _, err := k.open(ctx, h, nil)
	return now, err
}

func (k *thirdKeeper) save(ctx context.Context, j *job) (saved, error) {
	if j.touch {
		return k.saveVisit(ctx, j)
	}
	out := saved{base: j.base.record, tries: 1}
	h := held{is: true, record: j.next}
	var session *thirdSession
	if j.base.known() {
		give, _, err := k.turns.take(ctx, string(j.base.id[:]), time.Minute)
		if err != nil {
			return saved{}, err
		}
		defer give()
		now, found, err := k.open(ctx, &j.base, nil)
		if isRefusal(err) {
			return saved{}, ErrEnded
		}
		if err != nil {
			return saved{}, err
		}
		if h.record, err = j.changes.apply(now.record); err != nil {
			return saved{}, err
		}
		h.id, out.base, session = now.id, now.record, found
	}
	if !j.base.known() || j.renew {
		if j.renew && j.base.known() {
			if err := k.revoked.renew(ctx, &j.base); err != nil {
				return saved{}, err
			}
			if err := session.erase(); err != nil {
				return saved{}, err
			}
			out.newID = true
		}
		h.id = j.newID
		h.record.issued = max(k.revoked.after(ctx, h.mention(), j.now.Unix()), h.record.created)
		h.record.scope = j.base.lifeAfter(&h.record)
		var err error
		if session, err = k.store.open(ctx, ""); err != nil {
			return saved{}, err
		}
	}
	h.record.seen = h.record.seenAt(j.now)
	h.deadline = k.limits.deadline(&h.record, j.now)
	values, err := decodeForeign(h.record.foreign)
	if err != nil {
		return saved{}, err
	}
	plain := h
	plain.record.foreign = ""
	values[recordKey] = plain.append(nil)
	age := maxThirdAge
	if end := k.limits.end(&h.record); !end.IsZero() { // not the deadline: visits do not reach the store
		age = max(1, int(end.Sub(j.now)/time.Second))
	}
	if out.cookie, err = session.save(values, age); err != nil {
		return saved{}, err
	}
	h.cookie = out.cookie
	out.after = h
	return out, nil
}

func (k *thirdKeeper) end(ctx context.Context, h *held) error {
	give, _, err := k.turns.take(ctx, string(h.id[:]), time.Minute)
	if err != nil {
		return err
	}
	defer give()
	if err := k.revoked.end(ctx, h, h.mention()); err != nil {
		return err
	}
	session, err := k.store.open(ctx, h.cookie)
	switch {
	case isRefusal(err):
		return nil
	case err != nil:
		return err
	}
	return session.erase()
}

func (k *thirdKeeper) size(r *record) (size, limit int) { return r.size() + 2, maxRecord }
