// Package heaptest measures the heap in tests, which must not run beside others. It is for
// tests only.
package heaptest

import (
	"math"
	"runtime"
	"time"
)

// InUse returns how many bytes of the heap something refers to. It collects garbage until no
// more is freed: what cleanups, pools and goroutines that are about to end hold on to comes
// back a few collections later.
func InUse() int64 {
	least := int64(math.MaxInt64)
	for same := 0; same < 3; same++ {
		for range 10 {
			runtime.Gosched()
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if now := int64(m.HeapAlloc); now < least {
			least, same = now, 0
		}
	}
	return least
}

// AtMost is [InUse] for what gives memory back in the background. It waits up to a minute
// until no more than most bytes are in use, and returns how many are.
func AtMost(most int64) int64 {
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if now := InUse(); now <= most || time.Now().After(end) {
			return now
		}
	}
}
