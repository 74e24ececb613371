package data

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestFilesAreWhole(t *testing.T) {
	t.Parallel()
	strikes, err := Strikes()
	if err != nil {
		t.Fatal(err)
	}
	airports, err := Airports()
	if err != nil {
		t.Fatal(err)
	}
	if len(strikes) != 10_000 || len(airports) != 3_376 {
		t.Errorf("strikes %d, airports %d; want 10000 and 3376", len(strikes), len(airports))
	}
	var cost int64
	for _, s := range strikes {
		cost += s.CostTotal
	}
	if first, last := strikes[0].Date, strikes[len(strikes)-1].Date; first.Year() != 1990 || last.Year() != 2002 {
		t.Errorf("dates run from %v to %v", first, last)
	}
	if cost == 0 {
		t.Error("no strike cost anything")
	}
}

// Every airport name of the strikes resolves, by code, to a row of
// airports.csv that lies in the state that the strikes name.
func TestCrosswalkResolvesAllFiftyNames(t *testing.T) {
	t.Parallel()
	strikes, err := Strikes()
	if err != nil {
		t.Fatal(err)
	}
	airports, err := Airports()
	if err != nil {
		t.Fatal(err)
	}
	crosswalk, err := Crosswalks()
	if err != nil {
		t.Fatal(err)
	}
	byCode := map[string]Airport{}
	for _, a := range airports {
		byCode[a.IATA] = a
	}
	byName := map[string]Crosswalk{}
	codes := map[string]bool{}
	for _, c := range crosswalk {
		if byName[c.Name].Name != "" || codes[c.IATA] {
			t.Errorf("%s (%s) is there twice", c.Name, c.IATA)
		}
		byName[c.Name], codes[c.IATA] = c, true
	}
	stateOf := map[string]string{}
	for _, s := range strikes {
		stateOf[s.Airport] = s.State
	}
	if len(stateOf) != 50 || len(crosswalk) != 50 {
		t.Fatalf("%d names and %d crosswalk rows, want 50 and 50", len(stateOf), len(crosswalk))
	}
	for name, state := range stateOf {
		a, ok := byCode[byName[name].IATA]
		if !ok {
			t.Errorf("%s does not resolve to a row of airports.csv", name)
			continue
		}
		box, ok := states[state]
		if !ok {
			t.Errorf("%s: no bounds for %q", name, state)
			continue
		}
		if a.State != box.code && (box.also == "" || a.State != box.also) {
			t.Errorf("%s is in %s, but %s is in %s", name, state, a.IATA, a.State)
		}
		if a.Lat < box.south || a.Lat > box.north || a.Lon < box.west || a.Lon > box.east {
			t.Errorf("%s: %s at %.2f,%.2f is outside %s", name, a.IATA, a.Lat, a.Lon, state)
		}
	}
}

// Barksdale is drawn at the nearest airport that has coordinates: the note
// must say so, and the place must be near the base's published position.
func TestOnlyBarksdaleBorrowsAPlace(t *testing.T) {
	t.Parallel()
	crosswalk, err := Crosswalks()
	if err != nil {
		t.Fatal(err)
	}
	airports, err := Airports()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range crosswalk {
		if noted := c.Note != ""; noted != (c.Name == "BARKSDALE AIR FORCE BASE ARPT") {
			t.Errorf("%s: note %q", c.Name, c.Note)
		}
		if c.Note == "" {
			continue
		}
		for _, a := range airports {
			if a.IATA != c.IATA {
				continue
			}
			const lat, lon, kmPerDegree = 32.5018, -93.6627, 111.2
			north := (a.Lat - lat) * kmPerDegree
			east := (a.Lon - lon) * kmPerDegree * math.Cos(lat*math.Pi/180)
			if d := math.Hypot(north, east); d > 10 {
				t.Errorf("%s is %.1f km from the base", c.IATA, d)
			}
		}
	}
}

func TestBadRowsAreRefusedByName(t *testing.T) {
	t.Parallel()
	header := []string{"iata", "latitude", "when", "cost", "size", "city"}
	parse := func(r *row) string {
		r.degrees(1, 90)
		r.date(2)
		r.integer(3)
		r.oneOf(4, "Small", "Large")
		r.text(5)
		return r.code(0)
	}
	const good = "ABC,12.5,1999-12-31,10,Small,Here"
	tests := map[string]struct {
		rows, want string
	}{
		"good":             {good, ""},
		"code":             {"abc,1,1999-12-31,1,Small,x", `test:2: iata "abc" is not 3 or 4 capitals and digits`},
		"latitude":         {"ABC,91,1999-12-31,1,Small,x", `test:2: latitude "91" is not within 90 degrees`},
		"not a number":     {"ABC,NaN,1999-12-31,1,Small,x", `latitude "NaN"`},
		"date":             {"ABC,1,1999-02-30,1,Small,x", `when "1999-02-30" is not a date`},
		"negative cost":    {"ABC,1,1999-12-31,-1,Small,x", `cost "-1" is not a whole number`},
		"size":             {"ABC,1,1999-12-31,1,small,x", `size "small" is none of Small, Large`},
		"empty text":       {"ABC,1,1999-12-31,1,Small,", `city "" is empty`},
		"space":            {"ABC,1,1999-12-31,1,Small, x", `city " x" has space around it`},
		"not UTF-8":        {"ABC,1,1999-12-31,1,Small,\xff", `city "\xff" is not UTF-8`},
		"short row":        {good + "\nABC,1", "line 3: wrong number of fields"},
		"second row fails": {good + "\nABC,1,x,1,Small,y", `test:3: when "x"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := strings.NewReader(strings.Join(header, ",") + "\n" + tt.rows + "\n")
			got, err := readFrom(src, "test", header, parse)
			if tt.want == "" {
				if err != nil || len(got) != 1 || got[0] != "ABC" {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || got != nil {
				t.Errorf("got %v, %v; want an error with %q", got, err, tt.want)
			}
		})
	}
	_, err := readFrom(strings.NewReader("a,b\n1,2\n"), "test", []string{"a", "c"}, func(*row) int { return 0 })
	if err == nil || !strings.Contains(err.Error(), `want ["a" "c"]`) {
		t.Errorf("wrong header: %v", err)
	}
	if _, err := readFrom(strings.NewReader(""), "test", header, parse); err == nil {
		t.Error("an empty file was read")
	}
	_, err = readFrom(strings.NewReader("a\nx\n"), "f", []string{"a"}, func(r *row) int { r.integer(0); return 0 })
	if e, ok := errors.AsType[*RowError](err); !ok || e.File != "f" || e.Line != 2 || e.Column != "a" || e.Value != "x" {
		t.Errorf("got %#v", err)
	}
}

// Rough bounds of the states that the strikes name, in degrees. The two
// airports of Washington lie in Virginia, Cincinnati's in Kentucky.
var states = map[string]struct {
	code, also               string
	south, north, west, east float64
}{
	"Arizona":        {"AZ", "", 31, 37.1, -115, -109},
	"California":     {"CA", "", 32.4, 42.1, -124.6, -114},
	"Colorado":       {"CO", "", 36.9, 41.1, -109.2, -102},
	"DC":             {"DC", "VA", 38.6, 39.2, -77.7, -76.8},
	"Florida":        {"FL", "", 24.3, 31.1, -87.8, -79.8},
	"Georgia":        {"GA", "", 30.3, 35.1, -85.7, -80.7},
	"Hawaii":         {"HI", "", 18.8, 22.4, -160.6, -154.7},
	"Illinois":       {"IL", "", 36.9, 42.6, -91.6, -87},
	"Indiana":        {"IN", "", 37.7, 41.9, -88.2, -84.7},
	"Kentucky":       {"KY", "", 36.4, 39.2, -89.7, -81.9},
	"Louisiana":      {"LA", "", 28.8, 33.1, -94.2, -88.7},
	"Maryland":       {"MD", "", 37.8, 39.8, -79.6, -75},
	"Massachusetts":  {"MA", "", 41.1, 42.9, -73.6, -69.8},
	"Michigan":       {"MI", "", 41.6, 48.4, -90.5, -82.1},
	"Minnesota":      {"MN", "", 43.4, 49.5, -97.3, -89.4},
	"Missouri":       {"MO", "", 35.9, 40.7, -95.9, -89},
	"Nebraska":       {"NE", "", 39.9, 43.1, -104.2, -95.2},
	"New Jersey":     {"NJ", "", 38.8, 41.4, -75.7, -73.8},
	"New York":       {"NY", "", 40.4, 45.1, -79.9, -71.8},
	"North Carolina": {"NC", "", 33.7, 36.7, -84.4, -75.3},
	"Ohio":           {"OH", "", 38.3, 42, -84.9, -80.4},
	"Oklahoma":       {"OK", "", 33.5, 37.1, -103.1, -94.3},
	"Oregon":         {"OR", "", 41.9, 46.4, -124.7, -116.3},
	"Pennsylvania":   {"PA", "", 39.6, 42.4, -80.6, -74.6},
	"South Carolina": {"SC", "", 32, 35.3, -83.5, -78.4},
	"Tennessee":      {"TN", "", 34.9, 36.8, -90.4, -81.5},
	"Texas":          {"TX", "", 25.7, 36.6, -106.7, -93.4},
	"Utah":           {"UT", "", 36.9, 42.1, -114.2, -108.9},
	"Washington":     {"WA", "", 45.4, 49.1, -124.9, -116.8},
}
