package strikes_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/examples/explorer/data"
	"github.com/reecho-go/reecho/examples/explorer/strikes"
)

var (
	db    *strikes.DB
	files = sync.OnceValues(data.Strikes)
)

func TestMain(m *testing.M) {
	var err error
	if db, err = strikes.Open(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := db.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// selects is the filter in plain Go: what the SQL is compared with.
func selects(f strikes.Filter, s data.Strike) bool {
	return (f.State == "" || s.State == f.State) &&
		(f.Species == "" || s.Species == f.Species) &&
		(len(f.Phases) == 0 || slices.Contains(f.Phases, s.Phase)) &&
		(len(f.Sizes) == 0 || slices.Contains(f.Sizes, s.Size)) &&
		(f.From.IsZero() || !s.Date.Before(f.From)) &&
		(f.To.IsZero() || !s.Date.After(f.To)) &&
		s.CostTotal >= f.MinCost
}

func filters(t *testing.T) []strikes.Filter {
	t.Helper()
	o, err := db.Options(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := []strikes.Filter{
		{},
		{State: "Texas"},
		{State: "Nowhere"},
		{Species: "Canada goose", MinCost: 1},
		{From: day("1999-10-19"), To: day("1999-10-19")},
		{From: day("2000-01-01"), To: day("1999-01-01")},
		{State: "' OR 1=1 --"},
		{Phases: []string{"Climb", "Climb') OR (1=1"}},
	}
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	for range 40 {
		var f strikes.Filter
		if r.IntN(2) == 0 {
			f.State = pick(o.States)
		}
		if r.IntN(4) == 0 {
			f.Species = pick(o.Species)
		}
		for range r.IntN(3) {
			f.Phases = append(f.Phases, pick(o.Phases))
		}
		for range r.IntN(2) {
			f.Sizes = append(f.Sizes, pick(o.Sizes))
		}
		if r.IntN(3) == 0 {
			f.From = o.From.AddDate(0, 0, r.IntN(3000))
		}
		if r.IntN(3) == 0 {
			f.To = o.To.AddDate(0, 0, -r.IntN(1500))
		}
		if r.IntN(4) == 0 {
			f.MinCost = r.Int64N(50_000)
		}
		all = append(all, f)
	}
	return all
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func chosen(t *testing.T, f strikes.Filter) []data.Strike {
	t.Helper()
	all, err := files()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(slices.Clone(all), func(s data.Strike) bool { return !selects(f, s) })
}

// Every query agrees with plain Go over the files, for many filters.
func TestQueriesAgreeWithTheFiles(t *testing.T) {
	t.Parallel()
	for i, f := range filters(t) {
		t.Run(fmt.Sprintf("%d", i), func(t *testing.T) {
			t.Parallel()
			ctx, want := t.Context(), chosen(t, f)

			totals, err := db.Total(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			var wantTotals strikes.Totals
			airports, kinds := map[string]int{}, map[string]int{}
			months, phases := map[string]int{}, map[string]strikes.PhaseCost{}
			for _, s := range want {
				wantTotals.Strikes++
				wantTotals.Cost += s.CostTotal
				if s.Damage != "None" {
					wantTotals.Damaging++
				}
				airports[s.Airport]++
				if !strings.HasPrefix(s.Species, "Unknown") {
					kinds[s.Species]++
				}
				months[s.Date.Format("2006-01")]++
				p := phases[s.Phase]
				p.Phase = s.Phase
				p.Strikes++
				p.Cost += s.CostTotal
				if s.CostTotal > 0 {
					p.Costly++
				}
				phases[s.Phase] = p
			}
			wantTotals.Airports, wantTotals.Species = len(airports), len(kinds)
			if totals != wantTotals {
				t.Errorf("totals are %+v, want %+v", totals, wantTotals)
			}

			gotMonths, err := db.Months(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range gotMonths {
				if m.Strikes != months[m.Start.Format("2006-01")] {
					t.Errorf("%v has %d strikes, want %d", m.Start, m.Strikes, months[m.Start.Format("2006-01")])
				}
				delete(months, m.Start.Format("2006-01"))
				if i > 0 && !gotMonths[i-1].Start.AddDate(0, 1, 0).Equal(m.Start) {
					t.Errorf("a gap before %v", m.Start)
				}
			}
			if len(months) > 0 {
				t.Errorf("months not counted: %v", months)
			}

			species, err := db.TopSpecies(ctx, f, 100)
			if err != nil {
				t.Fatal(err)
			}
			if len(species) != len(kinds) {
				t.Errorf("%d species, want %d", len(species), len(kinds))
			}
			for i, s := range species {
				if s.Strikes != kinds[s.Name] || i > 0 && s.Strikes > species[i-1].Strikes {
					t.Errorf("species %d: %+v, want %d", i, s, kinds[s.Name])
				}
			}

			costs, err := db.CostByPhase(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			if len(costs) != len(phases) || !slices.IsSortedFunc(costs, func(a, b strikes.PhaseCost) int { return cmp.Compare(b.Cost, a.Cost) }) {
				t.Errorf("phases: %+v", costs)
			}
			for _, c := range costs {
				if c != phases[c.Phase] {
					t.Errorf("phase %+v, want %+v", c, phases[c.Phase])
				}
			}

			places, err := db.Airports(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			sum := 0
			for _, p := range places {
				sum += p.Strikes
			}
			if len(places) != len(airports) || sum != len(want) {
				t.Errorf("%d airports with %d strikes, want %d with %d", len(places), sum, len(airports), len(want))
			}
		})
	}
}

// Pages, laid end to end, hold every selected strike once and in order.
func TestPagesNeitherRepeatNorSkip(t *testing.T) {
	t.Parallel()
	less := map[strikes.Sort]func(a, b strikes.Strike) int{
		strikes.Newest:        func(a, b strikes.Strike) int { return b.Date.Compare(a.Date) },
		strikes.Oldest:        func(a, b strikes.Strike) int { return a.Date.Compare(b.Date) },
		strikes.Costliest:     func(a, b strikes.Strike) int { return cmp.Compare(b.Cost, a.Cost) },
		strikes.Cheapest:      func(a, b strikes.Strike) int { return cmp.Compare(a.Cost, b.Cost) },
		strikes.ByAirport:     func(a, b strikes.Strike) int { return cmp.Compare(a.Airport, b.Airport) },
		strikes.ByAirportDown: func(a, b strikes.Strike) int { return cmp.Compare(b.Airport, a.Airport) },
		strikes.BySpecies:     func(a, b strikes.Strike) int { return cmp.Compare(a.Species, b.Species) },
		strikes.BySpeciesDown: func(a, b strikes.Strike) int { return cmp.Compare(b.Species, a.Species) },
		strikes.Fastest:       func(a, b strikes.Strike) int { return cmp.Compare(speed(b, -1), speed(a, -1)) },
		strikes.Slowest:       func(a, b strikes.Strike) int { return cmp.Compare(speed(a, 9999), speed(b, 9999)) },
	}
	f := strikes.Filter{State: "Ohio"}
	want := len(chosen(t, f))
	for _, sort := range strikes.Sorts() {
		t.Run(string(sort), func(t *testing.T) {
			t.Parallel()
			var all []strikes.Strike
			seen := map[int64]bool{}
			for n := 1; ; n++ {
				page, err := db.List(t.Context(), strikes.Page{Filter: f, Sort: sort, Number: n, Size: 50})
				if err != nil {
					t.Fatal(err)
				}
				if len(page) == 0 {
					break
				}
				for _, s := range page {
					if seen[s.ID] {
						t.Fatalf("strike %d is on two pages", s.ID)
					}
					seen[s.ID] = true
				}
				all = append(all, page...)
			}
			if len(all) != want {
				t.Errorf("%d strikes, want %d", len(all), want)
			}
			if !slices.IsSortedFunc(all, less[sort]) {
				t.Error("not in order")
			}
		})
	}
	if len(less) != len(strikes.Sorts()) {
		t.Errorf("%d orders are checked, there are %d", len(less), len(strikes.Sorts()))
	}
}

func speed(s strikes.Strike, none int) int {
	if s.Speed == nil {
		return none
	}
	return *s.Speed
}

func TestARowIsWholeAndJoined(t *testing.T) {
	t.Parallel()
	got, err := db.List(t.Context(), strikes.Page{Sort: strikes.Oldest, Number: 1, Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []strikes.Strike{{
		ID: 1, Date: day("1990-01-08"), Airport: "Barksdale Air Force Base", IATA: "DTN", State: "Louisiana",
		Species: "Turkey vulture", Phase: "Climb", Size: "Large", Damage: "None", Time: "Day",
		Operator: "MILITARY", Aircraft: "T-38A", Speed: new(300),
	}}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestOptionsAndPlaces(t *testing.T) {
	t.Parallel()
	o, err := db.Options(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(o.States) != 29 || len(o.Species) != 37 || len(o.Phases) != 7 || len(o.Sizes) != 3 {
		t.Errorf("options: %d states, %d species, %d phases, %d sizes", len(o.States), len(o.Species), len(o.Phases), len(o.Sizes))
	}
	if !o.From.Equal(day("1990-01-08")) || !o.To.Equal(day("2002-07-25")) {
		t.Errorf("days run from %v to %v", o.From, o.To)
	}
	if !strings.HasPrefix(o.Species[36], "Unknown") || strings.HasPrefix(o.Species[0], "Unknown") {
		t.Errorf("unidentified animals are not at the end: %q", o.Species)
	}
	places, err := db.Places(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(places) < 3000 {
		t.Errorf("%d places", len(places))
	}
	for _, p := range places {
		if p.Lat < 18 || p.Lat > 50 || p.Lon < -161 || p.Lon > -66 {
			t.Errorf("%v is not in the 48 states or Hawaii", p)
		}
	}
}

func TestQueriesRunTogetherAndObeyTheirContext(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got, err := db.Total(t.Context(), strikes.Filter{}); err != nil || got.Strikes != 10_000 {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Months(ctx, strikes.Filter{}); err == nil {
		t.Error("a cancelled query answered")
	}
}

func TestDatabasesArePrivateAndClose(t *testing.T) {
	t.Parallel()
	other, err := strikes.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := other.Ping(t.Context()); err == nil {
		t.Error("a closed database answers")
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("closing one database closed the other: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := strikes.Open(ctx); err == nil {
		t.Error("opened under a cancelled context")
	}
}
