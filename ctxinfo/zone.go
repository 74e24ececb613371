package ctxinfo

import (
	"strings"
	"time"

	"github.com/reecho-go/reecho/ctxinfo/internal/zones"
)

func buildZone(in *Info, f *facts) zone {
	var z zone
	v, name, ok := in.override(f, TimezoneCookie, keyZone, func(s string) bool {
		_, ok := zones.Lookup(s)
		return ok
	})
	if ok {
		z.name = strings.Clone(v)
		z.loc, _ = zones.Lookup(z.name)
		f.source = Source{Kind: sourceCookie, Name: name}
		return z
	}
	if len(in.trusted.presets) == 0 {
		return z
	}
	pr := in.trusted.located(in.trust.load(in, buildTrust))
	f.read |= in.trust.facts.read
	if pr == nil {
		return z
	}
	f.read.add(fieldZone) // whose name is the provider's: see BeforeHeaders
	if sent := in.header[pr.zone]; len(sent) == 1 {
		if loc, ok := zones.Lookup(sent[0]); ok {
			z = zone{loc, sent[0]}
			f.source = Source{Kind: sourceHeader, Name: pr.zone, Trusted: true}
		}
	}
	return z
}

// Timezone is the visitor's time zone, or Config.DefaultZone if it is not known.
// Browsers do not send it, so it comes from [TimezoneCookie], from the cookie of
// the page's script, or from the guess of a content delivery network
// ([ProxySet.WithLocation]). The Location is shared by all requests, as time.UTC
// is.
//
// Valid names are those of Go's time zone archive, including old ones such as
// Asia/Calcutta, and offsets such as +05:30. A name is loaded from the machine's
// time zone data; a machine without any (a minimal container) knows only UTC and
// offsets, unless the program imports time/tzdata, which adds 450 KB.
func (in *Info) Timezone() *time.Location {
	if z := in.zone.see(in, buildZone); z.loc != nil {
		return z.loc
	}
	return in.plugin.cfg.DefaultZone
}

// TimezoneName is the name of the visitor's time zone as the browser spells it,
// or empty if it is not known.
func (in *Info) TimezoneName() string { return in.zone.see(in, buildZone).name }

// TimezoneOffset is the visitor's offset now in minutes, positive west of
// Greenwich, as in JavaScript's getTimezoneOffset and Streamlit's
// timezone_offset: New York is 300 or 240. ok is false if the zone is not known.
// For arithmetic use [Info.Timezone].
func (in *Info) TimezoneOffset() (minutes int, ok bool) {
	if in.zone.see(in, buildZone).loc == nil {
		return 0, false
	}
	_, east := time.Now().In(in.Timezone()).Zone()
	return -east / 60, true
}
