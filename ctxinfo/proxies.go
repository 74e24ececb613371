package ctxinfo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/reecho-go/reecho/internal/linewise"
)

// A ProxySet is a group of addresses that belong to proxies of ours. Make one
// with [Private], [Loopback], [Prefixes], [TrustPeer] or a preset.
type ProxySet struct {
	name     string
	prefixes []netip.Prefix
	provider *provider // of a preset
	located  bool      // the provider's headers about places are believed
	anyPeer  bool
	err      error
}

// Proxies says whose forwarding headers are believed. The zero value trusts
// nobody. It is immutable.
type Proxies struct{ sets []ProxySet }

// Behind trusts the proxies of all the given sets. Mistakes in the sets are
// reported by [New].
func Behind(sets ...ProxySet) Proxies { return Proxies{sets: slices.Clone(sets)} }

// Loopback is this machine: 127.0.0.0/8 and ::1.
func Loopback() ProxySet {
	return ProxySet{name: "Loopback", prefixes: []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
	}}
}

// Private is every address that cannot come from the public internet:
// loopback, RFC 1918, RFC 4193 (fc00::/7) and link-local. It is right when
// only proxies share the private network with the server; where other tenants
// or offices do, name the proxies with [Prefixes] instead.
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

// trustList is who is believed.
type trustList struct {
	v4      []prefix4
	v6      []netip.Prefix
	anyPeer bool
}

type prefix4 struct{ base, mask uint32 }

// trusted is the compiled form of Proxies: what SetProxies replaces at once.
type trusted struct {
	trustList
	presets []presetRanges
}

// presetRanges is where one provider connects from.
type presetRanges struct {
	*provider
	trustList
	located bool // its headers about places are believed
}

// compile returns the compiled form of p and everything wrong with p where the
// client's address comes in that header.
func (p Proxies) compile(header string) (*trusted, error) {
	t := new(trusted)
	var errs []error
	for _, s := range p.sets {
		if s.err != nil {
			errs = append(errs, linewise.Prefix("ctxinfo: Config.Proxies: "+s.name+": ", s.err))
		}
		if s.name == "" {
			errs = append(errs, errors.New("ctxinfo: Config.Proxies: an empty ProxySet: use Private, Prefixes or a preset"))
		}
		for _, pre := range s.prefixes {
			if pre.Bits() == 0 {
				errs = append(errs, fmt.Errorf("ctxinfo: Config.Proxies: %s: %s trusts the whole internet: use TrustPeer if only the proxy can connect", s.name, pre))
			}
		}
		t.add(s)
		if s.provider != nil {
			r := presetRanges{provider: s.provider, located: s.located || s.provider.located}
			r.add(s)
			t.presets = append(t.presets, r)
		}
	}
	if sole := owner(header); sole != nil && len(t.presets) == 0 && t.anyPeer {
		// Whoever is believed for a header that one provider alone writes is
		// that provider, and no more.
		t.presets = []presetRanges{{provider: sole, located: sole.located}}
	}
	return t, errors.Join(errors.Join(errs...), p.checkProviders(header))
}

func (t *trustList) add(s ProxySet) {
	t.anyPeer = t.anyPeer || s.anyPeer
	for _, p := range s.prefixes {
		if p.Addr().Is4() {
			mask := ^uint32(0) << (32 - p.Bits())
			t.v4 = append(t.v4, prefix4{base: bits4(p.Addr()), mask: mask})
		} else {
			t.v6 = append(t.v6, p)
		}
	}
}

// vouched are the fields that a trusted peer is believed for: of a provider
// those that it writes over a client's, of a proxy of ours all of them.
func (t *trusted) vouched(peer netip.Addr) fields {
	all := vouchable
	for i := range t.presets {
		if s := &t.presets[i]; s.speaksFor(peer) {
			all &= s.writes
		}
	}
	return all
}

// located is the provider whose headers about places are believed: the one
// whose proxy is the outermost of the verified way. Only what that proxy
// received was not in the client's hands.
func (t *trusted) located(way *trust) *provider {
	for i := range t.presets {
		if s := &t.presets[i]; way.believed && s.located && s.speaksFor(way.edge) {
			return s.provider
		}
	}
	return nil
}

// speaksFor reports whether a trusted hop is the provider's. One without ranges
// stands beside TrustPeer, and is every peer.
func (s *presetRanges) speaksFor(hop netip.Addr) bool { return s.none() || s.contains(hop) }

func (t *trustList) none() bool { return len(t.v4) == 0 && len(t.v6) == 0 && !t.anyPeer }

// contains reports whether a, unmapped and without a zone, is a proxy of ours.
func (t *trustList) contains(a netip.Addr) bool {
	if a.Is4() {
		b := bits4(a)
		for _, p := range t.v4 {
			if b&p.mask == p.base {
				return true
			}
		}
		return false
	}
	for _, p := range t.v6 {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func bits4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}
