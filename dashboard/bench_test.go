package dashboard_test

import (
	"context"
	"net/http"
	"slices"
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
// with those of one that nothing observes, and of another such one, which shows what
// the comparison is worth. Turn by turn, 500 hits of each are timed, and the medians
// compared: so it works on a busy machine, too.
func BenchmarkHit(b *testing.B) {
	hits := func(mounted bool) func() {
		g, err := cachedata.NewGroup("g", cachedata.GroupConfig{})
		must(b, g, err)
		c, err := cachedata.New("c", func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g, TTL: time.Hour})
		must(b, c, err)
		if mounted {
			d, err := dashboard.New(anybody, dashboard.Config{Caches: []*cachedata.Group{g}})
			must(b, d, err)
			get(d, "/")
		}
		ctx := context.Background()
		b.Cleanup(func() { _ = g.Close(ctx) })
		return func() {
			for range 500 {
				_, _ = c.Get(ctx, 1)
			}
		}
	}
	names := []string{"alone", "mounted", "control"}
	all := []func(){hits(false), hits(true), hits(false)}
	took := make([][]time.Duration, len(all))
	for turn := 0; b.Loop(); turn++ {
		for i := range all {
			i = (i + turn) % len(all)
			began := time.Now()
			all[i]()
			took[i] = append(took[i], time.Since(began))
		}
	}
	median := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2])
	}
	alone := median(took[0])
	b.ReportMetric(alone/500, "ns/hit")
	b.ReportMetric(0, "ns/op")
	for i, name := range names[1:] {
		b.ReportMetric(median(took[i+1])/alone, name+"/alone")
	}
}
