package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/soaktest"
)

func TestHugeQueriesAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, query := range map[string]string{
		"pairs":    strings.Repeat("a=1&", 1000),
		"one list": strings.Repeat("size=Small&", 600),
		"value":    "state=" + strings.Repeat("x", 5000),
	} {
		for _, path := range []string{"/", "/api/strikes"} {
			res := s.visitor(t).get(path + "?" + query)
			if res.status != http.StatusBadRequest && res.status != http.StatusRequestURITooLong {
				t.Errorf("%s%s: status %d", path, name, res.status)
			}
			if len(res.body) > 100_000 {
				t.Errorf("%s%s: %d bytes of answer", path, name, len(res.body))
			}
		}
	}
}

// These meet the server as main configures it.
func TestHugeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	p := program(t)
	for name, head := range map[string]string{
		"header of 1 MB":    "GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("x", 1<<20),
		"cookie of 1 MB":    "GET / HTTP/1.1\r\nHost: x\r\nCookie: __Host-id=" + strings.Repeat("x", 1<<20),
		"100,000 pairs":     "GET /?" + strings.Repeat("a=1&", 100_000) + " HTTP/1.1\r\nHost: x",
		"100,000 languages": "GET / HTTP/1.1\r\nHost: x\r\nAccept-Language: " + strings.Repeat("de,", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, head+"\r\n\r\n") // fails when the server has heard enough
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("status %d, want 431", res.StatusCode)
			}
		})
	}
}

// Whatever a cookie holds, its bearer is a new visitor at worst.
func TestRandomCookiesAreHarmless(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range soaktest.Rounds(200) {
		raw := make([]byte, 1+i*24)
		rand.Read(raw)
		value := base64.RawURLEncoding.EncodeToString(raw)
		if i%3 == 0 {
			value = strings.Map(func(r rune) rune { return 33 + r%90 }, value) // anything printable
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"__Host-id", "__Host-id-f", "ctx_theme", "ctx_locale", "ctx_tz", "ctx"} {
			r.Header.Add("Cookie", name+"="+value)
		}
		res, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), "<dt>Visits</dt><dd>1 <") {
			t.Errorf("%q: status %d, %v", value, res.StatusCode, err)
		}
	}
}
