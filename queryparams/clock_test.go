package queryparams_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/queryparams"
)

func TestListsOfTimesKeepAMinusThatIsNoSeparator(t *testing.T) {
	t.Parallel()
	type T struct {
		Unix  []time.Time `query:"unix" layout:"unix" style:"sep=-"`
		Local []time.Time `query:"local" layout:"20060102T150405Z0700" loc:"America/Sao_Paulo" style:"sep=-"`
	}
	at := []time.Time{time.Unix(-5, 0), time.Unix(7, 0)}
	s := queryparams.Must(queryparams.SchemaOf[T]())
	raw, err := s.Encode(T{Unix: at, Local: at})
	if err != nil {
		t.Fatal(err)
	}
	back, err := s.Parse(raw)
	if diff := cmp.Diff(T{Unix: at, Local: at}, back); err != nil || diff != "" {
		t.Errorf("%s reads back %v\n%s", raw, err, diff)
	}
}

func TestADayWhoseMidnightIsSkippedIsThatDay(t *testing.T) {
	t.Parallel()
	type T struct {
		Day   time.Time `query:"day" layout:"date" loc:"America/Sao_Paulo"`
		At    time.Time `query:"at" layout:"datetime-local" loc:"Europe/Berlin"`
		Samoa time.Time `query:"samoa" layout:"date" loc:"Pacific/Apia"`
	}
	s := queryparams.Must(queryparams.SchemaOf[T]())
	tests := []struct {
		raw, again string
		field      func(T) time.Time
		want       time.Time
	}{
		{"day=2018-11-04", "day=2018-11-04", func(v T) time.Time { return v.Day }, time.Date(2018, 11, 4, 3, 0, 0, 0, time.UTC)},
		{"day=2018-11-05", "day=2018-11-05", func(v T) time.Time { return v.Day }, time.Date(2018, 11, 5, 2, 0, 0, 0, time.UTC)},
		{"day=2018-02-18", "day=2018-02-18", func(v T) time.Time { return v.Day }, time.Date(2018, 2, 18, 3, 0, 0, 0, time.UTC)},
		{"at=2024-03-31T02:30", "at=2024-03-31T03:30", func(v T) time.Time { return v.At }, time.Date(2024, 3, 31, 1, 30, 0, 0, time.UTC)},
		{"samoa=2011-12-29", "samoa=2011-12-29", func(v T) time.Time { return v.Samoa }, time.Date(2011, 12, 29, 10, 0, 0, 0, time.UTC)},
		{"samoa=2011-12-30", "samoa=2011-12-31", func(v T) time.Time { return v.Samoa }, time.Date(2011, 12, 30, 10, 0, 0, 0, time.UTC)}, // there was no such day
	}
	for _, tt := range tests {
		v, err := s.Parse(tt.raw)
		if err != nil || !tt.field(v).Equal(tt.want) {
			t.Errorf("%s is %v, %v; want %v", tt.raw, tt.field(v), err, tt.want)
		}
		if raw, err := s.Encode(v); err != nil || raw != tt.again {
			t.Errorf("%s is written as %s, %v; want %s", tt.raw, raw, err, tt.again)
		}
	}
}

func TestATimeInAnotherZoneThatIsReadCanBeWritten(t *testing.T) {
	t.Parallel()
	type T struct {
		Day time.Time `query:"day" layout:"2006-01-02 -07"`
		At  time.Time `query:"at" layout:"2006-01-02T15 -07:00"`
	}
	s := queryparams.Must(queryparams.SchemaOf[T]())
	for _, raw := range []string{"day=2024-01-02+%2B02", "day=2024-01-02+-11", "at=2024-01-02T03+%2B05:30", "day=2024-01-02+%2B00"} {
		v, err := s.Parse(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if again, err := s.Encode(v); err != nil || again != raw {
			t.Errorf("%s is written as %q, %v", raw, again, err)
		}
	}
}

type hex int

func TestWithWritesValuesAsTheirParametersDo(t *testing.T) {
	t.Parallel()
	type row struct {
		Day time.Time `query:"day" layout:"date"`
		Hex hex       `query:"hex"`
	}
	type T struct {
		Day  time.Time            `query:"day" layout:"date"`
		Days []time.Time          `query:"days" layout:"unix" style:"form,explode=false"`
		Hex  hex                  `query:"hex"`
		Map  map[string]hex       `query:"map"`
		Opt  queryparams.Opt[hex] `query:"opt"`
		Rows []row                `query:"rows"`
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Codecs: []queryparams.Codec{queryparams.NewCodec("a number in base 16",
		func(text string) (hex, error) {
			n, err := strconv.ParseInt(text, 16, 64)
			return hex(n), err
		},
		func(h hex) (string, error) { return strconv.FormatInt(int64(h), 16), nil },
	)}}))
	day := time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)
	got, err := s.With(T{}, "day", day, "days", []time.Time{day}, "hex", hex(16), "map[a]", hex(17), "opt", hex(18), "rows[0][day]", &day, "rows[0][hex]", hex(19))
	want := T{day, []time.Time{day}, 16, map[string]hex{"a": 17}, queryparams.Some(hex(18)), []row{{day, 19}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(queryparams.Opt[hex]{})); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := s.With(T{}, "hex", "10"); err != nil || got.Hex != 16 { // a text stays as it is
		t.Errorf("%v, %v", got, err)
	}
}
