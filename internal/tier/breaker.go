package tier

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
)

// breaker is a circuit breaker: it stops calls to a store that fails. It opens after some
// failures in a row. Then it lets one call through after each pause, and the pauses grow.
type breaker struct {
	mu       sync.Mutex
	failures int       // in a row
	until    time.Time // no call before this time, while the breaker is open
	since    time.Time // when it opened
	trying   bool      // a trial call is running, whose result decides whether the breaker closes

	unwritten int // results in a row that could not be written, while the store can be read

	failed, skipped uint64 // in all
}

const (
	openAfter = 3
	minPause  = time.Second
	maxPause  = 30 * time.Second
)

// enter reports whether a call may be made.
func (b *breaker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < openAfter {
		return true
	}
	if b.trying || time.Now().Before(b.until) {
		b.skipped++
		return false
	}
	b.trying = true
	return true
}

// leave records whether a call has failed. It reports whether that opens or closes the
// breaker, and how long the breaker was open.
func (b *breaker) leave(failed bool) (opens, closes bool, down time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
	if !failed {
		closes = b.failures >= openAfter
		b.failures = 0
		if closes {
			down = time.Since(b.since)
		}
		return false, closes, down
	}
	b.failed++
	b.failures++
	if b.failures < openAfter {
		return false, false, 0
	}
	now := time.Now()
	if b.failures == openAfter {
		b.since = now
	}
	b.until = now.Add(min(minPause<<min(b.failures-openAfter, 10), maxPause))
	return b.failures == openAfter, false, 0
}

// ignore is leave for a call whose result says nothing about the store.
func (b *breaker) ignore() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}

// reset closes the breaker. It is called when the store reports that it is back.
func (b *breaker) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = 0
}

// stats returns the counters. The store counts as down until a call has succeeded.
func (b *breaker) stats() level.Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return level.Stats{Errors: b.failed, Skipped: b.skipped, Down: b.failures >= openAfter}
}

// noteWrite records whether a result could be written, and reports whether observers must
// be told. The breaker stays closed for a store that can only be read.
func (b *breaker) noteWrite(failed bool) (tell bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !failed {
		b.unwritten = 0
		return false
	}
	b.unwritten++
	return b.unwritten == openAfter && b.failures < openAfter
}

// errSlow is the error of a call that the store did not answer within the budget.
var errSlow = errors.New("the store did not answer in time")

// do calls f, which uses the store, in a goroutine of its own. It waits until f returns,
// the budget is used up, or ctx ends; in the last two cases f goes on in the background.
// Pending invalidations are carried out before f. ok says that f has returned without an
// error.
func do[T any](ctx context.Context, t *Tier, op string, budget time.Duration, f func(context.Context) (T, error)) (v T, ok bool) {
	if budget <= 0 || ctx.Err() != nil || t.closed.Load() || !t.breaker.enter() {
		return v, false
	}
	type answer struct {
		v   T
		err error
	}
	began := time.Now()
	callCtx, cancel := context.WithTimeout(ctx, budget)
	answers := make(chan answer, 1)
	select {
	case t.slots <- struct{}{}:
		go func() { // Close waits until the slot is free
			defer func() { <-t.slots }()
			var a answer
			defer func() {
				if p := recover(); p != nil {
					a.err = fmt.Errorf("panic: %v", p)
				}
				answers <- a
			}()
			if a.err = t.replay(callCtx); a.err == nil {
				a.v, a.err = f(callCtx)
			}
		}()
	case <-callCtx.Done():
	}
	var a answer
	select {
	case a = <-answers:
	case <-callCtx.Done():
		select {
		case a = <-answers: // the answer came at the same time
		default:
			a.err = errSlow
		}
	}
	cancel()
	if a.err != nil && ctx.Err() != nil { // the caller has left, which says nothing about the store
		t.breaker.ignore()
		return v, false
	}
	full := errors.Is(a.err, store.ErrFull) || errors.Is(a.err, store.ErrTooLarge)
	opens, closes, down := t.breaker.leave(a.err != nil && !full)
	if full {
		t.report(ctx, ofRoom, op, a.err)
	}
	if closes {
		observe.Emit(context.WithoutCancel(ctx), t.cfg.Observer, observe.StoreBack{Owner: t.owner(), Down: down})
	}
	if opens {
		t.emitFailure(ctx, op, time.Since(began), fmt.Errorf("the store has failed %d times in a row, and is left alone for a while: %w", openAfter, a.err))
	}
	if op == "put" && t.breaker.noteWrite(a.err != nil && !full) {
		t.emitFailure(ctx, op, time.Since(began), fmt.Errorf("results could not be stored %d times in a row: %w", openAfter, a.err))
	}
	return a.v, a.err == nil
}
