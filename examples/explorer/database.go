package main

import (
	"context"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/examples/explorer/strikes"
)

// A database is the strikes in SQLite as a resource: opened when somebody
// first asks, shared by all, checked now and then, and closed when the app has
// ended and nobody uses it any more.
type database struct {
	group *cacheresource.Group
	db    *cacheresource.Resource[struct{}, *strikes.DB]
}

func newDatabase() (*database, error) {
	group, err := cacheresource.NewGroup("database", cacheresource.GroupConfig{})
	if err != nil {
		return nil, err
	}
	open := func(ctx context.Context, _ struct{}) (*strikes.DB, error) { return strikes.Open(ctx) }
	db, err := cacheresource.New("strikes", open, cacheresource.Config{
		Group: group,
		Check: cacheresource.CheckConfig{Every: time.Minute},
	}, cacheresource.Funcs[struct{}, *strikes.DB]{
		Check:   func(ctx context.Context, _ struct{}, db *strikes.DB) error { return db.Ping(ctx) },
		Release: func(_ context.Context, _ struct{}, db *strikes.DB) error { return db.Close() },
	})
	return &database{group, db}, err
}

// Do calls fn with the open database, which stays open until fn returns.
func (d *database) Do(ctx context.Context, fn func(*strikes.DB) error) error {
	return d.db.Do(ctx, struct{}{}, fn)
}
