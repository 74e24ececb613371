// Package strikes answers questions about the wildlife strikes in ../data by
// SQL. It knows nothing of the web and nothing of caching: it is the slow,
// plain part that an app already has.
package strikes

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/reecho-go/reecho/examples/explorer/data"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

var (
	//go:embed schema.sql
	schema string
	//go:embed indices.sql
	indices string
)

// A DB is an open database of all strikes. It is safe for concurrent use.
type DB struct {
	sql  *sql.DB
	keep *sql.Conn // SQLite drops a memory database with its last connection
}

// Open reads the files of ../data into a new private SQLite database in
// memory. It takes some tenths of a second, so open it once.
func Open(ctx context.Context) (_ *DB, err error) {
	pool, err := sql.Open("sqlite", "file:/strikes-"+rand.Text()+"?vfs=memdb&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, fmt.Errorf("strikes: %w", err)
	}
	pool.SetMaxOpenConns(8)
	pool.SetMaxIdleConns(8)
	db := &DB{sql: pool}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("strikes: open: %w", err), db.Close())
		}
	}()
	if db.keep, err = pool.Conn(ctx); err != nil {
		return nil, err
	}
	if err := db.fill(ctx); err != nil {
		return nil, err
	}
	return db, nil
}

// Close frees the database.
func (db *DB) Close() error {
	var err error
	if db.keep != nil {
		err = db.keep.Close()
	}
	return errors.Join(err, db.sql.Close())
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.sql.PingContext(ctx) }

// fill creates the tables and loads the files, all or nothing.
func (db *DB) fill(ctx context.Context) error {
	airports, err := data.Airports()
	if err != nil {
		return err
	}
	crosswalk, err := data.Crosswalks()
	if err != nil {
		return err
	}
	all, err := data.Strikes()
	if err != nil {
		return err
	}
	tx, err := db.keep.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	err = errors.Join(
		insert(ctx, tx, `INSERT INTO airport VALUES (?, ?, ?, ?, ?, ?, ?)`, airports, func(a data.Airport) []any {
			return []any{a.IATA, a.Name, a.City, a.State, a.Country, a.Lat, a.Lon}
		}),
		insert(ctx, tx, `INSERT INTO crosswalk VALUES (?, ?, ?, ?)`, crosswalk, func(c data.Crosswalk) []any {
			return []any{c.Name, c.IATA, c.Label, c.Note}
		}),
		insert(ctx, tx, `INSERT INTO strike VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, all, func(s data.Strike) []any {
			speed := sql.NullInt64{Int64: int64(s.Speed), Valid: s.Speed >= 0}
			return []any{
				s.Date.Format(time.DateOnly), s.Airport, s.State, s.Species, s.Phase, s.Size, s.Damage,
				s.TimeOfDay, s.Operator, s.Aircraft, s.CostTotal, speed,
			}
		}),
	)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, indices); err != nil {
		return err
	}
	return tx.Commit()
}

func insert[T any](ctx context.Context, tx *sql.Tx, query string, rows []T, args func(T) []any) error {
	stmt, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }() // its transaction tells what went wrong
	for i, r := range rows {
		if _, err := stmt.ExecContext(ctx, args(r)...); err != nil {
			return fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return nil
}
