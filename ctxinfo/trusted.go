package ctxinfo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/internal/linewise"
)

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

// checkProviders refuses sets that do not go with the header: one in which a
// client's word would be believed.
func (p Proxies) checkProviders(header string) error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("ctxinfo: "+format, args...))
	}
	if way, ok := clientSent[header]; ok {
		fail("Config.Header %s: %s", header, way)
		return errors.Join(errs...)
	}
	sole := owner(header)
	anyPeer := slices.ContainsFunc(p.sets, func(s ProxySet) bool { return s.anyPeer })
	found := false
	var unranged string // the provider without ranges
	for _, s := range p.sets {
		if s.provider != nil && len(s.prefixes) == 0 && s.err == nil {
			switch {
			case !anyPeer:
				fail("Config.Proxies: %s without ranges: list its ranges, or add TrustPeer if only it can connect", s.name)
			case unranged != "":
				fail("Config.Proxies: %s and %s, both without ranges: each hands on what a client writes into the other's headers, so list the ranges of one", unranged, s.name)
			}
			unranged = s.name
		}
		found = found || s.provider == sole
		switch {
		case sole != nil && s.provider != sole && !s.anyPeer:
			fail("Config.Header %s is written by %s alone, but Config.Proxies has %s too: leave it out, or use X-Forwarded-For", header, sole.name, s.name)
		case s.provider != nil && !s.provider.writesHeader(header):
			fail("Config.Header %s: %s hands on what a client sends in it: %s", header, s.name, s.provider.ways())
		}
	}
	if sole != nil && !found && !anyPeer {
		fail("Config.Header %s is written by %s alone: put that preset into Config.Proxies", header, sole.name)
	}
	return errors.Join(errs...)
}

// ways says what to do about a header that p does not write.
func (p *provider) ways() string {
	if p.advice != "" {
		return p.advice
	}
	return fmt.Sprintf("use %s, or list its ranges with Prefixes if you have it write that header", strings.Join(p.headers, " or "))
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
