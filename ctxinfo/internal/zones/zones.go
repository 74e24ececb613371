// Package zones finds time zones by names that clients send. Only names of a
// fixed table and offsets such as +05:30 are looked up, each at most once: a
// search through the machine's files costs a thousand times a hit, and
// time.LoadLocation takes names that a client must not reach.
package zones

import (
	"slices"
	"sync/atomic"
	"time"
)

//go:generate go run ./genzones -o table.go

// table holds the loaded zones by their place in names: at most one of each
// name. It is a memo of a pure function.
type table struct {
	load   func(name string) (*time.Location, error)
	loaded [len(names)]atomic.Pointer[time.Location]
	failed [len(names)]atomic.Int64 // when, in Unix seconds; 0: never
}

// retry is for how long a name that could not be loaded is not tried again.
const retry = time.Minute

var machine = &table{load: time.LoadLocation}

// Lookup returns the zone of a name of Go's archive, old ones such as
// Asia/Calcutta included, or of an offset ±hh:mm. A known name costs some 60 ns
// and allocates nothing once it has been loaded.
func Lookup(name string) (*time.Location, bool) {
	if offset, ok := parseOffset(name); ok {
		return time.FixedZone(name, int(offset.Seconds())), true
	}
	return machine.lookup(name)
}

func (t *table) lookup(name string) (*time.Location, bool) {
	i, ok := slices.BinarySearch(names[:], name)
	if !ok {
		return nil, false
	}
	if loc := t.loaded[i].Load(); loc != nil {
		return loc, true
	}
	failed := t.failed[i].Load()
	if failed != 0 && time.Since(time.Unix(failed, 0)) < retry {
		return nil, false
	}
	loc, err := t.load(names[i])
	if err != nil { // this machine has no time zone data, or an older one
		t.failed[i].Store(time.Now().Unix())
		return nil, false
	}
	t.loaded[i].CompareAndSwap(nil, loc)
	return t.loaded[i].Load(), true
}

// parseOffset reads ±hh:mm, from -12:00 to +14:00 (the offsets in use).
func parseOffset(s string) (time.Duration, bool) {
	if len(s) != len("+hh:mm") || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	for _, i := range [...]int{1, 2, 4, 5} {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	h, m := int(s[1]-'0')*10+int(s[2]-'0'), int(s[4]-'0')*10+int(s[5]-'0')
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if s[0] == '-' {
		d = -d
	}
	return d, m < 60 && d >= -12*time.Hour && d <= 14*time.Hour
}
