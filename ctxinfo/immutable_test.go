package ctxinfo_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"

	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
)

// everything reads all there is of an Info.
func everything(in *ctxinfo.Info) map[string]any {
	yes, known := in.IsEmbedded()
	offset, hasOffset := in.TimezoneOffset()
	out := map[string]any{
		"ip": in.IP(), "peer": in.Peer(), "hops": in.Hops(), "anomalies": in.Anomalies(),
		"scheme": in.Scheme(), "host": in.Host(), "prefix": in.Prefix(),
		"url": *in.URL(), "page": *in.PageURL(),
		"locale": in.Locale(), "locales": in.Locales(), "zone": in.Timezone(), "zone name": in.TimezoneName(),
		"offset": offset, "has offset": hasOffset,
		"theme": in.Theme(), "embedded": yes, "known": known, "id": in.RequestID(), "trace": client.TraceOf(in),
		"client": client.AgentOf(in), "geo": client.GeoOf(in), "fetch": client.FetchOf(in), "htmx": client.HTMXOf(in), "headers": maps.Collect(in.Headers().All()),
		"cookie": in.Cookies().GetAll("a"), "string": fmt.Sprint(in),
	}
	for f := ctxinfo.FacetIP; f <= ctxinfo.FacetPageURL; f++ {
		out[f.String()] = in.Source(f)
	}
	return out
}

func full() *http.Request {
	r := browser()
	r.Header.Set("Cookie", "a=1; a=2; ctx=1&tz=Asia/Kolkata&theme=dark&lang=en-IN; ctx_theme=light")
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	r.Header.Set("Hx-Current-Url", "https://example.com/page")
	return r
}

func TestSixtyFourReadersSeeTheSame(t *testing.T) {
	t.Parallel()
	p := mustNew(t, behindPrivate())
	in := p.FromRequest(withURL(t, full(), "/x?y=1"))
	got := make([]map[string]any, 64)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range got {
		wg.Go(func() {
			<-start
			got[i] = everything(in)
		})
	}
	close(start)
	wg.Wait()
	for i := range got {
		if !reflect.DeepEqual(got[i], got[0]) {
			t.Fatalf("reader %d sees\n%v\nreader 0 sees\n%v", i, got[i], got[0])
		}
	}
}

func TestResultsAreTheCallers(t *testing.T) {
	t.Parallel()
	in := mustNew(t, behindPrivate()).FromRequest(withURL(t, full(), "/x?y=1"))
	want := everything(in)
	in.Hops()[0] = netip.Addr{}
	in.Locales()[0] = language.Zulu
	for _, u := range []interface{ String() string }{in.URL(), in.PageURL()} {
		reflect.ValueOf(u).Elem().SetZero()
	}
	h := maps.Collect(in.Headers().All())
	h["Accept"][0] = "overwritten"
	delete(h, "Cookie")
	in.Headers().GetAll("Accept")[0] = "overwritten"
	for _, values := range in.Headers().All() {
		values[0] = "overwritten"
	}
	in.Cookies().GetAll("a")[0] = "overwritten"
	if got := everything(in); !reflect.DeepEqual(got, want) {
		t.Errorf("after changing what was returned:\n%v\nwant\n%v", got, want)
	}
}

func TestLogsAreRedacted(t *testing.T) {
	t.Parallel()
	key := []byte("0123456789abcdef")
	for _, tt := range []struct {
		name    string
		privacy ctxinfo.Privacy
		ip      string
		peer    string
	}{
		{"masked", ctxinfo.MaskedIP(), "198.51.100.0/24", "198.51.100.77:1"},
		{"masked IPv6", ctxinfo.MaskedIP(), "2001:db8:1::/48", "[2001:db8:1:2:3::4]:1"},
		{"full", ctxinfo.FullIP(), "198.51.100.77", "198.51.100.77:1"},
		{"hashed", ctxinfo.HashedIP(key), "", "198.51.100.77:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := withURL(t, from(tt.peer, request(
				"Cookie", "session=secret-cookie", "Authorization", "Bearer secret-token", "Set-Cookie", "secret-set",
				"X-Api-Key", "secret-key",
			)), "/page?token=secret-query")
			in := mustNew(t, ctxinfo.Config{Privacy: tt.privacy}).FromRequest(r)
			var log bytes.Buffer
			slog.New(slog.NewJSONHandler(&log, nil)).Info("request", "info", in)
			js, err := json.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, out := range []string{
				log.String(), string(js), fmt.Sprint(in), fmt.Sprintf("%+v", in), fmt.Sprintf("%#v", in),
				fmt.Sprintf("%+v %#v", in.Headers(), in.Cookies()),
			} {
				if strings.Contains(out, "secret") {
					t.Errorf("a secret is in %s", out)
				}
				if tt.name != "full" && (strings.Contains(out, "198.51.100.77") || strings.Contains(out, "3::4")) {
					t.Errorf("the address is in %s", out)
				}
			}
			var got struct{ IP string }
			if err := json.Unmarshal(js, &got); err != nil {
				t.Fatal(err)
			}
			if tt.ip == "" {
				if len(got.IP) != 16 {
					t.Errorf("ip = %q, want 16 hex digits", got.IP)
				}
			} else if got.IP != tt.ip {
				t.Errorf("ip = %q, want %q", got.IP, tt.ip)
			}
		})
	}
}
