package ctxinfo

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/reecho-go/reecho/internal/syntax"
)

const (
	// maxHops bounds the list elements that a walk looks at, empty ones included.
	maxHops = 32
	// maxAddr bounds one element of X-Forwarded-For: a bracketed IPv6 address
	// with zone and port is shorter.
	maxAddr = 128
	// maxElement bounds one element of Forwarded.
	maxElement = 1 << 10
	// maxList bounds the elements that a walk looks at together.
	maxList = maxHops * (maxAddr + 1)
)

// parsePeer reads http.Request.RemoteAddr. unix is true for the forms that a
// unix socket has there.
func parsePeer(remote string) (peer netip.AddrPort, unix bool) {
	if remote == "" || remote[0] == '@' || remote[0] == '/' {
		return netip.AddrPort{}, true
	}
	if host, port, ok := strings.Cut(remote, ":"); ok {
		if a, ok := parse4(host); ok {
			n, ok := parsePort(port)
			if !ok {
				return netip.AddrPort{}, false
			}
			return netip.AddrPortFrom(a, uint16(n)), false
		}
	}
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		a, err := netip.ParseAddr(strings.Trim(remote, "[]"))
		if err != nil {
			return netip.AddrPort{}, false
		}
		ap = netip.AddrPortFrom(a, 0)
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), false
}

// parseNode reads an address with or without brackets and port, as proxies
// write it. Addresses that nobody can connect from are refused.
func parseNode(s string) (netip.Addr, bool) {
	if len(s) < len("::") || len(s) > maxAddr {
		return netip.Addr{}, false
	}
	if a, ok := parse4(s); ok {
		return a, connectable(a)
	}
	if s[0] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 || !portSuffix(s[end+1:]) {
			return netip.Addr{}, false
		}
		s = s[1:end]
		if strings.IndexByte(s, ':') < 0 {
			return netip.Addr{}, false // only IPv6 is written in brackets
		}
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 && strings.IndexByte(s[colon+1:], ':') < 0 {
		if !portSuffix(s[colon:]) {
			return netip.Addr{}, false
		}
		s = s[:colon]
	}
	if zone := strings.IndexByte(s, '%'); zone >= 0 {
		// A zone means something on its own host only; cutting it off before
		// the parser keeps it from being interned.
		if zone == len(s)-1 || strings.IndexByte(s[:zone], ':') < 0 {
			return netip.Addr{}, false
		}
		s = s[:zone]
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	a = a.Unmap()
	return a, connectable(a)
}

// connectable reports whether a client can have the address.
func connectable(a netip.Addr) bool { return !a.IsUnspecified() && !a.IsMulticast() }

// parse4 reads a plain dotted IPv4 address, the usual case, and leaves every
// other form to its caller.
func parse4(s string) (netip.Addr, bool) {
	if len(s) > len("255.255.255.255") {
		return netip.Addr{}, false
	}
	bits, octet, digits, dots := uint32(0), uint32(0), 0, 0
	for i := range len(s) {
		c := uint32(s[i]) - '0'
		switch {
		case c <= 9:
			octet = octet*10 + c
			digits++
			if octet > 255 || digits > 1 && octet < 10 { // a leading zero means octal to some
				return netip.Addr{}, false
			}
		case s[i] == '.' && digits > 0 && dots < 3:
			bits = bits<<8 | octet
			octet, digits = 0, 0
			dots++
		default:
			return netip.Addr{}, false
		}
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], bits<<8|octet)
	return netip.AddrFrom4(b), dots == 3 && digits > 0
}

// portSuffix reports whether s is empty or a colon and a port, by number or,
// as RFC 7239 allows, obfuscated.
func portSuffix(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) == 1 {
		return false
	}
	s = s[1:]
	if s[0] == '_' {
		return obfuscated(s)
	}
	_, ok := parsePort(s)
	return ok
}

// obfuscated reports whether s is "unknown" or an obfuscated identifier of
// RFC 7239, section 6.3, with or without a port.
func obfuscated(s string) bool {
	if name, port, ok := strings.Cut(s, ":"); ok {
		if !portSuffix(":" + port) {
			return false
		}
		s = name
	}
	if strings.EqualFold(s, "unknown") {
		return true
	}
	if len(s) < 2 || s[0] != '_' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; !syntax.IsAlnum(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// parsePort reads a decimal port number, 1 to 65535; 0 as well, which some
// proxies write for "unknown".
func parsePort(s string) (int, bool) {
	if s == "" || len(s) > 5 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, n <= 65535
}
