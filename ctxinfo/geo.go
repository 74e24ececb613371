package ctxinfo

import (
	"net/http"
	"net/url"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Geo is where a content delivery network takes the client's address to be:
// often the right country, seldom the right street. The zero value is unknown.
type Geo struct {
	Country    string // ISO 3166-1, two capital letters; empty if unknown
	Continent  string // two capital letters
	Region     string // ISO 3166-2 without the country
	City       string
	PostalCode string
	MetroCode  string // the television market in the United States
	Latitude   float64
	Longitude  float64
	Located    bool   // Latitude and Longitude are known
	Timezone   string // a name that [Info.Timezone] knows
	Tor        bool   // the client came through Tor (Cloudflare's country T1)
	Provider   string // who says so
}

// geoHeaders are the canonical names of a provider's headers, empty for those
// that it has not.
type geoHeaders struct {
	country, continent, region, city, postalCode, metroCode, latitude, longitude, zone string

	escaped bool // texts are percent-encoded
	always  bool // the provider writes them without being told to
}

func (g *geoHeaders) names() [9]string {
	return [...]string{g.country, g.continent, g.region, g.city, g.postalCode, g.metroCode, g.latitude, g.longitude, g.zone}
}

// maxPlace bounds the name of a place.
const maxPlace = 128

// geoProvider is the provider that the request came in through: the one whose
// proxy is the outermost of the verified way. Only what that proxy received
// was not in the client's hands.
func (t *trusted) geoProvider(way *trust) *provider {
	if !way.believed {
		return nil
	}
	for i := range t.presets {
		if s := &t.presets[i]; s.geo != nil && (s.located || s.geo.always) && s.speaksFor(way.edge) {
			return s.provider
		}
	}
	return nil
}

// place is the geo facet; provider is nil if nobody may tell.
type place struct {
	Geo
	provider *provider
}

func buildGeo(in *Info, f *facts) place {
	if len(in.trusted.presets) == 0 {
		return place{}
	}
	pr := in.trusted.geoProvider(in.trust.load(in, buildTrust))
	f.read |= in.trust.facts.read
	if pr == nil {
		return place{}
	}
	f.read.add(fieldGeo)
	r := geoReader{h: in.header, escaped: pr.geo.escaped}
	g := Geo{
		Country: r.letters(pr.geo.country), Continent: r.letters(pr.geo.continent), Region: r.text(pr.geo.region),
		City: r.text(pr.geo.city), PostalCode: r.text(pr.geo.postalCode), MetroCode: r.text(pr.geo.metroCode),
	}
	if g.Country == "XX" { // unknown, says Cloudflare
		g.Country = ""
	}
	g.Tor = r.one(pr.geo.country) == "T1"
	lat, ok1 := r.degrees(pr.geo.latitude, 90)
	lon, ok2 := r.degrees(pr.geo.longitude, 180)
	if ok1 && ok2 {
		g.Latitude, g.Longitude, g.Located = lat, lon, true
	}
	if name := r.one(pr.geo.zone); name != "" {
		if _, ok := lookupZone(name); ok {
			g.Timezone = name
		}
	}
	if g != (Geo{}) {
		g.Provider = pr.name
		f.source = Source{Kind: SourceHeader, Name: pr.geo.country, Trusted: true}
	}
	return place{g, pr}
}

// geoReader reads a provider's headers.
type geoReader struct {
	h       http.Header
	escaped bool
}

func (r geoReader) one(name string) string {
	if v := r.h[name]; len(v) == 1 && len(v[0]) <= maxPlace {
		return v[0]
	}
	return ""
}

// letters reads a code of two capital letters.
func (r geoReader) letters(name string) string {
	v := r.one(name)
	if len(v) != 2 || v[0] < 'A' || v[0] > 'Z' || v[1] < 'A' || v[1] > 'Z' {
		return ""
	}
	return v
}

// text reads the name of a place: printable text.
func (r geoReader) text(name string) string {
	v := r.one(name)
	if r.escaped {
		var err error
		if v, err = url.PathUnescape(v); err != nil {
			return ""
		}
	}
	if !utf8.ValidString(v) {
		return ""
	}
	for _, c := range v {
		if !unicode.IsPrint(c) {
			return ""
		}
	}
	return v
}

func (r geoReader) degrees(name string, limit float64) (float64, bool) {
	d, err := strconv.ParseFloat(r.one(name), 64)
	return d, err == nil && d >= -limit && d <= limit
}

// Geo is where the client seems to be, by the headers of a content delivery
// network. It is known only if that network is among Config.Proxies by its
// preset ([Cloudflare] and [CloudFront] with [ProxySet.WithLocation], or
// [Vercel]), and the request came in through it.
func (in *Info) Geo() Geo { return in.geo.see(in, buildGeo).Geo }
