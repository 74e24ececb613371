package sessionstate

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/reecho-go/reecho/middleware"
)

// ErrBusy says that other requests of the same session were in the way for too
// long; see [Manager.Exclusive]. It answers 503.
var ErrBusy error = busyError{}

type busyError struct{}

var _ middleware.Error = busyError{}

func (busyError) Error() string {
	return "sessionstate: other requests of this session are under way"
}

func (busyError) StatusCode() int { return http.StatusServiceUnavailable }

// Problem implements the toolkit's error interface.
func (busyError) Problem() middleware.Problem {
	return middleware.Problem{
		Detail: "Another request of yours is still running. Try again in a moment.",
		Header: http.Header{"Retry-After": {"1"}},
	}
}

// maxWaiting bounds how many requests of one session wait for their turn.
const maxWaiting = 64

// turns gives callers with the same name their turns, one after the other, in the order in
// which they came.
type turns struct {
	mu     sync.Mutex
	queues map[string]*queue // by name; only names whose turn is taken
}

type queue struct{ waiting []chan struct{} }

// acquire waits for the caller's turn, at most for wait. release ends the turn; it may be called
// several times. waited says that another caller had the turn before.
func (t *turns) acquire(ctx context.Context, name string, wait time.Duration) (release func(), waited bool, err error) {
	release = sync.OnceFunc(func() { t.release(name) })
	t.mu.Lock()
	q, taken := t.queues[name]
	if !taken {
		if t.queues == nil {
			t.queues = make(map[string]*queue)
		}
		t.queues[name] = new(queue)
		t.mu.Unlock()
		return release, false, nil
	}
	if wait <= 0 || len(q.waiting) >= maxWaiting {
		t.mu.Unlock()
		return nil, false, ErrBusy
	}
	turn := make(chan struct{})
	q.waiting = append(q.waiting, turn)
	t.mu.Unlock()

	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-turn:
		return release, true, nil
	case <-timer.C:
		err = ErrBusy
	case <-ctx.Done():
		err = ctx.Err()
	}
	t.mu.Lock()
	i := slices.Index(q.waiting, turn)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	t.mu.Unlock()
	if i < 0 { // the caller got the turn at the same moment
		release()
	}
	return nil, false, err
}

func (t *turns) release(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.queues[name]
	if len(q.waiting) == 0 {
		delete(t.queues, name)
		return
	}
	close(q.waiting[0])
	q.waiting = slices.Delete(q.waiting, 0, 1)
}
