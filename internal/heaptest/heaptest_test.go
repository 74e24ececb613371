package heaptest_test

import (
	"runtime"
	"testing"

	"github.com/reecho-go/reecho/internal/heaptest"
)

// Not parallel: the heap is everybody's.
func TestWhatIsReferredToCounts(t *testing.T) {
	const size, slack = 16 << 20, 1 << 20
	before := heaptest.InUse()
	held := make([]byte, size)
	if grown := heaptest.InUse() - before; grown < size || grown > size+slack {
		t.Errorf("%d bytes more are in use with %d", grown, size)
	}
	runtime.KeepAlive(held)
	if left := heaptest.InUse() - before; left > slack {
		t.Errorf("%d bytes more are in use after all", left)
	}
}

func TestWhatAGoroutineGivesBackIsWaitedFor(t *testing.T) {
	before := heaptest.InUse()
	held, told := make([]byte, 16<<20), make(chan struct{})
	go func() {
		<-told
		runtime.KeepAlive(held)
	}()
	if grown := heaptest.InUse() - before; grown < 16<<20 {
		t.Errorf("%d bytes more are in use", grown)
	}
	go close(told)
	if left := heaptest.AtMost(before+1<<20) - before; left > 1<<20 {
		t.Errorf("%d bytes more are in use after all", left)
	}
}
