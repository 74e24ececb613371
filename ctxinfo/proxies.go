package ctxinfo

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// A ProxySet is a group of addresses that belong to your proxies. Make one with
// [Private], [Loopback], [Prefixes], [TrustPeer] or a preset.
type ProxySet struct {
	name     string
	prefixes []netip.Prefix
	provider *provider // of a preset
	located  bool      // the provider's headers about places are believed
	anyPeer  bool
	err      error
}

// A provider is a third-party proxy. Its documentation says which headers it
// overwrites; only these are trusted. The comment of each preset quotes the
// documentation with its date.
type provider struct {
	name    string
	headers []string // those that Config.Header may name
	custom  bool     // also any single-address header that the customer configures it to write
	advice  string   // for the error about any other header; empty: the usual advice
	writes  fields   // the headers about scheme, host, request id and so on

	zone    string // its header with the time zone; empty: it has none
	located bool   // it writes location headers by default

	parse func(string) (netip.Addr, bool) // reads its header; nil: an address like any other
}

// vouchable are the fields for which the program's own proxies are trusted.
const vouchable fields = 1<<fieldForwardedProto | 1<<fieldForwardedHost | 1<<fieldForwardedPort | 1<<fieldForwardedPrefix |
	1<<fieldRequestID

// Proxies says which peers' forwarding headers are trusted. The zero value trusts
// none. It is immutable.
type Proxies struct{ sets []ProxySet }

// Behind trusts the proxies of all the given sets. [New] reports mistakes in the
// sets.
func Behind(sets ...ProxySet) Proxies { return Proxies{sets: slices.Clone(sets)} }

// Loopback is this machine: 127.0.0.0/8 and ::1.
func Loopback() ProxySet {
	return ProxySet{name: "Loopback", prefixes: []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
	}}
}

// Private is every address that cannot come from the public internet: loopback,
// RFC 1918, RFC 4193 (fc00::/7) and link-local. It is right when only proxies
// share the private network with the server; if other tenants or offices share
// it, list the proxies with [Prefixes] instead.
func Private() ProxySet {
	s := Prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "169.254.0.0/16", "fe80::/10")
	s.name = "Private"
	s.prefixes = append(s.prefixes, Loopback().prefixes...)
	return s
}

// Prefixes is a list of networks in CIDR form, or of single addresses.
func Prefixes(cidrs ...string) ProxySet {
	s := ProxySet{name: "Prefixes"}
	var errs []error
	for _, c := range cidrs {
		p, err := parsePrefix(c)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.prefixes = append(s.prefixes, p)
	}
	s.err = errors.Join(errs...)
	return s
}

// TrustPeer trusts the peer of the connection, whatever its address, and no hop
// beyond it. It replaces the check of addresses, so use it only if the network
// lets nothing but the proxy connect.
func TrustPeer() ProxySet { return ProxySet{name: "TrustPeer", anyPeer: true} }

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, aerr := netip.ParseAddr(s)
		if aerr != nil {
			return netip.Prefix{}, fmt.Errorf("%q is no network such as 10.0.0.0/8 and no address", s)
		}
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%q mixes IPv4 and IPv6: write the two networks apart", s)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits set beyond its length: write %s", s, p.Masked())
	}
	return p, nil
}
