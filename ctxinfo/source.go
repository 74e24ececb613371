package ctxinfo

import (
	"cmp"
	"fmt"
)

// A Facet names one fact of an [Info], for [Info.Source].
type Facet uint8

// The facets.
const (
	FacetIP Facet = iota
	FacetScheme
	FacetHost
	FacetPrefix
	FacetRequestID
	FacetLocale
	FacetTimezone
	FacetTheme
	FacetReducedMotion
	FacetContrast
	FacetEmbedded
	FacetPageURL
	facetCount
)

var facetNames = [facetCount]string{
	FacetIP: "ip", FacetScheme: "scheme", FacetHost: "host", FacetPrefix: "prefix",
	FacetRequestID: "request id", FacetLocale: "locale", FacetTimezone: "time zone", FacetTheme: "theme",
	FacetReducedMotion: "reduced motion", FacetContrast: "contrast",
	FacetEmbedded: "embedded", FacetPageURL: "page url",
}

// String returns the facet's name in words.
func (f Facet) String() string {
	if f < facetCount {
		return facetNames[f]
	}
	return fmt.Sprintf("Facet(%d)", uint8(f))
}

// The kinds of source.
const (
	sourceConnection = "connection"
	sourceHeader     = "header"
	sourceCookie     = "cookie"
	sourceQuery      = "query"
	sourceGenerated  = "generated"
)

// A Source says where a facet's value came from and who vouches for it.
type Source struct {
	// Kind is "connection" (peer address, TLS, request line), "header", "cookie",
	// "query" (a parameter of the URL) or "generated" (made here). It is empty
	// for a default: no value was sent, or none that was accepted.
	Kind string
	// Name is the header, cookie or parameter; empty for the other kinds.
	Name string
	// Trusted says that the value comes from this process or from a proxy of
	// Config.Proxies. Values that a browser or another client sends are not
	// trusted: never use them to decide about access.
	Trusted bool
	// Internal, of an IP, says that every known hop is a proxy of Config.Proxies:
	// the address is that of the outermost proxy, and the client behind it is not
	// known.
	Internal bool
}

// String returns the kind and the name, such as "header Accept-Language", or
// "default" if the kind is empty.
func (s Source) String() string {
	if s.Name == "" {
		return cmp.Or(s.Kind, "default")
	}
	return s.Kind + " " + s.Name
}

// anomaly is one kind of [observe.Anomaly]. Reasons are fixed texts: nothing that a
// client sent is in them.
type anomaly uint16

const (
	anomalyMalformed anomaly = 1 << iota
	anomalyHidden
	anomalyTooLong
	anomalyTooShort
	anomalyRepeated
	anomalyConflict
	anomalyScheme
	anomalyHost
	anomalyForwardedHost
	anomalyForwardedPort
	anomalyPrefix
	anomalyRequestID
)

// anomalies is a set of kinds.
type anomalies uint16

func (s *anomalies) add(a anomaly) { *s |= anomalies(a) }
