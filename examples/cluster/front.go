package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync/atomic"
)

// A front asks the nodes in turn, and the next one if one is not there. What begins
// with /node/A is for A alone.
type front struct {
	names, addrs []string
	turn         atomic.Uint64
}

// proxy is the handler before the nodes.
func (f *front) proxy() http.Handler {
	return &httputil.ReverseProxy{Transport: f, Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme = "http" }}
}

// RoundTrip implements http.RoundTripper.
func (f *front) RoundTrip(r *http.Request) (res *http.Response, err error) {
	var body []byte // to be sent again
	if r.Body != nil {
		if body, err = io.ReadAll(io.LimitReader(r.Body, 64<<10)); err != nil {
			return nil, err
		}
	}
	first := f.turn.Add(1)
	for i := range f.addrs {
		at := (int(first) + i) % len(f.addrs)
		path, only := r.URL.Path, false
		if strings.HasPrefix(path, "/node/") {
			if path, only = strings.CutPrefix(path, "/node/"+f.names[at]); !only {
				continue
			}
		}
		out := r.Clone(r.Context())
		out.URL.Host, out.URL.Path, out.Body = f.addrs[at], path, http.NoBody
		if len(body) > 0 {
			out.Body = io.NopCloser(bytes.NewReader(body))
		}
		res, err = http.DefaultTransport.RoundTrip(out)
		if _, dialled := errors.AsType[*net.OpError](err); err == nil || only || !dialled {
			return res, err
		}
	}
	return nil, errors.Join(err, errors.New("no node is there"))
}
