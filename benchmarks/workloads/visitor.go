package workloads

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/ctxinfo"
)

// Who asks, from behind proxies in private networks.
const (
	client         = "198.51.100.7"
	forwarded      = client + ", 10.0.0.4, 10.0.0.3"
	acceptLanguage = "de-CH,de;q=0.9,en-US;q=0.8,en;q=0.7"
	zoneName       = "Asia/Kolkata"
)

// Visitor is what it costs to know who asks: the client's address behind three
// proxies and behind a header of 63 KB, and the language and the time zone of a
// request, from a new one each time.
func Visitor() []bench.Workload {
	return []bench.Workload{
		{Group: "visitor", Name: "client address, 3 proxies", Reference: "echo", Prepare: func() ([]bench.Row, error) { return addresses(forwarded) }},
		{Group: "visitor", Name: "client address, 63 KB of header", Reference: "echo", Prepare: func() ([]bench.Row, error) {
			return addresses(strings.Repeat("6.6.6.6, ", 7000) + client)
		}},
		{Group: "visitor", Name: "language of a request", Reference: "x/text", Prepare: languages},
		{Group: "visitor", Name: "time zone of a request", Reference: "time.LoadLocation", Prepare: zones},
	}
}

func visitor(header http.Header) *http.Request {
	return &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/"}, Host: "example.com", RemoteAddr: "10.0.0.2:1234",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Body: http.NoBody,
	}
}

// answering is a row whose answer must be want.
func answering(peer, want string, ask func() string) bench.Row {
	op := func(int) error {
		if got := ask(); got != want {
			return fmt.Errorf("the answer is %q, not %q", got, want)
		}
		return nil
	}
	return bench.Row{Peer: peer, Op: op, Check: func() error { return op(0) }}
}

func addresses(header string) ([]bench.Row, error) {
	r := visitor(http.Header{"X-Forwarded-For": {header}})
	info, err := ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Private())})
	if err != nil {
		return nil, err
	}
	extract := echo.ExtractIPFromXFFHeader()
	want := info.ClientIP(r)
	ours := func(int) error {
		if info.ClientIP(r) != want {
			return errors.New("another address")
		}
		return nil
	}
	return []bench.Row{
		answering("echo", client, func() string { return extract(r) }),
		{Peer: Ours, Op: ours, Check: func() error {
			if want.String() != client {
				return fmt.Errorf("the address is %v, not %s", want, client)
			}
			return ours(0)
		}},
	}, nil
}

func languages() ([]bench.Row, error) {
	r := visitor(http.Header{"Accept-Language": {acceptLanguage}})
	supported := []language.Tag{language.English, language.German, language.French}
	info, err := ctxinfo.New(ctxinfo.Config{Locales: supported})
	if err != nil {
		return nil, err
	}
	matcher := language.NewMatcher(supported)
	german := func(peer string, ask func() (language.Tag, error)) bench.Row {
		op := func(int) error {
			tag, err := ask()
			if err == nil && tag != language.German {
				err = fmt.Errorf("the language is %v", tag)
			}
			return err
		}
		return bench.Row{Peer: peer, Op: op, Check: func() error { return op(0) }}
	}
	byHand := german("x/text", func() (language.Tag, error) {
		tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
		_, i, _ := matcher.Match(tags...)
		return supported[i], err
	})
	ours := german(Ours, func() (language.Tag, error) { return info.FromRequest(r).Locale(), nil })
	ours.Note = "with the copy of the request's headers"
	return []bench.Row{byHand, ours}, nil
}

func zones() ([]bench.Row, error) {
	r := visitor(http.Header{"Cookie": {ctxinfo.TimezoneCookie + "=" + zoneName}})
	info, err := ctxinfo.New(ctxinfo.Config{})
	if err != nil {
		return nil, err
	}
	ours := answering(Ours, zoneName, func() string { return info.FromRequest(r).Timezone().String() })
	ours.Note = "with the copy of the request's headers"
	return []bench.Row{
		answering("time.LoadLocation", zoneName, func() string {
			c, err := r.Cookie(ctxinfo.TimezoneCookie)
			if err != nil {
				return err.Error()
			}
			zone, err := time.LoadLocation(c.Value)
			if err != nil {
				return err.Error()
			}
			return zone.String()
		}),
		ours,
	}, nil
}
