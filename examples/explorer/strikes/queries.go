package strikes

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A Strike is one row of the table.
type Strike struct {
	ID       int64     `json:"id"`
	Date     time.Time `json:"date"`
	Airport  string    `json:"airport"`
	IATA     string    `json:"iata"`
	State    string    `json:"state"`
	Species  string    `json:"species"`
	Phase    string    `json:"phase"`
	Size     string    `json:"size"`
	Damage   string    `json:"damage"`
	Time     string    `json:"timeOfDay"`
	Operator string    `json:"operator"`
	Aircraft string    `json:"aircraft"`
	Cost     int64     `json:"costUSD"`
	Speed    *int      `json:"speedKnots"` // nil where nobody noted it
}

// A Page asks for one page of the table.
type Page struct {
	Filter Filter
	Sort   Sort
	Number int // from 1
	Size   int // strikes on a page
}

// List is one page of strikes.
func (db *DB) List(ctx context.Context, p Page) ([]Strike, error) {
	where, args := p.Filter.where()
	return query(ctx, db, `
		SELECT strike.id, date, label, iata, state, species, phase, size, damage, time_of_day, operator, aircraft, cost, speed
		FROM strike JOIN crosswalk ON crosswalk.name = strike.airport
		WHERE `+where+`
		ORDER BY `+p.Sort.orderBy()+`
		LIMIT ? OFFSET ?`,
		append(args, p.Size, (p.Number-1)*p.Size),
		func(r *sql.Rows, s *Strike) error {
			var date string
			err := r.Scan(&s.ID, &date, &s.Airport, &s.IATA, &s.State, &s.Species, &s.Phase, &s.Size,
				&s.Damage, &s.Time, &s.Operator, &s.Aircraft, &s.Cost, &s.Speed)
			if err == nil {
				s.Date, err = time.Parse(time.DateOnly, date)
			}
			return err
		})
}

// Totals sums a selection up.
type Totals struct {
	Strikes  int   `json:"strikes"`
	Airports int   `json:"airports"`
	Species  int   `json:"species"` // kinds that were identified
	Damaging int   `json:"damaging"`
	Cost     int64 `json:"costUSD"`
}

// Total is the sums of the selection.
func (db *DB) Total(ctx context.Context, f Filter) (Totals, error) {
	where, args := f.where()
	rows, err := query(ctx, db, `
		SELECT count(*), count(DISTINCT airport), count(DISTINCT iif(species LIKE 'Unknown%', NULL, species)),
			coalesce(sum(damage <> 'None'), 0), coalesce(sum(cost), 0)
		FROM strike WHERE `+where, args,
		func(r *sql.Rows, t *Totals) error {
			return r.Scan(&t.Strikes, &t.Airports, &t.Species, &t.Damaging, &t.Cost)
		})
	if err != nil {
		return Totals{}, err
	}
	return rows[0], nil
}

// A Month counts the strikes of one month.
type Month struct {
	Start   time.Time // its first day, UTC
	Strikes int
}

// Months counts strikes by month, without gaps between the first month that
// has one and the last.
func (db *DB) Months(ctx context.Context, f Filter) ([]Month, error) {
	where, args := f.where()
	found, err := query(ctx, db, `
		SELECT substr(date, 1, 7) AS month, count(*)
		FROM strike WHERE `+where+`
		GROUP BY month ORDER BY month`, args,
		func(r *sql.Rows, m *Month) error {
			var month string
			err := r.Scan(&month, &m.Strikes)
			if err == nil {
				m.Start, err = time.Parse("2006-01", month)
			}
			return err
		})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	var all []Month
	next := found[0].Start
	for _, m := range found {
		for ; next.Before(m.Start); next = next.AddDate(0, 1, 0) {
			all = append(all, Month{Start: next})
		}
		all = append(all, m)
		next = next.AddDate(0, 1, 0)
	}
	return all, nil
}

// A Species counts the strikes of one kind of animal.
type Species struct {
	Name    string
	Strikes int
	Cost    int64
}

// TopSpecies is the limit kinds of animal that were struck most often, of
// those that somebody identified.
func (db *DB) TopSpecies(ctx context.Context, f Filter, limit int) ([]Species, error) {
	where, args := f.where()
	return query(ctx, db, `
		SELECT species, count(*) AS n, sum(cost)
		FROM strike WHERE `+where+` AND species NOT LIKE 'Unknown%'
		GROUP BY species ORDER BY n DESC, species LIMIT ?`,
		append(args, limit),
		func(r *sql.Rows, s *Species) error { return r.Scan(&s.Name, &s.Strikes, &s.Cost) })
}

// A PhaseCost is what the strikes of one phase of flight cost.
type PhaseCost struct {
	Phase   string
	Strikes int
	Costly  int // those that cost anything
	Cost    int64
}

// CostByPhase sums costs by phase of flight, the dearest first.
func (db *DB) CostByPhase(ctx context.Context, f Filter) ([]PhaseCost, error) {
	where, args := f.where()
	return query(ctx, db, `
		SELECT phase, count(*) AS n, sum(cost > 0), sum(cost) AS dollars
		FROM strike WHERE `+where+`
		GROUP BY phase ORDER BY dollars DESC, n DESC, phase`, args,
		func(r *sql.Rows, p *PhaseCost) error { return r.Scan(&p.Phase, &p.Strikes, &p.Costly, &p.Cost) })
}

// An Airport counts the strikes at one airport.
type Airport struct {
	IATA, Label, State string
	Note               string // says where the place is not the airport's own
	Lat, Lon           float64
	Strikes            int
	Cost               int64
}

// Airports counts strikes by airport, the busiest first.
func (db *DB) Airports(ctx context.Context, f Filter) ([]Airport, error) {
	where, args := f.where()
	return query(ctx, db, `
		WITH hit AS (
			SELECT airport, state, count(*) AS n, sum(cost) AS dollars
			FROM strike WHERE `+where+` GROUP BY airport, state
		)
		SELECT iata, label, hit.state, note, lat, lon, n, dollars
		FROM hit JOIN crosswalk ON crosswalk.name = hit.airport JOIN airport USING (iata)
		ORDER BY n DESC, label`, args,
		func(r *sql.Rows, a *Airport) error {
			return r.Scan(&a.IATA, &a.Label, &a.State, &a.Note, &a.Lat, &a.Lon, &a.Strikes, &a.Cost)
		})
}

// A Place is where an airport is.
type Place struct{ Lat, Lon float64 }

// Places is where all airports of the 48 contiguous states and of Hawaii are.
// There are over 3,000 of them: together they draw the country.
func (db *DB) Places(ctx context.Context) ([]Place, error) {
	return query(ctx, db, `
		SELECT lat, lon FROM airport
		WHERE country = 'USA' AND state NOT IN ('AK', 'PR', 'VI', 'GU', 'AS', 'CQ', 'NA')
		ORDER BY iata`, nil,
		func(r *sql.Rows, p *Place) error { return r.Scan(&p.Lat, &p.Lon) })
}

// Options are the values that the filter's lists can have, as they are in the
// data.
type Options struct {
	States, Species, Phases, Sizes []string
	From, To                       time.Time // the first day and the last
}

// Options reads the values that a filter can have.
func (db *DB) Options(ctx context.Context) (o Options, err error) {
	text := func(r *sql.Rows, s *string) error { return r.Scan(s) }
	lists := []struct {
		into  *[]string
		query string
	}{
		{&o.States, `SELECT DISTINCT state FROM strike ORDER BY state`},
		{&o.Species, `SELECT DISTINCT species FROM strike ORDER BY species LIKE 'Unknown%', species`},
		{&o.Phases, `SELECT phase FROM strike GROUP BY phase ORDER BY count(*) DESC`},
		{&o.Sizes, `SELECT size FROM strike GROUP BY size ORDER BY count(*) DESC`},
	}
	for _, l := range lists {
		if *l.into, err = query(ctx, db, l.query, nil, text); err != nil {
			return Options{}, err
		}
	}
	days, err := query(ctx, db, `SELECT min(date) FROM strike UNION ALL SELECT max(date) FROM strike`, nil, text)
	if err != nil {
		return Options{}, err
	}
	if o.From, err = time.Parse(time.DateOnly, days[0]); err != nil {
		return Options{}, err
	}
	o.To, err = time.Parse(time.DateOnly, days[1])
	return o, err
}

// query runs one statement and reads all of its rows.
func query[T any](ctx context.Context, db *DB, text string, args []any, scan func(*sql.Rows, *T) error) ([]T, error) {
	rows, err := db.sql.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("strikes: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	var all []T
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, fmt.Errorf("strikes: %w", err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("strikes: %w", err)
	}
	return all, nil
}
