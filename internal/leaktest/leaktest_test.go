package leaktest_test

import (
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// It takes longer than goleak alone would wait. Not parallel: other goroutines would count.
func TestAGoroutineThatEndsSoonIsNone(t *testing.T) {
	began := time.Now()
	ended := make(chan struct{})
	time.AfterFunc(time.Second, func() { close(ended) })
	go func() { <-ended }()
	if err := leaktest.Find(); err != nil || time.Since(began) < time.Second {
		t.Errorf("Find() = %v after %v, want that it waits for a second", err, time.Since(began))
	}
}
