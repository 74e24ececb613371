package ctxinfo

import (
	"fmt"
	"math/bits"
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

// String is the facet's name in words.
func (f Facet) String() string {
	if f < facetCount {
		return facetNames[f]
	}
	return fmt.Sprintf("Facet(%d)", uint8(f))
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

// An Anomaly says that a header of a trusted proxy, or the Host, was not
// believed, and why.
type Anomaly struct {
	Header string `json:"header"`
	Reason string `json:"reason"`
}

// String is "header: reason".
func (a Anomaly) String() string { return fmt.Sprintf("%s: %s", a.Header, a.Reason) }

// anomaly is one kind of Anomaly. Reasons are fixed texts: nothing that a
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

// said is the header that says what f does: Forwarded has a parameter for it.
func (p *Plugin) said(f field) string {
	if p.kind == forwarded {
		return p.header
	}
	return headerNames[f]
}

func (p *Plugin) describe(a anomaly) Anomaly {
	switch a {
	case anomalyMalformed:
		return Anomaly{p.header, "an element is no address: the hops beyond it cannot be verified"}
	case anomalyHidden:
		return Anomaly{p.header, "a proxy hides the address before it"}
	case anomalyTooLong:
		return Anomaly{p.header, "more than 32 elements, or than 4 KB of them"}
	case anomalyTooShort:
		return Anomaly{p.header, "fewer elements than Config.HopCount"}
	case anomalyRepeated:
		return Anomaly{p.header, "sent more than once"}
	case anomalyConflict:
		other := Forwarded
		if p.kind == forwarded {
			other = XForwardedFor
		}
		return Anomaly{string(other), "sent along with " + p.header + "; only the latter is read"}
	case anomalyScheme:
		return Anomaly{p.said(fieldForwardedProto), "not http or https, or out of step with the list of hops"}
	case anomalyHost:
		return Anomaly{headerNames[fieldHost], "malformed or not in Config.AllowedHosts"}
	case anomalyForwardedHost:
		return Anomaly{p.said(fieldForwardedHost), "malformed or not in Config.AllowedHosts"}
	case anomalyForwardedPort:
		return Anomaly{headerNames[fieldForwardedPort], "malformed or not in Config.AllowedHosts with the host"}
	case anomalyPrefix:
		return Anomaly{headerNames[fieldForwardedPrefix], "not in Config.AllowedPrefixes"}
	case anomalyRequestID:
		return Anomaly{p.cfg.RequestIDHeader, "not 8 to 64 of A-Z a-z 0-9 . _ -"}
	}
	return Anomaly{}
}

func (p *Plugin) list(s anomalies) []Anomaly {
	var out []Anomaly
	for s != 0 {
		out = append(out, p.describe(1<<bits.TrailingZeros16(uint16(s))))
		s &= s - 1
	}
	return out
}
