// Package strikes answers questions about the wildlife strikes in ../data by
// SQL. It knows nothing of the web and nothing of caching: it is the slow,
// plain part that an app already has.
package strikes

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
)

// A DB is an open database of all strikes. It is safe for concurrent use.
type DB struct {
	sql  *sql.DB
	keep *sql.Conn // SQLite drops a memory database with its last connection
}

// Open makes a new private SQLite database in memory of the files of ../data.
// The first time it takes some tenths of a second, for the files are read then;
// later ones copy what came of that.
func Open(ctx context.Context) (_ *DB, err error) {
	name := "file:/strikes-" + rand.Text() + "?vfs=memdb"
	pool, err := sql.Open("sqlite", name+"&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
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
	if err := restore(ctx, name); err != nil {
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
