package ctxinfo

import (
	"net/http"
	"slices"
	"strings"
)

// field is a source of facts: a request header that facets read, or the
// connection.
type field uint8

const (
	fieldPeer    field = iota // the connection's address; no header
	fieldForward              // Config.Header
	fieldForwardedProto
	fieldForwardedHost
	fieldForwardedPort
	fieldForwardedPrefix
	fieldGeo       // the headers of the provider in front
	fieldRequestID // Config.RequestIDHeader
	fieldHost
	fieldCookie
	fieldAcceptLanguage
	fieldUserAgent
	fieldBrands
	fieldMobile
	fieldPlatform
	fieldSaveData
	fieldGPC
	fieldFetchDest
	fieldFetchMode
	fieldFetchSite
	fieldFetchUser
	fieldEmbedded
	fieldHXRequest
	fieldHXBoosted
	fieldHXCurrentURL
	fieldHXTarget
	fieldHXTrigger
	fieldHXTriggerName
	fieldHXHistory
	fieldColorScheme
	fieldReducedMotion
	fieldContrast
	fieldTraceparent
	fieldTracestate
	fieldCount
)

// headerNames are the canonical names of the fields that have a fixed one.
var headerNames = [fieldCount]string{
	fieldForwardedProto:  "X-Forwarded-Proto",
	fieldForwardedHost:   "X-Forwarded-Host",
	fieldForwardedPort:   "X-Forwarded-Port",
	fieldForwardedPrefix: "X-Forwarded-Prefix",
	fieldHost:            "Host",
	fieldCookie:          "Cookie",
	fieldAcceptLanguage:  "Accept-Language",
	fieldUserAgent:       "User-Agent",
	fieldBrands:          "Sec-Ch-Ua",
	fieldMobile:          "Sec-Ch-Ua-Mobile",
	fieldPlatform:        "Sec-Ch-Ua-Platform",
	fieldSaveData:        "Save-Data",
	fieldGPC:             "Sec-Gpc",
	fieldFetchDest:       "Sec-Fetch-Dest",
	fieldFetchMode:       "Sec-Fetch-Mode",
	fieldFetchSite:       "Sec-Fetch-Site",
	fieldFetchUser:       "Sec-Fetch-User",
	fieldEmbedded:        EmbeddedHeader,
	fieldHXRequest:       "Hx-Request",
	fieldHXBoosted:       "Hx-Boosted",
	fieldHXCurrentURL:    "Hx-Current-Url",
	fieldHXTarget:        "Hx-Target",
	fieldHXTrigger:       "Hx-Trigger",
	fieldHXTriggerName:   "Hx-Trigger-Name",
	fieldHXHistory:       "Hx-History-Restore-Request",
	fieldColorScheme:     "Sec-Ch-Prefers-Color-Scheme",
	fieldReducedMotion:   "Sec-Ch-Prefers-Reduced-Motion",
	fieldContrast:        "Sec-Ch-Prefers-Contrast",
	fieldTraceparent:     "Traceparent",
	fieldTracestate:      "Tracestate",
}

// fields is a set of fields.
type fields uint64

func (s *fields) add(f field)     { *s |= 1 << f }
func (s fields) has(f field) bool { return s&(1<<f) != 0 }

// personal are the fields whose facets make a response private to its visitor.
const personal fields = 1<<fieldPeer | 1<<fieldCookie

// name is the canonical header name of f, empty for the connection.
func (p *Plugin) name(f field) string {
	switch f {
	case fieldForward:
		return p.header
	case fieldRequestID:
		return p.cfg.RequestIDHeader
	}
	return headerNames[f]
}

// values reads a header and remembers that it did. It is the only way from a
// facet to a header, so that Vary is exact.
func (p *Plugin) values(h http.Header, f field, read *fields) []string {
	read.add(f)
	return h[p.name(f)]
}

// value reads a header that comes once; none and several are the empty string.
func (p *Plugin) value(h http.Header, f field, read *fields) string {
	if v := p.values(h, f, read); len(v) == 1 {
		return v[0]
	}
	return ""
}

// joinLines makes one line of a list header's lines (RFC 9110, section 5.3), as
// many as fit into limit bytes, and reports whether all did.
func joinLines(lines []string, limit int) (joined string, whole bool) {
	if len(lines) == 1 {
		return lines[0], len(lines[0]) <= limit
	}
	fit, size := 0, 0
	for _, line := range lines {
		if size += len(line) + 1; size > limit {
			break
		}
		fit++
	}
	return strings.Join(lines[:fit], ","), fit == len(lines)
}

// vary lists the headers among read and extra for a Vary header, sorted. Host
// is no part of it: it belongs to every cache key (RFC 9111, section 4).
func (p *Plugin) vary(read fields, extra []string) string {
	names := slices.Clone(extra)
	for f := range fieldCount {
		if read.has(f) && f != fieldHost {
			names = append(names, p.name(f))
		}
	}
	if slices.Contains(names, "*") {
		return "*"
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
