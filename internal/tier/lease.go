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

// Of several processes one loads a key, and has a lease meanwhile: a record beside the
// record of the result. The lease says which clears and which result its owner knew. A
// process that knows of a later clear takes the lease over, so a clear during a load
// lets others load at once. The lease grants no right to store; the ticket does.
const (
	leaseLives = 6 * time.Second // without being renewed
	renewEvery = leaseLives / 3

	// A process that waits asks the store again after these pauses, because it may
	// not be told of the change.
	firstAsk = 10 * time.Millisecond
	lastAsk  = 250 * time.Millisecond

	// maxWait is how long a load waits for other processes, whose loads may be
	// waiting for this one.
	maxWait = time.Minute
)

// claim returns the content of a lease.
func (tk *ticket) claim() []byte {
	b := clock{mark: tk.clock.mark}.encode()
	return binary.BigEndian.AppendUint64(b, tk.version)
}

// lease is a lease of this process.
type lease struct {
	key     string
	claim   []byte
	version uint64
}

// turn is the outcome of an attempt to lead: a result, a lease, or neither.
type turn struct {
	found
	lease *lease
}

// Lead implements level.Level. While the store is away, everybody leads.
func (t *Tier) Lead(ctx context.Context, tk level.Ticket) (*level.Result, level.Ticket, func()) {
	own, ok := tk.(*ticket)
	if !ok || !t.cfg.Single {
		return nil, tk, func() {}
	}
	began, pause := time.Now(), firstAsk
	for {
		woken, stop := t.waiting.join(t.Sum(own.key)) // before take reads the store
		asked := time.Now()
		now, ok := do(ctx, t, "lead", t.cfg.Budget, func(ctx context.Context) (turn, error) { return t.take(ctx, own) })
		switch {
		case !ok || now.result == nil && now.lease == nil && time.Since(began) > maxWait:
			stop()
			return nil, own, func() {}
		case now.result != nil || now.lease != nil:
			stop()
			now.ticket.taken, now.ticket.left = asked, t.cfg.Budget
			if now.result != nil {
				return now.result, now.ticket, func() {}
			}
			return nil, now.ticket, t.hold(ctx, now.lease)
		}
		select {
		case <-woken:
			pause = firstAsk
		case <-time.After(pause):
			pause = min(2*pause, lastAsk)
		case <-ctx.Done():
		}
		stop()
	}
}

// take takes the lease of a key, unless another process has the lease, or has stored a
// result since own was taken.
func (t *Tier) take(ctx context.Context, own *ticket) (turn, error) {
	name := t.nameOf(ofLeases, own.key)
	for {
		it, err := t.read(ctx, name) // before the record: a process gives its lease up after it has stored
		if err != nil {
			return turn{}, err
		}
		now, err := t.current(ctx, own)
		if err != nil || now.result != nil {
			return turn{found: now}, err
		}
		claim := now.ticket.claim()
		if it.Version != 0 && bytes.Equal(it.Value, claim) {
			return turn{}, nil
		}
		l := &lease{key: name, claim: claim}
		l.version, err = t.swap.Swap(ctx, name, it.Version, store.Item{Value: claim, Expires: time.Now().Add(leaseLives), Expendable: true})
		switch {
		case overtaken(err):
			continue
		case err != nil:
			return turn{}, err
		}
		if now, err = t.current(ctx, own); err == nil && now.result == nil && bytes.Equal(now.ticket.claim(), claim) {
			return turn{now, l}, nil
		}
		if wrong := t.release(ctx, l); wrong != nil { // the claim is outdated already
			return turn{}, wrong
		}
		if err != nil || now.result != nil {
			return turn{found: now}, err
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
	if r := all[0].result; all[0].ticket.version == own.version || r != nil && r.Age >= r.Fresh {
		all[0].result = nil
	}
	return all[0], nil
}

// hold renews a lease until ctx ends or over is called, and then gives it up.
func (t *Tier) hold(ctx context.Context, l *lease) (over func()) {
	ctx, cancel := context.WithCancel(ctx)
	t.writes.Go(func() {
		defer t.giveUp(l)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(renewEvery):
			}
			version, ok := do(ctx, t, "lead", t.cfg.Budget, func(ctx context.Context) (uint64, error) {
				version, err := t.swap.Swap(ctx, l.key, l.version, store.Item{Value: l.claim, Expires: time.Now().Add(leaseLives), Expendable: true})
				if overtaken(err) {
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

// giveUp drops a lease, if this process still has it. If the store does not answer, the
// lease expires.
func (t *Tier) giveUp(l *lease) {
	do(context.Background(), t, "lead", t.cfg.Budget, func(ctx context.Context) (struct{}, error) { return struct{}{}, t.release(ctx, l) })
}

func (t *Tier) release(ctx context.Context, l *lease) error {
	if _, err := t.swap.Swap(ctx, l.key, l.version, store.Item{Expires: time.Unix(1, 0)}); !overtaken(err) {
		return err
	}
	return nil
}

// waiting wakes loads of this process that wait for the loads of other processes.
type waiting struct {
	mu  sync.Mutex
	all map[level.Sum]map[chan struct{}]bool
}

// join returns a channel that gets a value whenever the key of s may have changed, until
// stop is called.
func (w *waiting) join(s level.Sum) (woken <-chan struct{}, stop func()) {
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

func (w *waiting) wake(s level.Sum) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.all[s] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
