package cachedata_test

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
)

type gallery struct {
	Pictures []picture
	Current  *picture
}

type picture struct {
	Title string
	Next  *picture
}

func newGallery() gallery {
	s := gallery{Pictures: []picture{{Title: "a"}, {Title: "b"}}}
	s.Current, s.Pictures[0].Next = &s.Pictures[1], &s.Pictures[1]
	return s
}

// checkGallery checks that s is whole, and then changes it.
func checkGallery(t *testing.T, how string, s gallery, err error) {
	t.Helper()
	if err != nil || len(s.Pictures) != 2 || s.Current != &s.Pictures[1] || s.Pictures[0].Next != s.Current || s.Current.Title != "b" {
		t.Errorf("%s: %+v, %v, want a pointer to the second picture of its own", how, s, err)
		return
	}
	s.Current.Title = "changed"
	s.Pictures[0].Next = nil
	runtime.GC()
}

// A pointer of a result into the middle of it leads into each caller's own copy,
// however the caller comes by it.
func TestPointersIntoTheResultLeadIntoTheCopy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		group := newGroup(t, cachedata.GroupConfig{})
		unmodified := false
		c := cachedata.Must(cachedata.New("one", func(ctx context.Context, _ int) (gallery, error) {
			if unmodified {
				e := cachedata.LoadingFrom(ctx)
				old, ok := cachedata.Old[gallery](e)
				if !ok {
					t.Error("there is no old result")
				}
				checkGallery(t, "Old", old, nil)
				e.NotModified()
				return gallery{}, nil
			}
			return newGallery(), nil
		}, cachedata.Config{Group: group, TTL: time.Minute, Stale: cachedata.StaleConfig{For: time.Hour}}))
		kept := newGallery()
		plain := cachedata.Must(cachedata.New("plain", func(context.Context, int) (gallery, error) { return kept, nil }, cachedata.Config{Group: group}))
		batch := cachedata.Must(cachedata.NewBatch("batch", func(_ context.Context, keys []int) (map[int]gallery, error) {
			got := map[int]gallery{}
			for _, k := range keys {
				got[k] = newGallery()
			}
			return got, nil
		}, cachedata.Config{Group: group}))
		ctx := t.Context()
		for range 3 {
			s, err := c.Get(ctx, 1)
			checkGallery(t, "Get", s, err)
			s, err = plain.Get(ctx, 1)
			checkGallery(t, "Get without time rules", s, err)
			s, _, err = c.GetMeta(ctx, 1)
			checkGallery(t, "GetMeta", s, err)
			s, ok := c.Peek(ctx, 1)
			checkGallery(t, "Peek", s, nil)
			if !ok {
				t.Error("Peek: nothing is there")
			}
			many, err := batch.GetMany(ctx, []int{1, 2})
			checkGallery(t, "GetMany", many[1], err)
			checkGallery(t, "GetMany", many[2], err)
			s, err = c.Refresh(ctx, 1)
			checkGallery(t, "Refresh", s, err)
		}
		if kept.Current != &kept.Pictures[1] || kept.Current.Title != "b" {
			t.Error("the loader's own result has changed")
		}
		if err := c.Put(ctx, 2, newGallery()); err != nil {
			t.Fatal(err)
		}
		s, err := c.Get(ctx, 2)
		checkGallery(t, "Put", s, err)

		unmodified = true
		time.Sleep(2 * time.Minute)
		s, err = c.Get(ctx, 1)
		checkGallery(t, "stale", s, err)
		synctest.Wait()
		s, err = c.Get(ctx, 1)
		checkGallery(t, "renewed", s, err)
	})
}

// One result has such a pointer, the next one of the same cache has none.
func TestOtherResultsAreCopiedAsBefore(t *testing.T) {
	t.Parallel()
	c := cachedata.Must(cachedata.New("mixed", func(_ context.Context, n int) (gallery, error) {
		s := newGallery()
		if n%2 == 0 {
			s.Current, s.Pictures[0].Next = &picture{Title: "elsewhere"}, nil
		}
		return s, nil
	}, cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{})}))
	for range 2 {
		for n := range 4 {
			s, err := c.Get(t.Context(), n)
			if n%2 == 1 {
				checkGallery(t, "inside", s, err)
				continue
			}
			if err != nil || s.Current.Title != "elsewhere" || slices.IndexFunc(s.Pictures, func(b picture) bool { return b.Next != nil }) >= 0 {
				t.Errorf("Get(%d) = %+v, %v", n, s, err)
			}
		}
	}
}
