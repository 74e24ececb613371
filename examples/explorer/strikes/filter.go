package strikes

import (
	"strings"
	"time"
)

// A Filter selects strikes. The zero Filter selects all of them.
//
// It is also the key of every cached result: two filters that select the same
// strikes by the same words are one key, in whatever order the lists are.
type Filter struct {
	State   string
	Species string
	Phases  []string `hash:"set"` // any of them; none means all
	Sizes   []string `hash:"set"` // any of them; none means all
	From    time.Time
	To      time.Time // inclusive
	MinCost int64     // US dollars
}

// where is the filter as SQL with its arguments. Values travel as arguments
// only, never inside the text.
func (f Filter) where() (string, []any) {
	var terms []string
	var args []any
	add := func(term string, values ...any) {
		terms = append(terms, term)
		args = append(args, values...)
	}
	anyOf := func(column string, values []string) {
		if len(values) == 0 {
			return
		}
		terms = append(terms, column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")")
		for _, v := range values {
			args = append(args, v)
		}
	}
	if f.State != "" {
		add("state = ?", f.State)
	}
	if f.Species != "" {
		add("species = ?", f.Species)
	}
	anyOf("phase", f.Phases)
	anyOf("size", f.Sizes)
	if !f.From.IsZero() {
		add("date >= ?", f.From.Format(time.DateOnly))
	}
	if !f.To.IsZero() {
		add("date <= ?", f.To.Format(time.DateOnly))
	}
	if f.MinCost > 0 {
		add("cost >= ?", f.MinCost)
	}
	if len(terms) == 0 {
		return "1", nil
	}
	return strings.Join(terms, " AND "), args
}

// A Sort is an order of the table. Ties are broken by id, so that pages
// neither repeat nor skip a strike.
type Sort string

// The orders.
const (
	Newest        Sort = "-date"
	Oldest        Sort = "date"
	Costliest     Sort = "-cost"
	Cheapest      Sort = "cost"
	ByAirport     Sort = "airport"
	ByAirportDown Sort = "-airport"
	BySpecies     Sort = "species"
	BySpeciesDown Sort = "-species"
	Fastest       Sort = "-speed"
	Slowest       Sort = "speed"
)

// Sorts lists the orders.
func Sorts() []Sort {
	return []Sort{Newest, Oldest, Costliest, Cheapest, ByAirport, ByAirportDown, BySpecies, BySpeciesDown, Fastest, Slowest}
}

// orderBy is the SQL of a Sort; an unknown one is the default order.
func (s Sort) orderBy() string {
	switch s {
	case Oldest:
		return "date, strike.id"
	case Costliest:
		return "cost DESC, date DESC, strike.id DESC"
	case Cheapest:
		return "cost, date DESC, strike.id DESC"
	case ByAirport:
		return "label, date DESC, strike.id DESC"
	case ByAirportDown:
		return "label DESC, date DESC, strike.id DESC"
	case BySpecies:
		return "species, date DESC, strike.id DESC"
	case BySpeciesDown:
		return "species DESC, date DESC, strike.id DESC"
	case Fastest:
		return "speed DESC NULLS LAST, date DESC, strike.id DESC"
	case Slowest:
		return "speed NULLS LAST, date DESC, strike.id DESC"
	}
	return "date DESC, strike.id DESC"
}
