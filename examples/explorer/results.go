package main

import (
	"context"
	"errors"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/examples/explorer/plot"
	"github.com/reecho-go/reecho/examples/explorer/strikes"
)

// The results are the cached functions behind the page: each runs SQL the first
// time it is asked for a selection and hands out copies of the answer after
// that. All but the table take the selection alone as their key, so turning
// pages and sorting asks the database for nothing but the table.
type results struct {
	group *cachedata.Group

	totals   *cachedata.Cache[strikes.Filter, strikes.Totals]
	months   *cachedata.Cache[strikes.Filter, []strikes.Month]
	airports *cachedata.Cache[strikes.Filter, []strikes.Airport]
	species  *cachedata.Cache[strikes.Filter, []strikes.Species]
	phases   *cachedata.Cache[strikes.Filter, []strikes.PhaseCost]
	list     *cachedata.Cache[strikes.Page, []strikes.Strike]

	// These two do not depend on anything: their key is struct{}.
	options  *cachedata.Cache[struct{}, strikes.Options]
	backdrop *cachedata.Cache[struct{}, string]
}

// newResults makes the caches in a group of their own, over a database. Results are
// kept in a store too, if there is one: then they outlive the program.
func newResults(db *database, kept cachedata.Storage) (*results, error) {
	group, err := cachedata.NewGroup("results", cachedata.GroupConfig{MaxBytes: 64 << 20})
	if err != nil {
		return nil, err
	}
	r := &results{group: group}
	topSpecies := func(db *strikes.DB, ctx context.Context, f strikes.Filter) ([]strikes.Species, error) {
		return db.TopSpecies(ctx, f, 10)
	}
	options := func(db *strikes.DB, ctx context.Context, _ struct{}) (strikes.Options, error) { return db.Options(ctx) }
	backdrop := func(db *strikes.DB, ctx context.Context, _ struct{}) (string, error) {
		airports, err := db.Places(ctx)
		places := make([]plot.Place, len(airports))
		for i, p := range airports {
			places[i] = plot.Place(p)
		}
		return plot.Backdrop(places), err
	}
	return r, errors.Join(
		remember(&r.totals, group, "totals", db, kept, (*strikes.DB).Total),
		remember(&r.months, group, "months", db, kept, (*strikes.DB).Months),
		remember(&r.airports, group, "airports", db, kept, (*strikes.DB).Airports),
		remember(&r.species, group, "species", db, kept, topSpecies),
		remember(&r.phases, group, "phases", db, kept, (*strikes.DB).CostByPhase),
		remember(&r.list, group, "strikes", db, kept, (*strikes.DB).List),
		remember(&r.options, group, "options", db, kept, options),
		remember(&r.backdrop, group, "backdrop", db, kept, backdrop),
	)
}

// remember makes a cached function of a query.
func remember[K, V any](into **cachedata.Cache[K, V], group *cachedata.Group, name string, db *database, kept cachedata.Storage, query func(*strikes.DB, context.Context, K) (V, error)) (err error) {
	load := func(ctx context.Context, key K) (v V, err error) {
		err = db.Do(ctx, func(db *strikes.DB) error {
			v, err = query(db, ctx, key)
			return err
		})
		return v, err
	}
	*into, err = cachedata.New(name, load, cachedata.Config{
		Group:      group,
		Store:      kept,
		TTL:        10 * time.Minute,
		MaxEntries: 500,
		CountHits:  true, // for the dashboard
	}, cachedata.Funcs[K, V]{
		Tags: func(key K, _ V) []string { return tags(key) },
	})
	return err
}

// tags are those of a result: the state that was asked for, if it was one.
func tags(key any) []string {
	state := ""
	switch key := key.(type) {
	case strikes.Page:
		state = key.Filter.State
	case strikes.Filter:
		state = key.State
	}
	if state == "" {
		return nil
	}
	return []string{"state " + state}
}

var errNoPanel = errors.New("no such panel")

// drop forgets the result that one panel shows for a filter, or, for "all",
// every result of every panel.
func (r *results) drop(ctx context.Context, panel string, f filter) error {
	switch panel {
	case "all":
		return r.group.Clear(ctx)
	case "totals":
		return r.totals.Delete(ctx, f.selection())
	case "months":
		return r.months.Delete(ctx, f.selection())
	case "airports":
		return r.airports.Delete(ctx, f.selection())
	case "species":
		return r.species.Delete(ctx, f.selection())
	case "phases":
		return r.phases.Delete(ctx, f.selection())
	case "strikes":
		return r.list.Delete(ctx, f.page())
	}
	return errNoPanel
}
