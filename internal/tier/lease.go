package tier

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/store"
)

// With Config.Single, one of several processes loads a key. While it does, it has a lease: a
// record of its own in the store. The lease says which clears and which result its owner
// knew. A process that knows of a later clear takes the lease over, so after a clear during
// a load others load at once. The lease does not permit to store the result; the ticket
// does.
const (
	leaseTTL   = 6 * time.Second // unless it is renewed
	renewEvery = leaseTTL / 3

	// A process that waits polls the store after pauses that grow from firstPoll to
	// maxPoll, because the store may not tell it of the change.
	firstPoll = 10 * time.Millisecond
	maxPoll   = 250 * time.Millisecond

	// maxWait is how long a load waits for other processes, whose loads may be
	// waiting for this one.
	maxWait = time.Minute
)

// claim returns the content of a lease.
func (tk *ticket) claim() []byte {
	b := clock{mark: tk.clock.mark}.encode()
	return binary.BigEndian.AppendUint64(b, tk.version)
}

// lease is a lease that this process has.
type lease struct {
	key     string
	claim   []byte
	version uint64
}

// leaseAttempt is the outcome of an attempt to get a lease: a result, a lease, or neither.
type leaseAttempt struct {
	found
	lease *lease
}

// Lead implements level.Level. While the store is down, every process loads.
func (t *Tier) Lead(ctx context.Context, tk level.Ticket) (*level.Result, level.Ticket, func()) {
	own, ok := tk.(*ticket)
	if !ok || !t.cfg.Single {
		return nil, tk, func() {}
	}
	began, pause := time.Now(), firstPoll
	for {
		changed, stop := t.leaseWaiters.subscribe(t.Sum(own.key)) // before acquireLease reads the store
		start := time.Now()
		got, ok := do(ctx, t, "lead", t.cfg.Budget, func(ctx context.Context) (leaseAttempt, error) { return t.acquireLease(ctx, own) })
		switch {
		case !ok || got.result == nil && got.lease == nil && time.Since(began) > maxWait:
			stop()
			return nil, own, func() {}
		case got.result != nil || got.lease != nil:
			stop()
			got.ticket.takenAt, got.ticket.budgetLeft = start, t.cfg.Budget
			if got.result != nil {
				return got.result, got.ticket, func() {}
			}
			return nil, got.ticket, t.keepLease(ctx, got.lease)
		}
		select {
		case <-changed:
			pause = firstPoll
		case <-time.After(pause):
			pause = min(2*pause, maxPoll)
		case <-ctx.Done():
		}
		stop()
	}
}

// acquireLease takes the lease of a key, unless another process has the lease, or has stored
// a result since own was taken.
func (t *Tier) acquireLease(ctx context.Context, own *ticket) (leaseAttempt, error) {
	name := t.keyOf(ofLeases, own.key)
	for {
		it, err := t.read(ctx, name) // before the record of the result, because a process drops its lease after it has stored
		if err != nil {
			return leaseAttempt{}, err
		}
		now, err := t.current(ctx, own)
		if err != nil || now.result != nil {
			return leaseAttempt{found: now}, err
		}
		claim := now.ticket.claim()
		if it.Version != 0 && bytes.Equal(it.Value, claim) {
			return leaseAttempt{}, nil
		}
		l := &lease{key: name, claim: claim}
		l.version, err = t.swap.Swap(ctx, name, it.Version, store.Item{Value: claim, Expires: time.Now().Add(leaseTTL), Expendable: true})
		switch {
		case isConflict(err):
			continue
		case err != nil:
			return leaseAttempt{}, err
		}
		if now, err = t.current(ctx, own); err == nil && now.result == nil && bytes.Equal(now.ticket.claim(), claim) {
			return leaseAttempt{now, l}, nil
		}
		if wrong := t.deleteLease(ctx, l); wrong != nil { // the claim is outdated already
			return leaseAttempt{}, wrong
		}
		if err != nil || now.result != nil {
			return leaseAttempt{found: now}, err
		}
	}
}

// current returns what the store has for the key of a ticket. It leaves out a result
// that is not fresh, or that was there already when the ticket was taken.
func (t *Tier) current(ctx context.Context, own *ticket) (found, error) {
	all, err := t.get(ctx, []level.Key{own.key})
	if err != nil {
		return found{}, err
	}
	if r := all[0].result; all[0].ticket.version == own.version || r != nil && r.Age >= r.FreshFor {
		all[0].result = nil
	}
	return all[0], nil
}

// keepLease renews a lease until ctx ends or over is called, and then drops it.
func (t *Tier) keepLease(ctx context.Context, l *lease) (over func()) {
	ctx, cancel := context.WithCancel(ctx)
	t.writes.Go(func() {
		defer t.dropLease(l)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(renewEvery):
			}
			version, ok := do(ctx, t, "lead", t.cfg.Budget, func(ctx context.Context) (uint64, error) {
				version, err := t.swap.Swap(ctx, l.key, l.version, store.Item{Value: l.claim, Expires: time.Now().Add(leaseTTL), Expendable: true})
				if isConflict(err) {
					return 0, nil
				}
				return version, err
			})
			if ok && version == 0 { // the lease is lost: another process may load and store
				return
			}
			if ok {
				l.version = version
			}
		}
	})
	return cancel
}

// dropLease deletes a lease, if this process still has it. If the store does not answer,
// the lease expires.
func (t *Tier) dropLease(l *lease) {
	do(context.Background(), t, "lead", t.cfg.Budget, func(ctx context.Context) (struct{}, error) { return struct{}{}, t.deleteLease(ctx, l) })
}

func (t *Tier) deleteLease(ctx context.Context, l *lease) error {
	if _, err := t.swap.Swap(ctx, l.key, l.version, store.Item{Expires: time.Unix(1, 0)}); !isConflict(err) {
		return err
	}
	return nil
}

// leaseWaiters notifies loads of this process that wait for the loads of other processes.
type leaseWaiters struct {
	mu  sync.Mutex
	all map[level.Sum]map[chan struct{}]bool
}

// subscribe returns a channel that gets a value whenever the key of s may have changed, until
// stop is called.
func (w *leaseWaiters) subscribe(s level.Sum) (changed <-chan struct{}, stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := make(chan struct{}, 1)
	if w.all == nil {
		w.all = make(map[level.Sum]map[chan struct{}]bool)
	}
	if w.all[s] == nil {
		w.all[s] = make(map[chan struct{}]bool)
	}
	w.all[s][c] = true
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if delete(w.all[s], c); len(w.all[s]) == 0 {
			delete(w.all, s)
		}
	}
}

func (w *leaseWaiters) notify(s level.Sum) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.all[s] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
