package storetest

import (
	"sync"
	"testing"
)

// together runs f n times at once, lets all start at the same moment, and
// fails the case with the errors. f must not call t's Fatal: only the test's
// own goroutine may.
func together(t testing.TB, n int, f func(who int) error) {
	t.Helper()
	var all sync.WaitGroup
	start, errs := make(chan struct{}), make([]error, n)
	for who := range n {
		all.Go(func() {
			<-start
			errs[who] = f(who)
		})
	}
	close(start)
	all.Wait()
	for who, err := range errs {
		if err != nil {
			t.Errorf("goroutine %d of %d: %v", who, n, err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}
