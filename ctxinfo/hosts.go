package ctxinfo

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/internal/syntax"
)

// hostport is a validated host, lower-case, with brackets if IPv6.
type hostport struct{ name, port string }

// String is the host with its port, if it has one.
func (h hostport) String() string {
	if h.port == "" {
		return h.name
	}
	return h.name + ":" + h.port
}

// under returns h for a URL of that scheme, without the scheme's default port.
func (h hostport) under(scheme string) string {
	if h.port == defaultPort(scheme) {
		return h.name
	}
	return h.String()
}

// parseHost reads the value of a Host header: a DNS name or address with an
// optional port, and nothing that could mean anything else in a URL.
func parseHost(s string) (hostport, bool) {
	var h hostport
	if s == "" || len(s) > 255+len(":65535") {
		return h, false
	}
	name, port := s, ""
	if colon := strings.LastIndexByte(s, ':'); colon >= 0 && strings.IndexByte(s[colon:], ']') < 0 {
		name, port = s[:colon], s[colon+1:]
		if n, ok := parsePort(port); port != "" && (!ok || n == 0) {
			return h, false
		}
	}
	if len(name) > 2 && name[0] == '[' {
		a, err := netip.ParseAddr(strings.TrimSuffix(name[1:], "]"))
		if err != nil || !a.Is6() || a.Zone() != "" || name[len(name)-1] != ']' {
			return h, false
		}
		return hostport{name: "[" + a.String() + "]", port: port}, true
	}
	if strings.Contains(name, "..") {
		return h, false
	}
	name = strings.TrimSuffix(name, ".")
	if name == "" || name[0] == '.' || name[0] == '-' {
		return h, false
	}
	for i := range len(name) {
		if c := name[i]; !syntax.IsAlnum(c) && c != '-' && c != '.' && c != '_' {
			return h, false
		}
	}
	return hostport{name: strings.ToLower(name), port: port}, true
}

// hostList is the compiled form of Config.AllowedHosts.
type hostList struct {
	exact    []hostport
	suffixes []hostport // with the leading dot
}

func parseHosts(names []string) (hostList, error) {
	var l hostList
	var errs []error
	for i, raw := range names {
		plain, wildcard := strings.CutPrefix(raw, "*")
		h, ok := parseHost(strings.TrimPrefix(plain, "."))
		switch {
		case !ok || wildcard != strings.HasPrefix(plain, "."):
			errs = append(errs, fmt.Errorf(`ctxinfo: Config.AllowedHosts %q: want a form such as "example.com", "example.com:8443" or "*.example.com"`, raw))
		case wildcard && i == 0:
			errs = append(errs, fmt.Errorf("ctxinfo: Config.AllowedHosts %q: the first must be a host that links can be built on, not a pattern", raw))
		case wildcard:
			h.name = "." + h.name
			l.suffixes = append(l.suffixes, h)
		default:
			l.exact = append(l.exact, h)
		}
	}
	return l, errors.Join(errs...)
}

func (l *hostList) none() bool { return len(l.exact) == 0 }

func (l *hostList) first() hostport {
	if l.none() {
		return hostport{}
	}
	return l.exact[0]
}

// allows reports whether h is on the list; an entry without a port allows any.
func (l *hostList) allows(h hostport) bool {
	return l.find(h, func(entry hostport) bool { return entry.port == "" || entry.port == h.port })
}

// allowsPort reports whether h is on the list with its port.
func (l *hostList) allowsPort(h hostport) bool {
	return l.find(h, func(entry hostport) bool { return entry.port == h.port })
}

func (l *hostList) find(h hostport, port func(hostport) bool) bool {
	return slices.ContainsFunc(l.exact, func(e hostport) bool { return e.name == h.name && port(e) }) ||
		slices.ContainsFunc(l.suffixes, func(e hostport) bool {
			return strings.HasSuffix(h.name, e.name) && len(h.name) > len(e.name) && port(e)
		})
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}
