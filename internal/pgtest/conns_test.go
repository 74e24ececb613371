package pgtest

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

const poolSize = 4

// pool is a few connections that are made once: unlike larger ones it does not
// mend itself, so that it depends on being checked and replaced.
type pool struct {
	conns  chan *pgx.Conn
	broken atomic.Bool // a connection has been lost
	closed atomic.Bool
}

var (
	errBroken = errors.New("a connection has been lost")
	errClosed = errors.New("used after its release")
)

func openPool(ctx context.Context, dsn string) (*pool, error) {
	p := &pool{conns: make(chan *pgx.Conn, poolSize)}
	for range poolSize {
		c, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return nil, errors.Join(err, p.close(ctx))
		}
		p.conns <- c
	}
	return p, nil
}

// with calls fn with a connection of its own.
func (p *pool) with(ctx context.Context, fn func(*pgx.Conn) error) error {
	select {
	case c := <-p.conns:
		defer func() {
			if c.IsClosed() {
				p.broken.Store(true)
			}
			p.conns <- c
		}()
		return fn(c)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer asks the server something.
func (p *pool) answer(ctx context.Context) error {
	if p.closed.Load() {
		return errClosed
	}
	return p.with(ctx, func(c *pgx.Conn) error {
		var n int
		return c.QueryRow(ctx, "select 42").Scan(&n)
	})
}

// check asks the server by one connection whether it is still there.
func (p *pool) check(ctx context.Context) error {
	if p.broken.Load() {
		return errBroken
	}
	return p.with(ctx, func(c *pgx.Conn) error { return c.Ping(ctx) })
}

// close closes the connections, which nobody uses.
func (p *pool) close(ctx context.Context) error {
	p.closed.Store(true)
	var errs []error
	for {
		select {
		case c := <-p.conns:
			errs = append(errs, c.Close(ctx))
		default:
			return errors.Join(errs...)
		}
	}
}
