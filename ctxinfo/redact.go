package ctxinfo

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// summary has the facts of an Info that may be logged: no cookies, no other
// headers, no query, and as much of addresses as Config.Privacy allows.
type summary struct {
	IP        string   `json:"ip,omitzero"`
	IPSource  string   `json:"ip_source"`
	RequestID string   `json:"request_id"`
	Scheme    string   `json:"scheme"`
	Host      string   `json:"host,omitzero"`
	Path      string   `json:"path,omitzero"`
	Locale    string   `json:"locale"`
	Timezone  string   `json:"timezone,omitzero"`
	Theme     string   `json:"theme,omitzero"`
	Embedded  *bool    `json:"embedded,omitzero"`
	Anomalies []string `json:"anomalies,omitzero"`
}

// summary does not count as reading the facets: logging a request changes
// nothing about its response.
func (in *Info) summary() summary {
	t := in.trust.load(in, buildTrust)
	s := in.site.load(in, buildSite)
	out := summary{
		IP:        in.plugin.cfg.Privacy.show(t.ip),
		IPSource:  in.trust.facts.source.String(),
		RequestID: *in.requestID.load(in, buildRequestID),
		Scheme:    s.scheme,
		Host:      s.host.under(s.scheme),
		Path:      s.prefix + in.url.Path,
		Locale:    in.locale.load(in, buildLocale).tag.String(),
		Timezone:  in.zone.load(in, buildZone).name,
		Theme:     *in.theme.load(in, buildTheme),
	}
	if fr := in.frame.load(in, buildFrame); fr.known {
		out.Embedded = new(fr.yes)
	}
	for _, a := range in.plugin.list(anomalies(in.found.Load())) {
		out.Anomalies = append(out.Anomalies, a.Header+": "+a.Reason)
	}
	return out
}

// LogValue implements slog.LogValuer. It returns a group of the facts that may be
// logged: without cookies, other headers and the query, and with as much of
// addresses as Config.Privacy allows. Logging does not count as reading the
// facets.
func (in *Info) LogValue() slog.Value {
	s := in.summary()
	attrs := []slog.Attr{
		slog.String("ip", s.IP), slog.String("ip_source", s.IPSource), slog.String("request_id", s.RequestID),
		slog.String("scheme", s.Scheme), slog.String("host", s.Host), slog.String("path", s.Path),
		slog.String("locale", s.Locale), slog.String("timezone", s.Timezone), slog.String("theme", s.Theme),
	}
	if s.Embedded != nil {
		attrs = append(attrs, slog.Bool("embedded", *s.Embedded))
	}
	if len(s.Anomalies) > 0 {
		attrs = append(attrs, slog.Any("anomalies", s.Anomalies))
	}
	return slog.GroupValue(attrs...)
}

// MarshalJSON implements json.Marshaler with the members of LogValue.
func (in *Info) MarshalJSON() ([]byte, error) { return json.Marshal(in.summary()) }

// Format implements fmt.Formatter: for every verb it writes the output of
// MarshalJSON, so that no print shows the headers.
func (in *Info) Format(s fmt.State, _ rune) {
	b, _ := in.MarshalJSON() // texts and booleans only
	_, _ = s.Write(b)
}

// Format implements fmt.Formatter. It shows none of the headers: some are secrets.
func (h Headers) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "headers (redacted)") }

// Format implements fmt.Formatter. It shows none of the cookies: they are secrets.
func (c Cookies) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "cookies (redacted)") }
