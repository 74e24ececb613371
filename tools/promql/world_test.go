package promql

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/observe/promobserve"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/memstore"
)

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// series are the sets of labels that a scrape has of each name.
type series map[string][]map[string]string

// scraped are the series of a program in which something of everything has happened.
func scraped(t *testing.T) series {
	t.Helper()
	ctx := t.Context()
	caches := must(cachedata.NewGroup("app", cachedata.GroupConfig{}))(t)
	resources := must(cacheresource.NewGroup("pools", cacheresource.GroupConfig{}))(t)
	memory := must(memstore.New(memstore.Config{}))(t)
	users := must(cachedata.New("users", func(_ context.Context, id int) (int, error) { return id, nil },
		cachedata.Config{Group: caches, Store: persist.In(memory, persist.Config{})}))(t)
	_, err := users.Get(ctx, 1)
	pool := must(cacheresource.New("db", func(context.Context, int) (int, error) { return 1, nil }, cacheresource.Config{Group: resources}))(t)
	pages := must(respcache.New("pages", respcache.Config{Group: caches}))(t)
	app := must(middleware.New(pages))(t).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private")
		_, _ = io.WriteString(w, "x")
	}))
	for _, header := range []string{"Accept", "Authorization"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(header, "x")
		app.ServeHTTP(httptest.NewRecorder(), r)
	}
	sessions := must(sessionstate.New(sessionstate.Config{}))(t)
	err = errors.Join(err, users.Delete(ctx, 1), pool.Do(ctx, 1, func(int) error { return nil }), pool.Clear(ctx))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		if err := errors.Join(caches.Close(ctx), resources.Close(ctx), memory.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(must(promobserve.New(promobserve.Config{
		Caches: []*cachedata.Group{caches}, Resources: []*cacheresource.Group{resources}, Responses: []*respcache.Cache{pages}, Sessions: sessions,
	}))(t))
	all := make(series)
	for _, family := range must(registry.Gather())(t) {
		names := []string{family.GetName()}
		if histogram := family.GetMetric()[0].GetHistogram(); histogram != nil {
			names = []string{family.GetName() + "_bucket", family.GetName() + "_sum", family.GetName() + "_count"}
		}
		for _, m := range family.GetMetric() {
			labels := map[string]string{"instance": "localhost:8080", "job": "app"} // which Prometheus adds
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			for i, name := range names {
				own := labels
				if len(names) > 1 && i == 0 {
					own = map[string]string{"le": "1"}
					maps.Copy(own, labels)
				}
				all[name] = append(all[name], own)
			}
		}
	}
	return all
}
