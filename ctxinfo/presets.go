package ctxinfo

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// provider is a proxy whose headers we know, often a content delivery network.
type provider struct {
	name     string
	clientIP string      // the header that it alone writes; empty: there is none
	geo      *geoHeaders // nil: it tells nothing about places

	// parse reads clientIP; nil: an address like any other
	parse func(string) (netip.Addr, bool)
}

// The providers. Their ranges are not part of the program: they change.
var (
	cloudflare = provider{name: "Cloudflare", clientIP: "Cf-Connecting-Ip", geo: &geoHeaders{
		country: "Cf-Ipcountry", continent: "Cf-Ipcontinent", region: "Cf-Region-Code", city: "Cf-Ipcity", postalCode: "Cf-Postal-Code",
		metroCode: "Cf-Metro-Code", latitude: "Cf-Iplatitude", longitude: "Cf-Iplongitude", zone: "Cf-Timezone",
	}}
	cloudFront = provider{name: "CloudFront", clientIP: "Cloudfront-Viewer-Address", geo: &geoHeaders{
		country: "Cloudfront-Viewer-Country", region: "Cloudfront-Viewer-Country-Region", city: "Cloudfront-Viewer-City",
		postalCode: "Cloudfront-Viewer-Postal-Code", metroCode: "Cloudfront-Viewer-Metro-Code", latitude: "Cloudfront-Viewer-Latitude", longitude: "Cloudfront-Viewer-Longitude",
		zone: "Cloudfront-Viewer-Time-Zone", escaped: true,
	}, parse: viewerAddress}
	fastly = provider{name: "Fastly", clientIP: "Fastly-Client-Ip"}
	fly    = provider{name: "Fly", clientIP: "Fly-Client-Ip"}
	azure  = provider{name: "AzureFrontDoor", clientIP: "X-Azure-Clientip"}
	vercel = provider{name: "Vercel", clientIP: "X-Vercel-Forwarded-For", geo: &geoHeaders{
		country: "X-Vercel-Ip-Country", continent: "X-Vercel-Ip-Continent", region: "X-Vercel-Ip-Country-Region", city: "X-Vercel-Ip-City",
		postalCode: "X-Vercel-Ip-Postal-Code", latitude: "X-Vercel-Ip-Latitude", longitude: "X-Vercel-Ip-Longitude",
		zone: "X-Vercel-Ip-Timezone", escaped: true,
	}}
	google = provider{name: "GoogleCloud"}
	nginx  = provider{name: "Nginx"}
)

// owner returns the provider that alone writes the canonical header, nil if
// none does.
func owner(header string) *provider {
	for _, p := range []*provider{&cloudflare, &cloudFront, &fastly, &fly, &azure, &vercel} {
		if p.clientIP == header {
			return p
		}
	}
	return nil
}

func preset(p *provider, ranges []string) ProxySet {
	s := Prefixes(ranges...)
	s.name, s.provider = p.name, p
	return s
}

// Cloudflare trusts Cloudflare's edge, at the ranges that it publishes
// (https://www.cloudflare.com/ips/), for X-Forwarded-For or CF-Connecting-IP,
// and for [Info.Geo] if its "visitor location headers" are on. Without ranges
// it goes with [TrustPeer].
func Cloudflare(ranges ...string) ProxySet { return preset(&cloudflare, ranges) }

// CloudFront trusts Amazon CloudFront, at the ranges that AWS publishes, for
// X-Forwarded-For or CloudFront-Viewer-Address, and for [Info.Geo] if its
// origin request policy adds the headers. Without ranges it goes with
// [TrustPeer].
func CloudFront(ranges ...string) ProxySet { return preset(&cloudFront, ranges) }

// Fastly trusts Fastly, at the ranges that it publishes
// (https://api.fastly.com/public-ip-list), for X-Forwarded-For or
// Fastly-Client-IP. Without ranges it goes with [TrustPeer].
func Fastly(ranges ...string) ProxySet { return preset(&fastly, ranges) }

// Fly trusts the Fly.io proxy for X-Forwarded-For or Fly-Client-IP. Without
// ranges it goes with [TrustPeer].
func Fly(ranges ...string) ProxySet { return preset(&fly, ranges) }

// AzureFrontDoor trusts Azure Front Door, at the ranges of the service tag
// AzureFrontDoor.Backend, for X-Forwarded-For or X-Azure-ClientIP. Without
// ranges it goes with [TrustPeer]. Any customer's Front Door has those
// addresses: check X-Azure-FDID as well.
func AzureFrontDoor(ranges ...string) ProxySet { return preset(&azure, ranges) }

// Vercel trusts Vercel's edge for X-Forwarded-For or X-Vercel-Forwarded-For,
// and for [Info.Geo]. Without ranges it goes with [TrustPeer].
func Vercel(ranges ...string) ProxySet { return preset(&vercel, ranges) }

// GoogleCloud trusts the external load balancers of Google Cloud for
// X-Forwarded-For: they connect from 35.191.0.0/16 and 130.211.0.0/22, and
// append the client's address and then their own. So list the address of the
// load balancer too, or set Config.HopCount to 2. Any customer's load balancer
// connects from those ranges: let the firewall admit yours alone. Where a
// client is it tells only in headers that each customer names: it has no part
// in [Info.Geo]. Without ranges it goes with [TrustPeer].
func GoogleCloud(ranges ...string) ProxySet { return preset(&google, ranges) }

// Nginx trusts your own nginx at its addresses, for X-Forwarded-For
// ($proxy_add_x_forwarded_for), or with Config.Header for "X-Real-IP"
// ($remote_addr), which it must set and not hand on. Without ranges it goes
// with [TrustPeer]; on a unix socket, Config.TrustUnixSocket does without it.
func Nginx(ranges ...string) ProxySet { return preset(&nginx, ranges) }

// checkProviders refuses sets that do not go with the header: one that a
// provider writes is believed from that provider alone, since any other proxy
// hands on what the client made of it.
func (p Proxies) checkProviders(header string) error {
	own := owner(header)
	anyPeer := slices.ContainsFunc(p.sets, func(s ProxySet) bool { return s.anyPeer })
	var errs []error
	found := false
	var unranged string // the provider without ranges that tells of places
	for _, s := range p.sets {
		if s.provider != nil && s.provider.geo != nil && len(s.prefixes) == 0 && anyPeer {
			if unranged != "" {
				errs = append(errs, fmt.Errorf("ctxinfo: Config.Proxies: %s and %s, both without ranges: each hands on what a client writes into the other's headers, so list the ranges of one", unranged, s.name))
			}
			unranged = s.name
		}
		if s.provider != nil && len(s.prefixes) == 0 && !anyPeer && s.err == nil {
			errs = append(errs, fmt.Errorf("ctxinfo: Config.Proxies: %s without ranges: list its ranges, or add TrustPeer if only it can connect", s.name))
		}
		found = found || s.provider == own
		if own != nil && s.provider != own && !s.anyPeer {
			errs = append(errs, fmt.Errorf("ctxinfo: Config.Header %s is written by %s alone, but Config.Proxies has %s too: leave it out, or use XForwardedFor", header, own.name, s.name))
		}
	}
	if own != nil && !found && !anyPeer {
		errs = append(errs, fmt.Errorf("ctxinfo: Config.Header %s is written by %s alone: put that preset into Config.Proxies", header, own.name))
	}
	return errors.Join(errs...)
}

// geoPresets compiles the sets of providers that know about places.
func (p Proxies) geoPresets() []geoPreset {
	var out []geoPreset
	for _, s := range p.sets {
		if s.provider != nil && s.provider.geo != nil {
			t, _ := Behind(s).compile() // the faults are those of the whole
			out = append(out, geoPreset{s.provider, t})
		}
	}
	return out
}

type geoPreset struct {
	provider *provider
	trusted  trustList
}

// viewerAddress reads CloudFront-Viewer-Address: an address and a port, IPv6
// without brackets.
func viewerAddress(s string) (netip.Addr, bool) {
	if len(s) > maxAddr {
		return netip.Addr{}, false
	}
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return netip.Addr{}, false
	}
	host := s[:colon]
	_, port := parsePort(s[colon+1:])
	if !port || strings.Count(host, ":") == 1 || strings.HasPrefix(host, "[") { // parseNode would take a second port
		return netip.Addr{}, false
	}
	return parseNode(host)
}
