// Package data holds the explorer's three files and reads them strictly: a
// row that is not exactly what [Strike], [Airport] or [Crosswalk] say is an
// error that names file, line and column, and nothing is loaded.
//
// Where the files come from is told in SOURCES.md, beside this file.
package data

import (
	"embed"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

//go:embed birdstrikes.csv airports.csv crosswalk.csv
var files embed.FS

// A Strike is one row of birdstrikes.csv.
type Strike struct {
	Airport    string // the name that [Crosswalk] translates
	Aircraft   string
	Damage     string // None, Minor, Medium, Substantial, or a raw code
	Date       time.Time
	Operator   string
	State      string // in full; DC for the District of Columbia
	Phase      string // phase of flight
	Size       string // of the animal: Small, Medium or Large
	Species    string
	TimeOfDay  string
	CostOther  int64 // US dollars
	CostRepair int64 // US dollars
	CostTotal  int64 // US dollars: the sum of the two
	Speed      int   // knots, as indicated; -1 where nobody noted it
}

// An Airport is one row of airports.csv.
type Airport struct {
	IATA, Name, City, State, Country string
	Lat, Lon                         float64 // degrees; north and east are positive
}

// A Crosswalk is one row of crosswalk.csv: what an airport name of
// birdstrikes.csv is called in airports.csv.
type Crosswalk struct {
	Name  string // as in birdstrikes.csv
	IATA  string // a code of airports.csv
	Label string // a readable name
	Note  string // why the code is not the airport's own; mostly empty
}

// Strikes reads birdstrikes.csv.
func Strikes() ([]Strike, error) {
	return read("birdstrikes.csv", []string{
		"Airport Name", "Aircraft Make Model", "Effect Amount of damage", "Flight Date",
		"Aircraft Airline Operator", "Origin State", "Phase of flight", "Wildlife Size",
		"Wildlife Species", "Time of day", "Cost Other", "Cost Repair", "Cost Total $",
		"Speed IAS in knots",
	}, func(r *row) Strike {
		s := Strike{
			Airport:    r.text(0),
			Aircraft:   r.text(1),
			Damage:     r.oneOf(2, "None", "Minor", "Medium", "Substantial", "B", "C"),
			Date:       r.date(3),
			Operator:   r.text(4),
			State:      r.text(5),
			Phase:      r.oneOf(6, "Approach", "Climb", "Descent", "Landing Roll", "Parked", "Take-off run", "Taxi"),
			Size:       r.oneOf(7, "Small", "Medium", "Large"),
			Species:    r.text(8),
			TimeOfDay:  r.oneOf(9, "Dawn", "Day", "Dusk", "Night"),
			CostOther:  r.integer(10),
			CostRepair: r.integer(11),
			CostTotal:  r.integer(12),
			Speed:      -1,
		}
		if r.fields[13] != "" {
			s.Speed = int(r.integer(13))
		}
		if s.CostOther+s.CostRepair != s.CostTotal {
			r.fail(12, "is not the sum of the costs before it")
		}
		return s
	})
}

// Airports reads airports.csv.
func Airports() ([]Airport, error) {
	return read("airports.csv", []string{
		"iata", "name", "city", "state", "country", "latitude", "longitude",
	}, func(r *row) Airport {
		return Airport{
			IATA: r.code(0), Name: r.text(1), City: r.text(2), State: r.text(3), Country: r.text(4),
			Lat: r.degrees(5, 90), Lon: r.degrees(6, 180),
		}
	})
}

// Crosswalks reads crosswalk.csv.
func Crosswalks() ([]Crosswalk, error) {
	return read("crosswalk.csv", []string{"name", "iata", "label", "note"}, func(r *row) Crosswalk {
		return Crosswalk{Name: r.text(0), IATA: r.code(1), Label: r.text(2), Note: r.fields[3]}
	})
}

var iata = regexp.MustCompile(`^[A-Z0-9]{3,4}$`)

func (r *row) code(column int) string {
	if !iata.MatchString(r.fields[column]) {
		r.fail(column, "is not 3 or 4 capitals and digits")
	}
	return r.fields[column]
}

func (r *row) date(column int) time.Time {
	t, err := time.Parse(time.DateOnly, r.fields[column])
	if err != nil {
		r.fail(column, "is not a date such as 1999-12-31")
	}
	return t
}

func (r *row) integer(column int) int64 {
	n, err := strconv.ParseUint(r.fields[column], 10, 31)
	if err != nil {
		r.fail(column, "is not a whole number of 0 or more")
	}
	return int64(n)
}

func (r *row) degrees(column int, limit float64) float64 {
	f, err := strconv.ParseFloat(r.fields[column], 64)
	if err != nil || !(-limit <= f && f <= limit) {
		r.fail(column, fmt.Sprintf("is not within %v degrees of zero", limit))
	}
	return f
}
