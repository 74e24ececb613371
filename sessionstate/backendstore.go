package sessionstate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
)

// storeBackend keeps sessions in a store; cookies hold a sealed id. Every write
// is a compare-and-swap, so no write is lost, and none brings an ended session back.
type storeBackend struct {
	name   string // of the cookie
	codec  *codec
	limits limits
	store  store.Store
	swap   store.Swapper
	touch  store.Toucher // nil: the record is written again
	prefix string
	grace  time.Duration // how long an id that was renewed by time still works
	digest func(*snapshot) string
	marks  marks
	gates  [64]chan struct{} // writers that met a conflict queue up here, by id
}

var _ backend = (*storeBackend)(nil)

const (
	// maxRecord is the largest value that every store accepts, in bytes.
	maxRecord = 1 << 20

	// maxFollowed bounds how long a Detached, or a save under way, can find a session by the
	// old id after RenewEvery has renewed it. A cookie with the old id works for the grace only.
	maxFollowed = 24 * time.Hour

	// tombstoneAge is how long the old key of a renewed session holds a tombstone. It
	// is longer than a request takes from loading the session to saving it.
	tombstoneAge = time.Minute
)

func newStoreBackend(k storeBackend) *storeBackend {
	for i := range k.gates {
		k.gates[i] = make(chan struct{}, 1)
	}
	return &k
}

func (k *storeBackend) key(id sessionID) string { return id.storeKeyIn(k.prefix) }

// errUnknown is the reason of an observe.SessionUnknown.
var errUnknown = errors.New("the store has no such session")

func (k *storeBackend) load(ctx context.Context, value string, _ http.Header) (snapshot, error) {
	plain, stale, err := k.codec.open(boxID, k.name, value)
	if err != nil {
		return snapshot{}, &refusal{reason: err}
	}
	if len(plain) != idSize {
		return snapshot{}, &refusal{reason: errFormat}
	}
	h, err := k.get(ctx, sessionID(plain), followGrace)
	if err != nil {
		return snapshot{}, err
	}
	h.stale = h.stale || stale
	return h, h.checkDeadline(time.Now())
}

// maxFollowSteps bounds how many renewals one read follows.
const maxFollowSteps = 8

// followFor is how long a read follows ids that RenewEvery has renewed.
type followFor bool

const (
	followGrace followFor = false // for the grace
	followLong  followFor = true  // for maxFollowed: the id did not come from a cookie
)

// get reads the record of an id, or of the id that has replaced it; then its cookie is
// stale. The error is a *refusal or a fault.
func (k *storeBackend) get(ctx context.Context, id sessionID, how followFor) (snapshot, error) {
	for moves := 0; ; moves++ {
		h, next, err := k.getOne(ctx, id, how)
		if err != nil || next == (sessionID{}) {
			h.stale = moves > 0
			return h, err
		}
		if moves == maxFollowSteps {
			return snapshot{}, &refusal{errEnded, observe.SessionRevoked, id}
		}
		id = next
	}
}

// getOne reads the record of an id, or returns the id that has replaced it.
func (k *storeBackend) getOne(ctx context.Context, id sessionID, how followFor) (snapshot, sessionID, error) {
	var none sessionID
	it, err := k.store.Get(ctx, k.key(id))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return snapshot{}, none, &refusal{errUnknown, observe.SessionUnknown, id}
	case err != nil:
		return snapshot{}, none, err
	}
	if next, until, ok := openMoved(id, it.Value); ok {
		if how == followGrace && !time.Now().Before(until) {
			return snapshot{}, none, &refusal{errEnded, observe.SessionRevoked, id}
		}
		return snapshot{}, next, nil
	}
	h := snapshot{id: id, exists: true, version: it.Version, read: time.Now()}
	if h.record, err = parseRecord(it.Value); err == nil && h.record.spilled != "" {
		err = errFormat
	}
	if err != nil {
		return snapshot{}, none, &refusal{err, observe.SessionRevoked, id}
	}
	h.deadline = it.Expires
	// A limit that was shortened applies to existing sessions too.
	if end := k.limits.end(&h.record); !end.IsZero() && (h.deadline.IsZero() || end.Before(h.deadline)) {
		h.deadline = end
	}
	return h, none, nil
}

func (k *storeBackend) reload(ctx context.Context, h *snapshot) (snapshot, error) {
	now, err := k.get(ctx, h.id, followLong)
	if err != nil {
		return snapshot{}, err
	}
	return now, now.checkDeadline(time.Now())
}

func (k *storeBackend) seal(id sessionID) string { return k.codec.seal(boxID, k.name, id[:]) }

// write swaps h's record in for version h.version, or creates it.
func (k *storeBackend) write(ctx context.Context, h *snapshot, p *pending) error {
	if size, limit := k.size(&h.record); size > limit {
		return tooLarge("", &h.record, size, limit)
	}
	var it store.Item
	if it.Value = h.record.append(make([]byte, 0, h.record.size())); !p.absent {
		h.deadline = k.limits.deadline(&h.record, p.now)
	}
	it.Expires, it.Expendable = h.deadline, h.record.user == ""
	version, err := k.swap.Swap(ctx, k.key(h.id), h.version, it)
	if err != nil {
		return err
	}
	h.version, h.read = version, time.Now()
	return nil
}

// create writes the record of a new id, which nobody knows yet, after its entry in the
// index. Then it looks for marks that end the user's sessions. A call that ends them at the
// same time either finds the entry, or has left its mark before.
func (k *storeBackend) create(ctx context.Context, h *snapshot, p *pending) error {
	if err := k.index(ctx, h); err != nil {
		return err
	}
	if err := k.write(ctx, h, p); err != nil {
		return err
	}
	switch over, err := k.marks.hasEnded(ctx, h, p.base.known()); {
	case err != nil:
		return err
	case over:
		return ErrEnded
	}
	return nil
}

// saveNew writes a session that is new.
func (k *storeBackend) saveNew(ctx context.Context, p *pending) error {
	h := snapshot{id: p.newID, exists: true, record: p.next}
	p.before, p.tries = p.base.record, 1
	if err := k.create(ctx, &h, p); err != nil {
		k.dropNew(ctx, &h)
		return err
	}
	p.after, p.cookie = h, k.seal(h.id)
	return nil
}

// saveTouch moves the deadline, without writing the value if the store can do that. It seals
// the cookie again if it is stale.
func (k *storeBackend) saveTouch(ctx context.Context, p *pending) error {
	h := p.base
	p.before, p.tries = h.record, 1
	var err error
	if k.touch != nil {
		h.deadline = k.limits.deadline(&h.record, p.now)
		err = k.touch.Touch(ctx, k.key(h.id), h.deadline)
	} else if err = k.write(ctx, &h, p); errors.Is(err, store.ErrConflict) {
		err = nil // another request has just written it, and moved the deadline
	}
	if errors.Is(err, store.ErrNotFound) {
		return ErrEnded
	}
	if h.stale {
		p.cookie = k.seal(h.id)
	}
	p.after = h
	return err
}

// save swaps until there is no conflict with another writer. From the first conflict on, the
// writers of this process take turns, so that each needs one attempt. The swap still guards
// against the writers of other processes.
func (k *storeBackend) save(ctx context.Context, p *pending) error {
	switch {
	case !p.base.known():
		return k.saveNew(ctx, p)
	case p.touchOnly:
		return k.saveTouch(ctx, p)
	}
	base, next := p.base, p.next
	target := snapshot{id: base.id, exists: true, version: base.version}
	renew := p.renew || p.timed
	if renew {
		target = snapshot{id: p.newID, exists: true}
	}
	gate := k.gates[base.id[0]%byte(len(k.gates))]
	queued := false
	defer func() {
		if queued {
			<-gate
		}
	}()
	for p.tries = 1; ; p.tries++ {
		target.record = next
		var err error
		if renew {
			err = k.writeRenewed(ctx, p, &base, &target)
		} else {
			target.deadline = base.deadline
			err = k.write(ctx, &target, p)
		}
		switch {
		case err == nil:
			p.before, p.after, p.renewed = base.record, target, renew
			if renew || base.stale {
				p.cookie = k.seal(target.id)
			}
			return nil
		case errors.Is(err, store.ErrNotFound):
			err = ErrEnded
		case errors.Is(err, store.ErrConflict) && p.tries < maxTries:
			if err = waitToRetry(ctx, gate, &queued, p.tries); err == nil {
				base, next, err = k.rebase(ctx, p, base.stale)
			}
			if err == nil {
				if p.timed && base.id != p.base.id { // another request has just renewed it
					k.dropNew(ctx, &target)
					renew = false
				}
				if !renew {
					target.id, target.version = base.id, base.version
				}
				continue
			}
		case errors.Is(err, store.ErrConflict):
			err = ErrContention
		}
		if renew {
			k.dropNew(ctx, &target)
		}
		return err
	}
}

// dropNew deletes the record of a new id that nobody knows. Otherwise it would count as one
// of the user's sessions until its deadline. The record may exist even if the store has
// answered with an error. dropNew may fail.
func (k *storeBackend) dropNew(ctx context.Context, target *snapshot) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // the context of the save may have ended
	defer cancel()
	_ = k.store.Delete(ctx, k.key(target.id))
	_ = k.unindex(ctx, target)
}

// writeRenewed writes the changed record under the new id, and then replaces the old record
// by a tombstone. That fails if the old record was written meanwhile.
func (k *storeBackend) writeRenewed(ctx context.Context, p *pending, base, target *snapshot) error {
	target.record.issued = max(p.now.Unix(), target.record.created)
	target.record.lineage = base.lineageAfter(&target.record)
	if target.record.root = ""; p.timed {
		target.record.root = base.root()
	}
	if err := k.create(ctx, target, p); err != nil {
		return err
	}
	item := tombstoneItem(base)
	if item.Value = tombstoneFor(target.id); p.timed {
		now := time.Now()
		var err error
		if item.Value, err = sealMoved(base.id, target.id, now.Add(k.grace)); err != nil {
			return err
		}
		// Cookies follow for the grace; handles and saves under way for longer.
		if item.Expires = now.Add(max(k.grace, maxFollowed)); !target.deadline.IsZero() && target.deadline.Before(item.Expires) {
			item.Expires = target.deadline
		}
	}
	if _, err := k.swap.Swap(ctx, k.key(base.id), base.version, item); err != nil {
		// If only the answer was lost, the visitor must keep the session.
		it, readErr := k.store.Get(ctx, k.key(base.id))
		if readErr != nil || !bytes.Equal(it.Value, item.Value) {
			return err
		}
	}
	_ = k.unindex(ctx, base) // may fail: the entry names no session any more
	return nil
}

// waitToRetry waits for the other writers of the session in this process the first time, and for a
// random time after that.
func waitToRetry(ctx context.Context, gate chan struct{}, queued *bool, tries int) error {
	if !*queued {
		select {
		case gate <- struct{}{}:
			*queued = true
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	t := time.NewTimer(rand.N(time.Millisecond << min(tries, 6)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rebase reads the session again and applies the changes to it.
func (k *storeBackend) rebase(ctx context.Context, p *pending, stale bool) (snapshot, record, error) {
	base, err := k.get(ctx, p.base.id, followFor(p.absent))
	if _, gone := errors.AsType[*refusal](err); gone {
		return snapshot{}, record{}, ErrEnded
	}
	if err != nil {
		return snapshot{}, record{}, err
	}
	base.stale = base.stale || stale
	next, err := p.changes.apply(base.record)
	return base, next, err
}

// errNoTrace says that the store has neither the session nor its tombstone.
var errNoTrace = errors.New("the store has no trace of the session: it may have been given another id")

// end replaces the session by a tombstone and deletes it. If the session was renewed since h
// was read, end follows the tombstone to the new one. A plain Delete would not notice that.
func (k *storeBackend) end(ctx context.Context, h *snapshot) error {
	last, key := *h, k.key(h.id)
	for range maxTries {
		_, err := k.swap.Swap(ctx, key, last.version, tombstoneItem(&last))
		switch {
		case err == nil:
			// The session has ended: what cannot be deleted now expires.
			_ = k.store.Delete(ctx, key)
			_ = k.unindexKey(ctx, last.record.user, key[len(k.prefix):])
			*h = last
			return nil
		case errors.Is(err, store.ErrNotFound) && key == k.key(h.id) && time.Since(h.read) >= tombstoneAge:
			return errNoTrace
		case errors.Is(err, store.ErrNotFound):
			return nil // ended or expired before
		case !errors.Is(err, store.ErrConflict):
			return err
		}
		var gone bool
		if key, gone, err = k.follow(ctx, key, &last); gone || err != nil {
			return err
		}
	}
	return ErrContention
}

// follow reads, for end, the record under a key, or under the key that a tombstone there
// names. gone says that there is nothing left to end.
func (k *storeBackend) follow(ctx context.Context, key string, last *snapshot) (at string, gone bool, err error) {
	for range maxTries {
		it, err := k.store.Get(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return key, true, nil
		}
		if err != nil {
			return key, false, err
		}
		if next, ok := nextOf(it.Value); ok {
			key = sumKeyIn(k.prefix, next)
			continue
		}
		r, err := parseRecord(it.Value)
		switch {
		case errors.Is(err, errEnded):
			return key, true, nil
		case err != nil: // malformed: it can only be deleted
			return key, true, k.store.Delete(ctx, key)
		}
		last.record, last.version = r, it.Version
		if sum, err := encoding.DecodeString(key[len(k.prefix):]); err == nil && r.lineage == "" {
			last.record.lineage = lineageOf([sha256.Size]byte(sum))
		}
		return key, false, nil
	}
	return key, false, ErrContention
}

// tombstoneItem returns a tombstone that names no new id.
func tombstoneItem(h *snapshot) store.Item {
	return store.Item{Value: tombstone, Expires: time.Now().Add(tombstoneAge), Expendable: h.record.user == ""}
}

// indexPrefix starts the keys of a user's sessions.
func (k *storeBackend) indexPrefix(user string) string {
	sum := sha256.Sum256([]byte(user))
	return k.prefix + "user/" + encoding.EncodeToString(sum[:]) + "/"
}

// index adds a session to the index of its user, with the time.
func (k *storeBackend) index(ctx context.Context, h *snapshot) error {
	if h.record.user == "" {
		return nil
	}
	value := binary.AppendUvarint(nil, uint64(time.Now().Unix()))
	return k.store.Put(ctx, k.indexPrefix(h.record.user)+h.id.storeKey(), store.Item{
		Value:   append(value, k.digest(h)...),
		Expires: k.limits.end(&h.record),
	})
}

// unindex removes a session from the index. If it fails, List removes the entry later.
func (k *storeBackend) unindex(ctx context.Context, h *snapshot) error {
	return k.unindexKey(ctx, h.record.user, h.id.storeKey())
}

// unindexKey is unindex by the digest of an id.
func (k *storeBackend) unindexKey(ctx context.Context, user, key string) error {
	if user == "" {
		return nil
	}
	return k.store.Delete(ctx, k.indexPrefix(user)+key)
}

func (k *storeBackend) size(r *record) (size, limit int) { return r.size() + 2, maxRecord }

// waits implements backend. Even with a store in memory, a request that met a conflict waits
// for the Update functions of others.
func (k *storeBackend) waits() bool { return true }
