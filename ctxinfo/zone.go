package ctxinfo

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

//go:generate go run ./internal/genzones -o zones_table.go

// zone is the time zone facet; a nil loc means that the visitor's is unknown.
type zone struct {
	loc  *time.Location
	name string
}

// zoneTable holds the loaded zones by their place in zoneNames: at most one of
// each name. It is a memo of a pure function.
type zoneTable struct {
	load   func(name string) (*time.Location, error)
	loaded [len(zoneNames)]atomic.Pointer[time.Location]
	failed [len(zoneNames)]atomic.Int64 // when, in Unix seconds; 0: never
}

// retryZone is for how long a name that could not be loaded is not tried again:
// a search through the machine's files costs a thousand times a hit.
const retryZone = time.Minute

var zones = &zoneTable{load: time.LoadLocation}

// lookupZone returns the zone of a name that a client sent: one of zoneNames
// or ±hh:mm. Nothing else ever reaches time.LoadLocation. A known name costs
// some 60 ns and allocates nothing once it has been loaded.
func lookupZone(name string) (*time.Location, bool) {
	if offset, ok := parseOffset(name); ok {
		return time.FixedZone(name, int(offset.Seconds())), true
	}
	return zones.lookup(name)
}

func (t *zoneTable) lookup(name string) (*time.Location, bool) {
	i, ok := slices.BinarySearch(zoneNames[:], name)
	if !ok {
		return nil, false
	}
	if loc := t.loaded[i].Load(); loc != nil {
		return loc, true
	}
	failed := t.failed[i].Load()
	if failed != 0 && time.Since(time.Unix(failed, 0)) < retryZone {
		return nil, false
	}
	loc, err := t.load(zoneNames[i])
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

func buildZone(in *Info, f *facts) zone {
	var z zone
	v, name, ok := in.override(f, TimezoneCookie, keyZone, func(s string) bool {
		_, ok := lookupZone(s)
		return ok
	})
	if ok {
		z.name = strings.Clone(v)
		z.loc, _ = lookupZone(z.name)
		f.source = Source{Kind: SourceCookie, Name: name}
		return z
	}
	if g := in.geo.load(in, buildGeo); g.Timezone != "" {
		z.name = g.Timezone
		z.loc, _ = lookupZone(z.name)
		f.source = Source{Kind: SourceHeader, Name: g.provider.geo.zone, Trusted: true}
	}
	f.read |= in.geo.facts.read
	return z
}

// Timezone is the visitor's time zone, Config.DefaultZone if it is not known:
// no browser sends it, so it comes from [TimezoneCookie], the page script's
// cookie, or the guess of a content delivery network ([Info.Geo]). The Location is shared by all requests, as time.UTC is.
//
// Names are those of Go's archive, old ones such as Asia/Calcutta included,
// and offsets such as +05:30. A name is loaded from the machine's time zone
// data; a machine without any (a minimal container) knows only UTC and
// offsets, unless the program imports time/tzdata, which adds 450 KB.
func (in *Info) Timezone() *time.Location {
	if z := in.zone.see(in, buildZone); z.loc != nil {
		return z.loc
	}
	return in.plugin.cfg.DefaultZone
}

// TimezoneName is the name of Timezone as the visitor's browser spells it;
// empty if it is not known.
func (in *Info) TimezoneName() string { return in.zone.see(in, buildZone).name }

// TimezoneOffset is the visitor's offset now in minutes, positive west of
// Greenwich, as JavaScript's getTimezoneOffset and Streamlit's
// timezone_offset have it: New York is 300 or 240. ok is false if the zone is
// not known. For arithmetic use [Info.UTCOffset].
func (in *Info) TimezoneOffset() (minutes int, ok bool) {
	if in.zone.see(in, buildZone).loc == nil {
		return 0, false
	}
	return -int(in.UTCOffset(time.Now()) / time.Minute), true
}

// UTCOffset is how far Timezone is ahead of UTC at t, daylight saving
// included: positive east of Greenwich.
func (in *Info) UTCOffset(t time.Time) time.Duration {
	_, seconds := t.In(in.Timezone()).Zone()
	return time.Duration(seconds) * time.Second
}

// Now is the time in Timezone.
func (in *Info) Now() time.Time { return time.Now().In(in.Timezone()) }

// TimezoneCookie returns the cookie that makes name the visitor's time zone
// from the next request on, and false if it is no name that Timezone knows;
// an empty name takes the choice back.
func (in *Info) TimezoneCookie(name string) (*http.Cookie, bool) {
	if name != "" {
		if _, ok := lookupZone(name); !ok {
			return nil, false
		}
	}
	return in.setter(TimezoneCookie, name), true
}
