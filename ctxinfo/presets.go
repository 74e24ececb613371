package ctxinfo

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// The providers. Their ranges are not part of the program: they change.
var (
	cloudflare = provider{
		name: "Cloudflare", headers: []string{"Cf-Connecting-Ip", headerXForwardedFor}, writes: 1 << fieldForwardedProto,
		zone: "Cf-Timezone",
	}
	cloudFront = provider{
		name: "CloudFront", headers: []string{"Cloudfront-Viewer-Address", headerXForwardedFor}, writes: 1 << fieldForwardedProto,
		zone: "Cloudfront-Viewer-Time-Zone", parse: viewerAddress,
	}
	fastly = provider{
		name: "Fastly", custom: true,
		advice: "set a header of your own to client.ip in VCL and name that, or list its ranges with Prefixes if the service forces TLS",
	}
	fly   = provider{name: "Fly", headers: []string{"Fly-Client-Ip", headerXForwardedFor}, writes: 1 << fieldForwardedProto}
	azure = provider{
		name: "AzureFrontDoor", headers: []string{"X-Azure-Socketip", headerXForwardedFor},
		writes: 1<<fieldForwardedProto | 1<<fieldForwardedHost,
	}
	vercel = provider{
		name: "Vercel", headers: []string{"X-Vercel-Forwarded-For", headerXForwardedFor},
		writes: 1<<fieldForwardedProto | 1<<fieldForwardedHost,
		zone:   "X-Vercel-Ip-Timezone", located: true,
	}
	google = provider{name: "GoogleCloud", headers: []string{headerXForwardedFor}, writes: 1 << fieldForwardedProto}
	nginx  = provider{name: "Nginx", headers: []string{headerXForwardedFor, headerForwarded}, custom: true, writes: vouchable}
)

// clientSent are headers that look like those of a provider but hold values of the
// client, with the advice for the error.
var clientSent = map[string]string{
	"Fastly-Client-Ip": "Fastly hands on what a client sends in it: " + fastly.advice,
	"X-Azure-Clientip": "Azure Front Door fills it from headers that clients send: use X-Azure-SocketIP",
}

// owner returns the provider that alone writes the canonical header, nil if
// none does.
func owner(header string) *provider {
	for _, p := range []*provider{&cloudflare, &cloudFront, &fly, &azure, &vercel} {
		if p.headers[0] == header {
			return p
		}
	}
	return nil
}

// writesHeader reports whether p itself writes the canonical header.
func (p *provider) writesHeader(header string) bool {
	list := header == headerXForwardedFor || header == headerForwarded
	return slices.Contains(p.headers, header) || p.custom && !list
}

func preset(p *provider, ranges []string) ProxySet {
	s := Prefixes(ranges...)
	s.name, s.provider = p.name, p
	return s
}

// Cloudflare trusts Cloudflare's edge for X-Forwarded-For or CF-Connecting-IP,
// for X-Forwarded-Proto and, with [ProxySet.WithLocation], for location headers.
//
// "Cloudflare HTTP headers"
// (developers.cloudflare.com/fundamentals/reference/http-headers, as of 2025):
// all headers of a request are passed on; CF-Connecting-IP is the address that
// connected to Cloudflare, which is also appended to X-Forwarded-For;
// X-Forwarded-Proto is overwritten. Location headers are written once the Managed
// Transform "Add visitor location headers" is on. True-Client-IP can be spoofed
// unless its own transform is on, so it is refused.
//
// Its ranges are at https://www.cloudflare.com/ips-v4 and ips-v6, one per line;
// see [Plugin.SetProxies]. Without ranges, combine it with [TrustPeer], as behind
// a tunnel.
func Cloudflare(ranges ...string) ProxySet { return preset(&cloudflare, ranges) }

// CloudFront trusts Amazon CloudFront for X-Forwarded-For or
// CloudFront-Viewer-Address and, with [ProxySet.WithLocation], for location
// headers.
//
// "Request and response behavior for custom origins" and "Add CloudFront request
// headers" (docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide, as of
// 2026): the viewer's address is appended to X-Forwarded-For; a viewer's
// X-Forwarded-Proto and X-Real-IP are removed; CloudFront-Viewer-Address and the
// location headers are added if the origin request policy names them, so name
// them there before you name them here. Whether the viewer used HTTPS is in none
// of the headers that this package reads.
//
// Its ranges are those of the service CLOUDFRONT_ORIGIN_FACING in
// https://ip-ranges.amazonaws.com/ip-ranges.json; see [Plugin.SetProxies]. The
// distributions of all customers use them, so have yours add a secret header, and
// check it. Without ranges, combine it with [TrustPeer].
func CloudFront(ranges ...string) ProxySet { return preset(&cloudFront, ranges) }

// Fastly trusts Fastly for a header of your own, named in Config.Header, that
// the service's VCL sets to client.ip: in vcl_recv, if
// fastly.ff.visits_this_service == 0 && req.restarts == 0. No header that
// Fastly writes by itself is safe, so Fastly-Client-IP, X-Forwarded-For and
// Forwarded are refused.
//
// "Fastly-Client-IP" (fastly.com/documentation/reference/http/http-headers, as of
// 2026): it is set only if the request has none, so a client can choose its
// value. "X-Forwarded-For" and "X-Forwarded-Host", there: the client's address is
// appended over TLS only; without TLS the header is passed through. If the
// service forces TLS, X-Forwarded-For is sound: list Fastly's ranges with
// [Prefixes].
//
// Its ranges are at https://api.fastly.com/public-ip-list; changes are announced
// on its status page. See [Plugin.SetProxies]. Without ranges, combine it with
// [TrustPeer].
func Fastly(ranges ...string) ProxySet { return preset(&fastly, ranges) }

// Fly trusts the Fly.io proxy for Fly-Client-IP or X-Forwarded-For, and for
// X-Forwarded-Proto.
//
// "Request headers" (fly.io/docs/networking/request-headers, as of July 2024):
// Fly-Client-IP is the client as Fly's proxy saw it. The last address of
// X-Forwarded-For is the application's own: list it too, or set
// Config.HopCount to 2. X-Forwarded-Proto is the protocol that the client
// used; X-Forwarded-Port may be the client's, and is not read.
//
// Fly publishes no ranges, and only its proxy reaches a machine's internal port.
// So combine it with [TrustPeer].
func Fly(ranges ...string) ProxySet { return preset(&fly, ranges) }

// AzureFrontDoor trusts Azure Front Door for X-Forwarded-For or
// X-Azure-SocketIP, and for X-Forwarded-Host and X-Forwarded-Proto.
// X-Azure-ClientIP is refused.
//
// "Protocol support for HTTP headers in Azure Front Door"
// (learn.microsoft.com/azure/frontdoor/front-door-http-headers-protocol, dated
// 2024-03-27): X-Azure-SocketIP is the address of the TCP connection, which is
// also appended to X-Forwarded-For; the client's address, which is what
// X-Azure-ClientIP holds, can be overwritten by a user at will; previous values
// of X-Forwarded-Host and X-Forwarded-Proto are overridden.
//
// Its ranges are those of the service tag AzureFrontDoor.Backend, which change
// weekly; see [Plugin.SetProxies]. The Front Doors of all customers use them, so
// check X-Azure-FDID as well. Without ranges, combine it with [TrustPeer].
func AzureFrontDoor(ranges ...string) ProxySet { return preset(&azure, ranges) }

// Vercel trusts Vercel's edge for X-Forwarded-For or X-Vercel-Forwarded-For, for
// X-Forwarded-Host and X-Forwarded-Proto, and for location headers.
//
// "Request headers" (vercel.com/docs/headers/request-headers, dated 2025-12-13):
// X-Forwarded-For is overwritten and no address from outside is forwarded, to
// prevent spoofing; X-Vercel-Forwarded-For is the same and stays when another
// proxy writes over the former; X-Forwarded-Host is the Host; X-Forwarded-Proto
// is the protocol; the X-Vercel-IP headers give the location of the requester's
// public address.
//
// Vercel publishes no ranges, so combine it with [TrustPeer].
func Vercel(ranges ...string) ProxySet { return preset(&vercel, ranges) }

// GoogleCloud trusts the external Application Load Balancers of Google Cloud
// for X-Forwarded-For and X-Forwarded-Proto.
//
// "External Application Load Balancer overview"
// (cloud.google.com/load-balancing/docs/https, as of 2025): two addresses are
// appended to X-Forwarded-For, the client's and that of the load balancer's
// forwarding rule, and the addresses that a client sent stay before them,
// unverified. So list the load balancer's address too, or set Config.HopCount to
// 2. X-Forwarded-Proto is set.
//
// They connect from 35.191.0.0/16 and 130.211.0.0/22. The load balancers of all
// customers do, so let the firewall admit only yours. They send the client's
// location only in headers that each customer names, which package client does
// not read. Without ranges, combine it with [TrustPeer].
func GoogleCloud(ranges ...string) ProxySet { return preset(&google, ranges) }

// Nginx trusts your own nginx, at its addresses, for the headers that you
// configure it to set. By itself, nginx sets none of them and passes on what a
// client sent.
//
// "Module ngx_http_proxy_module"
// (nginx.org/en/docs/http/ngx_http_proxy_module.html, as of 2025):
// $proxy_add_x_forwarded_for is the client's X-Forwarded-For with $remote_addr
// appended, and proxy_set_header redefines a header, or removes it if the value
// is empty. So set X-Forwarded-For to $proxy_add_x_forwarded_for, or set
// X-Real-IP to $remote_addr and name it in Config.Header; set X-Forwarded-Proto
// to $scheme, and set or remove X-Forwarded-Host, -Port and -Prefix and the
// request id.
//
// Without ranges, combine it with [TrustPeer]; on a unix socket,
// Config.TrustUnixSocket is enough.
func Nginx(ranges ...string) ProxySet { return preset(&nginx, ranges) }

// WithLocation returns s with the provider's location headers trusted as well.
// [Info.Timezone] uses them as a guess, and package client reads them. Use it
// only after you have configured the provider to add these headers: before that,
// it passes on what a client writes into them. It is for [Cloudflare] and
// [CloudFront]. [Vercel] always adds its headers. New refuses it for all others.
func (s ProxySet) WithLocation() ProxySet {
	if s.provider == nil || s.provider.zone == "" {
		s.err = errors.Join(s.err, errors.New("WithLocation: it has no headers about places"))
	}
	s.located = true
	return s
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
