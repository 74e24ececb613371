package otelobserve_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/observe/otelobserve"
	"github.com/reecho-go/reecho/sessionstate"
)

// receiver takes OTLP over HTTP, as a collector does.
type receiver struct {
	mu      sync.Mutex
	spans   []*tracepb.Span
	metrics map[string]*metricspb.Metric
	wrong   []error
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	switch req.URL.Path {
	case "/v1/traces":
		var in coltrace.ExportTraceServiceRequest
		err = errors.Join(err, proto.Unmarshal(body, &in))
		for _, rs := range in.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				r.spans = append(r.spans, ss.GetSpans()...)
			}
		}
	case "/v1/metrics":
		var in colmetrics.ExportMetricsServiceRequest
		err = errors.Join(err, proto.Unmarshal(body, &in))
		for _, rm := range in.GetResourceMetrics() {
			for _, sm := range rm.GetScopeMetrics() {
				for _, m := range sm.GetMetrics() {
					r.metrics[m.GetName()] = m
				}
			}
		}
	default:
		err = fmt.Errorf("%s %s", req.Method, req.URL.Path)
	}
	if err != nil {
		r.wrong = append(r.wrong, err)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// span is the only one of that name.
func (r *receiver) span(t *testing.T, name string) *tracepb.Span {
	t.Helper()
	var found []*tracepb.Span
	for _, s := range r.spans {
		if s.GetName() == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans %q of %v", len(found), name, r.spans)
	}
	return found[0]
}

func texts(attributes []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			all[a.GetKey()] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			all[a.GetKey()] = fmt.Sprint(v.IntValue)
		case *commonpb.AnyValue_BoolValue:
			all[a.GetKey()] = fmt.Sprint(v.BoolValue)
		}
	}
	return all
}

// lab is a program that sends all it has to a receiver.
type lab struct {
	*receiver
	caches    *cachedata.Group
	resources *cacheresource.Group
	responses *respcache.Cache
	tracers   *sdktrace.TracerProvider
	meters    *sdkmetric.MeterProvider
	telemetry *otelobserve.Telemetry
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{receiver: &receiver{metrics: map[string]*metricspb.Metric{}}}
	server := httptest.NewServer(l.receiver)
	t.Cleanup(server.Close)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	l.caches, err = cachedata.NewGroup("app", cachedata.GroupConfig{})
	must(err)
	l.resources, err = cacheresource.NewGroup("pools", cacheresource.GroupConfig{})
	must(err)
	l.responses, err = respcache.New("pages", respcache.Config{Group: l.caches})
	must(err)
	sessions, err := sessionstate.New(sessionstate.Config{})
	must(err)
	spans, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(server.URL+"/v1/traces"))
	must(err)
	numbers, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(server.URL+"/v1/metrics"))
	must(err)
	l.tracers = sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	l.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(numbers)))
	l.telemetry, err = otelobserve.New(otelobserve.Config{
		Caches: []*cachedata.Group{l.caches}, Resources: []*cacheresource.Group{l.resources}, Sessions: sessions,
		Responses: []*respcache.Cache{l.responses},
		Meters:    l.meters, Tracers: l.tracers,
	})
	must(err)
	return l
}

// flush has everything sent, and reports what the receiver could not read.
func (l *lab) flush(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	err := errors.Join(l.tracers.ForceFlush(ctx), l.meters.ForceFlush(ctx), l.telemetry.Close(ctx), l.tracers.Shutdown(ctx), l.meters.Shutdown(ctx), l.caches.Close(ctx))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(append(l.wrong, err)...); err != nil {
		t.Error(err)
	}
}

var errBoom = errors.New("boom")

func TestALoadIsASpanOfTheRequestThatCausedIt(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	app := l.tracers.Tracer("app")
	proceed := make(chan struct{})
	users, err := cachedata.New("users", func(ctx context.Context, id int) (string, error) {
		_, span := app.Start(ctx, "SELECT")
		defer span.End()
		<-proceed
		if id < 0 {
			return "", errBoom
		}
		return "u", nil
	}, cachedata.Config{Group: l.caches})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	request := func(name string, id int, waiting int) {
		ctx, span := app.Start(t.Context(), name)
		wg.Go(func() {
			defer span.End()
			_, _ = users.Get(ctx, id)
		})
		for users.Stats().Waiters < waiting {
			time.Sleep(time.Millisecond)
		}
	}
	request("GET /first", 1, 1)
	request("GET /second", 1, 2)
	close(proceed)
	wg.Wait()
	ctx, clears := app.Start(t.Context(), "POST /clear")
	if err := errors.Join(users.Clear(ctx), users.ClearTag(ctx, "team:1")); err != nil {
		t.Error(err)
	}
	clears.End()
	l.flush(t)

	load, first, second, query := l.span(t, "load users"), l.span(t, "GET /first"), l.span(t, "GET /second"), l.span(t, "SELECT")
	if !slices.Equal(load.GetParentSpanId(), first.GetSpanId()) || !slices.Equal(load.GetTraceId(), first.GetTraceId()) {
		t.Errorf("the load is not a child of the first request: %v", load)
	}
	if !slices.Equal(query.GetParentSpanId(), load.GetSpanId()) {
		t.Errorf("what the load function traces is not a child of the load: %v", query)
	}
	if len(first.GetLinks()) != 0 || len(second.GetLinks()) != 1 || !slices.Equal(second.GetLinks()[0].GetSpanId(), load.GetSpanId()) {
		t.Errorf("links of the first request %v, of the second %v, want none and one to %s", first.GetLinks(), second.GetLinks(), hex.EncodeToString(load.GetSpanId()))
	}
	got := texts(load.GetAttributes())
	if got["cache.name"] != "users" || got["cache.group"] != "app" || got["cache.waiters"] != "2" || got["cache.background"] != "false" || len(got["cache.key"]) != 16 {
		t.Errorf("attributes %v", got)
	}
	if load.GetEndTimeUnixNano() < load.GetStartTimeUnixNano() || load.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_UNSET {
		t.Errorf("%v", load)
	}
	events := l.span(t, "POST /clear").GetEvents()
	if len(events) != 2 || events[0].GetName() != "cache.clear" || texts(events[0].GetAttributes())["cache.entries"] != "1" || texts(events[1].GetAttributes())["cache.tag"] != "team:1" {
		t.Errorf("events of the clear: %v", events)
	}
}

func TestLoadsThatFailAndLoadsOfSeveralKeys(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for name, fail := range map[string]error{"failing": errBoom, "absent": fmt.Errorf("no row: %w", cachedata.ErrNotFound)} {
		c, err := cachedata.New(name, func(context.Context, int) (int, error) { return 0, fail }, cachedata.Config{Group: l.caches})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Get(t.Context(), 1)
	}
	many, err := cachedata.NewBatch("many", func(_ context.Context, ids []int) (map[int]int, error) {
		return map[int]int{1: 1, 2: 2, 3: 3}, nil
	}, cachedata.Config{Group: l.caches})
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := l.tracers.Tracer("app").Start(t.Context(), "GET /list")
	_, _ = many.GetMany(ctx, []int{1, 2, 3})
	span.End()
	l.flush(t)
	if s := l.span(t, "load failing"); s.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR || s.GetStatus().GetMessage() != "boom" || len(s.GetEvents()) != 1 {
		t.Errorf("%v", s)
	}
	if s := l.span(t, "load absent"); s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("that there is nothing is an answer: %v", s)
	}
	if s := l.span(t, "load many"); !slices.Equal(s.GetParentSpanId(), l.span(t, "GET /list").GetSpanId()) {
		t.Errorf("%v", s)
	}
}

// A request for several keys has a link to each load of others that it has waited for.
func TestARequestForSeveralKeysIsLinkedToTheLoadsThatItHasWaitedFor(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	app := l.tracers.Tracer("app")
	started, proceed := make(chan struct{}), make(chan struct{})
	users, err := cachedata.NewBatch("users", func(ctx context.Context, ids []int) (map[int]int, error) {
		_, span := app.Start(ctx, fmt.Sprint("SELECT of ", len(ids)))
		defer span.End()
		started <- struct{}{}
		<-proceed
		all := make(map[int]int)
		for _, id := range ids {
			all[id] = id
		}
		return all, nil
	}, cachedata.Config{Group: l.caches})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i, ids := range [][]int{{1, 2}, {3, 4, 5}, {1, 2, 3, 6}} {
		ctx, span := app.Start(t.Context(), fmt.Sprint("GET /", i))
		wg.Go(func() {
			defer span.End()
			_, _ = users.GetMany(ctx, ids)
		})
		<-started
	}
	close(proceed)
	wg.Wait()
	l.flush(t)
	var want, got [][]byte
	for _, name := range []string{"SELECT of 2", "SELECT of 3"} {
		want = append(want, l.span(t, name).GetParentSpanId())
	}
	for _, link := range l.span(t, "GET /2").GetLinks() {
		got = append(got, link.GetSpanId())
	}
	slices.SortFunc(want, slices.Compare)
	slices.SortFunc(got, slices.Compare)
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("links %x, want %x", got, want)
	}
	for _, name := range []string{"GET /0", "GET /1"} {
		if links := l.span(t, name).GetLinks(); len(links) != 0 {
			t.Errorf("%s has links %v", name, links)
		}
	}
}

// Names, tags and errors that are no UTF-8 must not break what is sent with them.
func TestTextsOfAnyBytesAreSent(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, err := cachedata.New("a\xffb", func(context.Context, int) (int, error) { return 0, errors.New("key \xfe") }, cachedata.Config{Group: l.caches})
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := l.tracers.Tracer("app").Start(t.Context(), "GET /")
	_, _ = c.Get(ctx, 1)
	_ = c.ClearTag(ctx, "tag \xfd")
	span.End()
	l.flush(t)
	if s := l.span(t, `load a\xffb`); texts(s.GetAttributes())["cache.name"] != `a\xffb` || s.GetStatus().GetMessage() != `key \xfe` {
		t.Errorf("%v", s)
	}
	if events := l.span(t, "GET /").GetEvents(); len(events) != 1 || texts(events[0].GetAttributes())["cache.tag"] != `tag \xfd` {
		t.Errorf("%v", events)
	}
	if got := points(l.metrics["reecho.cache.loads"]); got[`cache.group=app cache.name=a\xffb cache.result=error`] != 1 {
		t.Errorf("%v", got)
	}
}

// A call without a span, and one whose span is not recorded, change nothing.
func TestCallsWithoutASpan(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, err := cachedata.New("c", func(context.Context, int) (int, error) { return 1, nil }, cachedata.Config{Group: l.caches})
	if err != nil {
		t.Fatal(err)
	}
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: [16]byte{1}, SpanID: [8]byte{1}}))
	_, _ = c.Get(ctx, 1)
	if err := errors.Join(c.Clear(t.Context()), c.Clear(ctx)); err != nil {
		t.Error(err)
	}
	l.flush(t)
}

// points are the numbers of a metric, by their attributes in order of the keys.
func points(m *metricspb.Metric) map[string]int64 {
	all := map[string]int64{}
	numbers := m.GetSum().GetDataPoints()
	numbers = append(numbers, m.GetGauge().GetDataPoints()...)
	key := func(attributes []*commonpb.KeyValue) string {
		var parts []string
		for k, v := range texts(attributes) {
			parts = append(parts, k+"="+v)
		}
		slices.Sort(parts)
		return strings.Join(parts, " ")
	}
	for _, p := range numbers {
		all[key(p.GetAttributes())] = p.GetAsInt() + int64(p.GetAsDouble())
	}
	for _, p := range m.GetHistogram().GetDataPoints() {
		all[key(p.GetAttributes())] = int64(p.GetCount())
	}
	return all
}

func TestCountersAreMetrics(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, err := cachedata.New("users", func(_ context.Context, id int) (int, error) {
		if id < 0 {
			return 0, errBoom
		}
		return id, nil
	}, cachedata.Config{Group: l.caches})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []int{1, 1, 1, 2, -1} {
		_, _ = c.Get(t.Context(), id)
	}
	pool, err := cacheresource.New("db", func(context.Context, int) (*int, error) { return new(int), nil }, cacheresource.Config{Group: l.resources})
	if err != nil {
		t.Fatal(err)
	}
	lease, err := pool.Acquire(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	app := middleware.Must(middleware.New(l.responses)).Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Cache-Control", r.URL.RawQuery)
		_, _ = io.WriteString(rw, "x")
	}))
	for _, target := range []string{"/a", "/a", "/b?private"} {
		app.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, nil))
	}
	l.flush(t)
	const cache = "cache.group=app cache.name=users"
	const resource = "reecho.resource.group=pools reecho.resource.name=db"
	for _, tt := range []struct {
		metric, key string
		want        int64
	}{
		{"reecho.cache.requests", cache + " cache.result=hit", 2},
		{"reecho.cache.requests", cache + " cache.result=miss", 3},
		{"reecho.cache.loads", cache + " cache.result=error", 1},
		{"reecho.cache.load.duration", cache + " cache.result=ok", 2},
		{"reecho.cache.load.duration", cache + " cache.result=error", 1},
		{"reecho.cache.entries", cache, 2},
		{"reecho.resource.leases", resource, 1},
		{"reecho.resource.opens", "reecho.resource.group=pools reecho.resource.name=db reecho.resource.result=ok", 1},
		{"reecho.response.requests", "cache.group=app cache.name=pages cache.result=hit", 1},
		{"reecho.response.requests", "cache.group=app cache.name=pages cache.result=miss", 1},
		{"reecho.response.refused", "cache.group=app cache.name=pages cache.reason=private", 1},
		{"reecho.response.entries", "cache.group=app cache.name=pages", 2},
		{"reecho.session.started", "", 0},
	} {
		got, ok := points(l.metrics[tt.metric])[tt.key]
		if !ok || got != tt.want {
			t.Errorf("%s{%s} = %d, want %d; all: %v", tt.metric, tt.key, got, tt.want, points(l.metrics[tt.metric]))
		}
	}
	requests := l.metrics["reecho.cache.requests"]
	if !requests.GetSum().GetIsMonotonic() || requests.GetUnit() != "{call}" || requests.GetDescription() == "" {
		t.Errorf("%v", requests)
	}
	if l.metrics["reecho.cache.entries"].GetSum().GetIsMonotonic() {
		t.Error("what is kept now goes up and down")
	}
}

func TestNewRefusesWhatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	if _, err := otelobserve.New(otelobserve.Config{Caches: []*cachedata.Group{nil}}); err == nil || !strings.Contains(err.Error(), "otelobserve: Config: Caches[0] is nil") {
		t.Errorf("%v", err)
	}
}
