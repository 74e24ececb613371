package ctxinfo_test

import (
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

const (
	readHead  = 20 << 10 // cookies: 16 KB and what is left of a page
	readTail  = 8 << 10  // lists are read from the right, 4 KB of them
	guardSize = hugeSize - readHead - readTail
)

// hugeHeader is a header of 1 MB whose middle cannot be read: whoever looks at
// more of it than its ends crashes. So the work that it causes is bounded,
// which no clock could prove.
type hugeHeader struct{ b []byte }

func newHugeHeader(t *testing.T) *hugeHeader {
	t.Helper()
	b, err := syscall.Mmap(-1, 0, hugeSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skipf("no memory to guard: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(b) })
	return &hugeHeader{b}
}

// fill repeats pattern over the ends, as if over the whole.
func (h *hugeHeader) fill(t *testing.T, pattern string) string {
	t.Helper()
	middle := h.b[readHead : readHead+guardSize]
	if err := syscall.Mprotect(middle, syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	copy(h.b, strings.Repeat(pattern, readHead/len(pattern)+1))
	tail := strings.Repeat(pattern, readTail/len(pattern)+1)
	copy(h.b[hugeSize-readTail:], tail[len(tail)-readTail:])
	if err := syscall.Mprotect(middle, syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return unsafe.String(&h.b[0], hugeSize)
}

// of headers of 1 MB no facet looks at more than the ends.
func TestNoFacetReadsAMegabyte(t *testing.T) {
	h := newHugeHeader(t)
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	plugins := boundedConfigs(t)
	for _, pattern := range hugePatterns {
		r := hugeRequest(h.fill(t, pattern))
		for config, p := range plugins {
			for facet, read := range everyFacet {
				func() {
					defer func() {
						if fault := recover(); fault != nil {
							t.Errorf("%s of %.20q x 1 MB, %s: reads on and on: %v", facet, pattern, config, fault)
						}
					}()
					read(p.FromRequest(r))
				}()
			}
		}
	}
	// The test itself can fail: here is somebody who reads it all.
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the middle of the header can be read")
			}
		}()
		if strings.Contains(h.fill(t, "a"), "b") {
			t.Error("there is a b among the a")
		}
	}()
}
