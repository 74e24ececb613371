package strikes

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"modernc.org/sqlite" // also the driver "sqlite"

	"github.com/reecho-go/reecho/examples/explorer/data"
)

var (
	//go:embed schema.sql
	schema string
	//go:embed indices.sql
	indices string
)

// image is the database that the files make, as SQLite would write it to a
// disk. It is made once: the files cannot change, and copying what came of them
// is much quicker than reading them again for the next database.
var image = sync.OnceValues(func() (bytes []byte, err error) {
	ctx := context.Background() // not the first caller's: the others wait for it too
	err = scratch(ctx, func(conn *sql.Conn) error {
		if err := fill(ctx, conn); err != nil {
			return err
		}
		return conn.Raw(func(c any) error {
			bytes, err = c.(interface{ Serialize() ([]byte, error) }).Serialize()
			return err
		})
	})
	return bytes, err
})

// restore copies the image into the database with a name.
func restore(ctx context.Context, name string) error {
	bytes, err := image()
	if err != nil {
		return err
	}
	return scratch(ctx, func(conn *sql.Conn) error {
		return conn.Raw(func(c any) error {
			source := c.(interface {
				Deserialize(image []byte) error
				NewBackup(name string) (*sqlite.Backup, error)
			})
			if err := source.Deserialize(bytes); err != nil {
				return err
			}
			backup, err := source.NewBackup(name)
			if err != nil {
				return err
			}
			_, err = backup.Step(-1) // all pages
			return errors.Join(err, backup.Finish())
		})
	})
}

// scratch calls fn with an empty database that ends with the call.
func scratch(ctx context.Context, fn func(*sql.Conn) error) (err error) {
	pool, err := sql.Open("sqlite", ":memory:?_pragma=foreign_keys(1)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return fn(conn)
}

// fill creates the tables and loads the files, all or nothing.
func fill(ctx context.Context, conn *sql.Conn) error {
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
	tx, err := conn.BeginTx(ctx, nil)
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
