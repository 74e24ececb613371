package client_test

import (
	"strings"
	"testing"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
)

func TestTrace(t *testing.T) {
	t.Parallel()
	const id, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	tests := []struct {
		name, value    string
		valid, sampled bool
	}{
		{"version 00", "00-" + id + "-" + span + "-01", true, true},
		{"not sampled", "00-" + id + "-" + span + "-00", true, false},
		{"level 2 random flag", "00-" + id + "-" + span + "-03", true, true},
		{"version 00 is exactly 55", "00-" + id + "-" + span + "-01-x", false, false},
		{"a future version may be longer", "cc-" + id + "-" + span + "-01-more", true, true},
		{"but only behind a dash", "cc-" + id + "-" + span + "-01more", false, false},
		{"version ff", "ff-" + id + "-" + span + "-01", false, false},
		{"upper case", "00-" + strings.ToUpper(id) + "-" + span + "-01", false, false},
		{"zero trace id", "00-" + strings.Repeat("0", 32) + "-" + span + "-01", false, false},
		{"zero span id", "00-" + id + "-" + strings.Repeat("0", 16) + "-01", false, false},
		{"short", "00-" + id + "-" + span, false, false},
		{"no dashes", "00_" + id + "_" + span + "_01", false, false},
		{"nothing", "", false, false},
	}
	for _, tt := range tests {
		in := ctxinfo.FromRequest(request("Traceparent", tt.value, "Tracestate", "a=1", "Tracestate", "b=2"))
		tr := client.TraceOf(in)
		want := client.Trace{}
		if tt.valid {
			want = client.Trace{TraceID: id, SpanID: span, Sampled: tt.sampled, State: "a=1,b=2"}
		}
		if tr != want {
			t.Errorf("%s: %+v, want %+v", tt.name, tr, want)
		}
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	in := ctxinfo.FromRequest(request(
		"Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "<script>", "Sec-Fetch-User", "?1",
	))
	if got, want := client.FetchOf(in), (client.Fetch{Dest: "empty", Mode: "cors", User: true}); got != want {
		t.Errorf("FetchOf() = %+v, want %+v", got, want)
	}
}

func TestHTMX(t *testing.T) {
	t.Parallel()
	in := ctxinfo.FromRequest(request(
		"HX-Request", "true", "HX-Boosted", "true", "HX-Target", "list", "HX-Trigger", strings.Repeat("x", 300), "HX-Trigger-Name", "q",
		"HX-History-Restore-Request", "true",
	))
	if got, want := client.HTMXOf(in), (client.HTMX{Request: true, Boosted: true, HistoryRestore: true, Target: "list", TriggerName: "q"}); got != want {
		t.Errorf("HTMXOf() = %+v, want %+v", got, want)
	}
	if got := client.HTMXOf(ctxinfo.FromRequest(request("HX-Boosted", "true"))); got != (client.HTMX{}) {
		t.Errorf("HTMXOf() without HX-Request = %+v, want nothing", got)
	}
}

// What is read goes into Vary, and nothing else does; what is read for a log
// does not.
func TestVaryIsWhatWasRead(t *testing.T) {
	t.Parallel()
	p := ctxinfo.Must(ctxinfo.New(ctxinfo.Config{}))
	for name, tt := range map[string]struct {
		read func(in *ctxinfo.Info)
		vary string
	}{
		"agent":         {func(in *ctxinfo.Info) { client.AgentOf(in) }, "Save-Data, Sec-Ch-Ua, Sec-Ch-Ua-Mobile, Sec-Ch-Ua-Platform, Sec-Gpc, User-Agent"},
		"trace":         {func(in *ctxinfo.Info) { client.TraceOf(in) }, "Traceparent"},
		"htmx":          {func(in *ctxinfo.Info) { client.HTMXOf(in) }, "Hx-Request"},
		"place":         {func(in *ctxinfo.Info) { client.GeoOf(in) }, ""},
		"agent, logged": {func(in *ctxinfo.Info) { client.AgentOf(in.ForLog()) }, ""},
	} {
		h := vary(p, request(), tt.read)
		if got := h.Get("Vary"); got != tt.vary {
			t.Errorf("%s: Vary = %q, want %q", name, got, tt.vary)
		}
		if got, want := h.Get("Cache-Control") != "", name == "place"; got != want {
			t.Errorf("%s: Cache-Control = %q", name, h.Get("Cache-Control"))
		}
	}
}
