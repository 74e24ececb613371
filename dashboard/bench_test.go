package dashboard_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/dashboard"
)

// BenchmarkPage makes the pages of 1,000 caches, one of which has 100,000 entries:
// each within 50 ms of work.
func BenchmarkPage(b *testing.B) {
	d, err := dashboard.New(anybody, dashboard.Config{Caches: []*cachedata.Group{crowd(b, 1000, 100_000)}, Resources: []*cacheresource.Group{}})
	must(b, d, err)
	big := linkTo(b, get(d, "/?sort=-entries").Body.String(), "cache number 0000")
	for name, target := range map[string]string{
		"caches": "?", "loads": "?page=loads", "events": "?page=events", "advice": "?page=advice",
		"cache": big, "cache/sorted": big + "&sort=-bytes", "cache/last": big + "&p=200",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if rec := get(d, "/"+target); rec.Code != http.StatusOK {
					b.Fatal(rec.Code)
				}
			}
		})
	}
}

// BenchmarkHit compares hits of a cache that a dashboard shows, at which nobody looks,
// with those of one that it does not.
func BenchmarkHit(b *testing.B) {
	for _, mounted := range []bool{true, false} {
		name := "alone"
		if mounted {
			name = "mounted"
		}
		b.Run(name, func(b *testing.B) {
			g, err := cachedata.NewGroup("g", cachedata.GroupConfig{})
			must(b, g, err)
			c, err := cachedata.New("c", func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g, TTL: time.Hour})
			must(b, c, err)
			if mounted {
				d, err := dashboard.New(anybody, dashboard.Config{Caches: []*cachedata.Group{g}})
				must(b, d, err)
				get(d, "/")
			}
			ctx := b.Context()
			for b.Loop() {
				_, _ = c.Get(ctx, 1)
			}
			must(b, g, g.Close(ctx))
		})
	}
}
