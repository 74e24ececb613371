package ctxinfo

import "fmt"

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
	FacetClient
	FacetGeo
	FacetTrace
	facetCount
)

var facetNames = [facetCount]string{
	FacetIP: "ip", FacetScheme: "scheme", FacetHost: "host", FacetPrefix: "prefix",
	FacetRequestID: "request id", FacetLocale: "locale", FacetTimezone: "time zone", FacetTheme: "theme",
	FacetReducedMotion: "reduced motion", FacetContrast: "contrast",
	FacetEmbedded: "embedded", FacetPageURL: "page url", FacetClient: "client", FacetGeo: "geo", FacetTrace: "trace",
}

// String is the facet's name in words.
func (f Facet) String() string {
	if f < facetCount {
		return facetNames[f]
	}
	return fmt.Sprintf("Facet(%d)", uint8(f))
}

// Facets lists every facet, in a fixed order.
func Facets() []Facet {
	all := make([]Facet, facetCount)
	for i := range all {
		all[i] = Facet(i)
	}
	return all
}

// SourceKind says where a value was found.
type SourceKind uint8

// The kinds of source.
const (
	SourceDefault    SourceKind = iota // nothing was sent, or nothing of it was believed
	SourceConnection                   // the connection itself: peer address, TLS, request line
	SourceHeader
	SourceCookie
	SourceQuery     // a parameter of the URL
	SourceGenerated // made here
)

// String is the kind in lower case.
func (k SourceKind) String() string {
	switch k {
	case SourceDefault:
		return "default"
	case SourceConnection:
		return "connection"
	case SourceHeader:
		return "header"
	case SourceCookie:
		return "cookie"
	case SourceQuery:
		return "query"
	case SourceGenerated:
		return "generated"
	}
	return fmt.Sprintf("SourceKind(%d)", uint8(k))
}

// A Source says where a facet's value came from and who vouches for it.
type Source struct {
	Kind SourceKind
	// Name is the header, cookie or parameter; empty for the other kinds.
	Name string
	// Trusted says that the value is ours or that of a proxy in
	// Config.Proxies. What a browser or any other client says is not: it is
	// a preference, never a ground for a decision about access.
	Trusted bool
	// Internal, for an IP only, says that every hop was a proxy of ours, so
	// that the address is the start of the known way.
	Internal bool
}

// String is the kind and the name, such as "header Accept-Language".
func (s Source) String() string {
	if s.Name == "" {
		return s.Kind.String()
	}
	return s.Kind.String() + " " + s.Name
}
