package ctxinfo

import (
	"fmt"
	"math/bits"
)

// An Anomaly is a reason not to believe a header that came from a proxy of
// ours, or a host name that nobody should send.
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
		return Anomaly{headerNames[fieldForwardedProto], "not http or https, or out of step with the list of hops"}
	case anomalyHost:
		return Anomaly{headerNames[fieldHost], "malformed or not in Config.AllowedHosts"}
	case anomalyForwardedHost:
		return Anomaly{headerNames[fieldForwardedHost], "malformed or not in Config.AllowedHosts"}
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
