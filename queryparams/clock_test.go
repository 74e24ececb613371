package queryparams_test

import (
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
