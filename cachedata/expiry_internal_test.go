package cachedata

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Whatever is queued and taken out in any order, what is left comes earliest first,
// and each entry knows its place.
func TestExpiryHeapKeepsOrderAndPlaces(t *testing.T) {
	t.Parallel()
	c, err := New("heap", func(context.Context, int) (string, error) { return "", nil }, Config{TTL: time.Hour, Group: Must(NewGroup("heap", GroupConfig{}))})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var h expiryHeap[uint64]
		var left []int64
		for range random.IntN(200) {
			if len(h) > 0 && random.IntN(3) == 0 {
				d := h.remove(random.IntN(len(h)))
				left = slices.Delete(left, slices.Index(left, d.at), slices.Index(left, d.at)+1)
				if d.entry.lifetime().heapIndex != 0 {
					t.Fatal("what was taken out has a place")
				}
			} else {
				at := int64(random.IntN(50))
				h.push(due[uint64]{1, c.core.allocate(timed), at})
				left = append(left, at)
			}
			for i := range h {
				if h[i].entry.lifetime().heapIndex != int32(i)+1 {
					t.Fatalf("the entry at %d has the place %d", i, h[i].entry.lifetime().heapIndex)
				}
			}
		}
		slices.Sort(left)
		for _, want := range left {
			if got := h.remove(0).at; got != want {
				t.Fatalf("the next is %d, want %d", got, want)
			}
		}
		if len(h) != 0 {
			t.Fatalf("%d are left", len(h))
		}
	}
}
