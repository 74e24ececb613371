package ctxinfo

import (
	"math/bits"

	"github.com/reecho-go/reecho/observe"
)

// carrier is the header that carries f: Forwarded has a parameter for it.
func (p *Plugin) carrier(f field) string {
	if p.kind == forwarded {
		return p.header
	}
	return headerNames[f]
}

func (p *Plugin) describe(a anomaly) observe.Anomaly {
	switch a {
	case anomalyMalformed:
		return observe.Anomaly{Header: p.header, Reason: "an element is no address: the hops beyond it cannot be verified"}
	case anomalyHidden:
		return observe.Anomaly{Header: p.header, Reason: "a proxy hides the address before it"}
	case anomalyTooLong:
		return observe.Anomaly{Header: p.header, Reason: "more than 32 elements, or than 4 KB of them"}
	case anomalyTooShort:
		return observe.Anomaly{Header: p.header, Reason: "fewer elements than Config.HopCount"}
	case anomalyRepeated:
		return observe.Anomaly{Header: p.header, Reason: "sent more than once"}
	case anomalyConflict:
		other := headerForwarded
		if p.kind == forwarded {
			other = headerXForwardedFor
		}
		return observe.Anomaly{Header: other, Reason: "sent along with " + p.header + "; only the latter is read"}
	case anomalyScheme:
		return observe.Anomaly{Header: p.carrier(fieldForwardedProto), Reason: "not http or https, or out of step with the list of hops"}
	case anomalyHost:
		return observe.Anomaly{Header: headerNames[fieldHost], Reason: "malformed or not in Config.AllowedHosts"}
	case anomalyForwardedHost:
		return observe.Anomaly{Header: p.carrier(fieldForwardedHost), Reason: "malformed or not in Config.AllowedHosts"}
	case anomalyForwardedPort:
		return observe.Anomaly{Header: headerNames[fieldForwardedPort], Reason: "malformed or not in Config.AllowedHosts with the host"}
	case anomalyPrefix:
		return observe.Anomaly{Header: headerNames[fieldForwardedPrefix], Reason: "not in Config.AllowedPrefixes"}
	case anomalyRequestID:
		return observe.Anomaly{Header: p.cfg.RequestIDHeader, Reason: "not 8 to 64 of A-Z a-z 0-9 . _ -"}
	}
	return observe.Anomaly{}
}

func (p *Plugin) list(s anomalies) []observe.Anomaly {
	var out []observe.Anomaly
	for s != 0 {
		out = append(out, p.describe(1<<bits.TrailingZeros16(uint16(s))))
		s &= s - 1
	}
	return out
}

// Anomalies lists the values that were rejected in headers of a trusted proxy and
// in the Host header. The caller may change the slice.
func (in *Info) Anomalies() []observe.Anomaly {
	in.trust.see(in, buildTrust)
	in.requestID.see(in, buildRequestID)
	s := in.site.load(in, buildSite)
	in.note(s.schemeRead | s.hostRead | s.prefixRead)
	return in.plugin.list(anomalies(in.found.Load()))
}

// Source says where the value of a facet came from, and whether this process or a
// trusted proxy vouches for it. It counts as reading the facet.
func (in *Info) Source(f Facet) Source {
	switch f {
	case FacetIP:
		return in.trust.source(in, buildTrust)
	case FacetScheme:
		in.Scheme()
		return in.site.value.schemeSource
	case FacetHost:
		in.Host()
		return in.site.value.hostSource
	case FacetPrefix:
		in.Prefix()
		return in.site.value.prefixSource
	case FacetRequestID:
		return in.requestID.source(in, buildRequestID)
	case FacetLocale:
		return in.locale.source(in, buildLocale)
	case FacetTimezone:
		return in.zone.source(in, buildZone)
	case FacetTheme:
		return in.theme.source(in, buildTheme)
	case FacetReducedMotion:
		return in.motion.source(in, buildMotion)
	case FacetContrast:
		return in.contrast.source(in, buildContrast)
	case FacetEmbedded:
		return in.frame.source(in, buildFrame)
	case FacetPageURL:
		if s := in.page.source(in, buildPage); in.page.value != nil {
			return s
		}
		return Source{Kind: sourceConnection, Trusted: in.Source(FacetHost).Trusted}
	}
	return Source{}
}
