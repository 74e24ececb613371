package client

import (
	"net/url"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/internal/zones"
)

// Geo is the location of the client's address by the data of a content delivery
// network. The country is often right, the street seldom. The zero value means
// unknown.
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
	Timezone   string // a name that [ctxinfo.Info.Timezone] knows
	Tor        bool   // the client came through Tor (Cloudflare's country T1)
	Provider   string // who says so
}

// geoHeaders are the canonical names of a provider's headers, empty for those
// that it has not.
type geoHeaders struct {
	country, continent, region, city, postalCode, metroCode, latitude, longitude, zone string

	escaped bool // texts are percent-encoded
}

// providers are those whose presets in package ctxinfo know about places, by
// their names. What their documentation says stands beside the presets.
var providers = map[string]geoHeaders{
	"Cloudflare": {
		country: "Cf-Ipcountry", continent: "Cf-Ipcontinent", region: "Cf-Region-Code", city: "Cf-Ipcity", postalCode: "Cf-Postal-Code",
		metroCode: "Cf-Metro-Code", latitude: "Cf-Iplatitude", longitude: "Cf-Iplongitude", zone: "Cf-Timezone",
	},
	"CloudFront": {
		country: "Cloudfront-Viewer-Country", region: "Cloudfront-Viewer-Country-Region", city: "Cloudfront-Viewer-City",
		postalCode: "Cloudfront-Viewer-Postal-Code", metroCode: "Cloudfront-Viewer-Metro-Code", latitude: "Cloudfront-Viewer-Latitude", longitude: "Cloudfront-Viewer-Longitude",
		zone: "Cloudfront-Viewer-Time-Zone", escaped: true,
	},
	"Vercel": {
		country: "X-Vercel-Ip-Country", continent: "X-Vercel-Ip-Continent", region: "X-Vercel-Ip-Country-Region", city: "X-Vercel-Ip-City",
		postalCode: "X-Vercel-Ip-Postal-Code", latitude: "X-Vercel-Ip-Latitude", longitude: "X-Vercel-Ip-Longitude",
		zone: "X-Vercel-Ip-Timezone", escaped: true,
	},
}

// maxPlace bounds the name of a place.
const maxPlace = 128

// GeoOf returns the client's location by the headers of a content delivery network.
// Config.Proxies must have the preset of that network ([ctxinfo.Cloudflare] or
// [ctxinfo.CloudFront] with [ctxinfo.ProxySet.WithLocation], or [ctxinfo.Vercel]),
// and the request must come through it; otherwise the result is the zero Geo. A
// client cannot forge it.
func GeoOf(in *ctxinfo.Info) Geo {
	provider := in.LocatedBy()
	names, ok := providers[provider]
	if !ok {
		return Geo{}
	}
	r := geoReader{in: in, escaped: names.escaped}
	country := r.one(names.country)
	g := Geo{
		Country: letters(country), Continent: letters(r.one(names.continent)), Region: r.text(names.region),
		City: r.text(names.city), PostalCode: r.text(names.postalCode), MetroCode: r.text(names.metroCode), Tor: country == "T1",
	}
	if g.Country == "XX" { // unknown, says Cloudflare
		g.Country = ""
	}
	lat, ok1 := r.degrees(names.latitude, 90)
	lon, ok2 := r.degrees(names.longitude, 180)
	if ok1 && ok2 {
		g.Latitude, g.Longitude, g.Located = lat, lon, true
	}
	if name := r.one(names.zone); name != "" {
		if _, ok := zones.Lookup(name); ok {
			g.Timezone = name
		}
	}
	if g != (Geo{}) {
		g.Provider = provider
	}
	return g
}

// geoReader reads a provider's headers.
type geoReader struct {
	in      *ctxinfo.Info
	escaped bool
}

func (r geoReader) one(name string) string {
	if name == "" {
		return ""
	}
	if v := value(r.in, name); len(v) <= maxPlace {
		return v
	}
	return ""
}

// letters reads a code of two capital letters.
func letters(v string) string {
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
