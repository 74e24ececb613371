// Package otelobserve makes the counters of caches, resources, responses and sessions
// metrics of OpenTelemetry, and the loads of caches spans:
//
//	telemetry, err := otelobserve.New(otelobserve.Config{Sessions: sessions})
//	...
//	defer telemetry.Close(ctx)
//
// Metrics are read when a reader collects, and cost nothing in between; only the
// histogram reecho.cache.load.duration is written to, once for each load. Attributes
// are names of groups, caches and resources, results and causes: never keys, never
// visitors.
//
// The span of a load is a child of the call that has caused it, also if the load goes
// on when that has ended. Spans of the load function are children of it. The
// span of a call that has waited for the load of another has a link to it; a call for
// several keys at once has one to each load that it has waited for. A clear is an event of the span that it is made in.
//
// There is no convention for caches yet. The names of metrics begin with "reecho.",
// and the attributes are cache.group, cache.name, cache.result, cache.cause, cache.reason
// and, on spans, cache.key, which is the fingerprint of the key.
package otelobserve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/observe/internal/metrics"
	"github.com/reecho-go/reecho/sessionstate"
)

// Config says what is measured and traced. The zero value does so with the default
// groups and the global providers.
type Config struct {
	// Caches are the groups of caches. Their names must differ. Default nil:
	// cachedata.Default().
	Caches []*cachedata.Group
	// Resources are the groups of resources. Their names must differ. Default
	// nil: cacheresource.Default().
	Resources []*cacheresource.Group
	// Responses are caches of responses. Their names, with those of their groups,
	// must differ. Default nil: none.
	Responses []*respcache.Cache
	// Sessions is the manager of sessions. Default nil: none.
	Sessions *sessionstate.Manager
	// Meters takes the metrics. Default nil: otel.GetMeterProvider().
	Meters metric.MeterProvider
	// Tracers takes the spans. Default nil: otel.GetTracerProvider().
	Tracers trace.TracerProvider
}

// scope names the instrumentation.
const scope = "github.com/reecho-go/reecho/observe/otelobserve"

// Telemetry measures and traces. It is safe for concurrent use.
type Telemetry struct{ o *observer }

// New measures everything that cfg names, also caches and resources that are made
// later, and watches its groups of caches for loads and clears. The error joins what
// is wrong with cfg, or is that of the provider.
func New(cfg Config) (*Telemetry, error) {
	o := &observer{sources: metrics.Sources{Caches: cfg.Caches, Resources: cfg.Resources, Responses: cfg.Responses, Sessions: cfg.Sessions}}
	if err := o.sources.Check("otelobserve: Config"); err != nil {
		return nil, err
	}
	if cfg.Meters == nil {
		cfg.Meters = otel.GetMeterProvider()
	}
	if cfg.Tracers == nil {
		cfg.Tracers = otel.GetTracerProvider()
	}
	o.tracer = cfg.Tracers.Tracer(scope)
	if err := o.measure(cfg.Meters.Meter(scope)); err != nil {
		return nil, fmt.Errorf("otelobserve: %w", err)
	}
	for _, g := range o.sources.Caches {
		g.Observe(o)
	}
	return &Telemetry{o}, nil
}

// Close stops measuring; spans and their durations go on, since a group cannot be
// left by an observer. Close the providers afterwards.
func (t *Telemetry) Close(context.Context) error { return t.o.registration.Unregister() }

// observer is an observe.Tracer.
type observer struct {
	sources      metrics.Sources
	tracer       trace.Tracer
	durations    metric.Float64Histogram
	registration metric.Registration
}

var _ observe.Tracer = (*observer)(nil)

// measure makes the instruments, and has them read.
func (o *observer) measure(meter metric.Meter) error {
	var errs []error
	var all []metric.Observable
	ints, floats := make(map[*metrics.Metric]metric.Int64Observable), make(map[*metrics.Metric]metric.Float64Observable)
	for _, m := range metrics.All() {
		name, help, unit := "reecho."+m.Name, metric.WithDescription(m.Help), metric.WithUnit(m.Unit)
		var err error
		switch {
		case m.Kind == metrics.Durations:
			o.durations, err = meter.Float64Histogram(name, help, unit, metric.WithExplicitBucketBoundaries(bounds()...))
		case m.Kind == metrics.Counter:
			ints[m], err = meter.Int64ObservableCounter(name, help, unit)
			all = append(all, ints[m])
		case m.Unit == "s": // cannot be added up
			floats[m], err = meter.Float64ObservableGauge(name, help, unit)
			all = append(all, floats[m])
		default:
			ints[m], err = meter.Int64ObservableUpDownCounter(name, help, unit)
			all = append(all, ints[m])
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var err error
	o.registration, err = meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		o.sources.Read(func(s metrics.Sample) {
			if f, ok := floats[s.Metric]; ok {
				to.ObserveFloat64(f, s.Value, attributes(s))
			} else if i, ok := ints[s.Metric]; ok {
				to.ObserveInt64(i, int64(s.Value), attributes(s))
			}
		})
		return nil
	}, all...)
	return err
}

// bounds are those of cachedata, in seconds.
func bounds() (all []float64) {
	var h cachedata.Histogram
	for i := range h {
		if most, ok := h.Bound(i); ok {
			all = append(all, most.Seconds())
		}
	}
	return all
}

// attributes are those of a sample.
func attributes(s metrics.Sample) metric.MeasurementOption {
	prefix := s.Of()
	if prefix != "cache" {
		prefix = "reecho." + prefix // "resource" and "session" mean other things
	}
	var all []attribute.KeyValue
	if s.Name != "" {
		all = append(all, attribute.String(prefix+".group", metrics.Text(s.Group)), attribute.String(prefix+".name", metrics.Text(s.Name)))
	}
	for _, label := range s.Labels {
		all = append(all, attribute.String(prefix+"."+label, s.Label))
	}
	return metric.WithAttributes(all...)
}

// of are the attributes of a cache.
func of(s observe.Source) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("cache.group", metrics.Text(s.Group)), attribute.String("cache.name", metrics.Text(s.Cache))}
}

// spanKey is where the context of a load has its span.
type spanKey struct{ *observer }

// name is that of a load's span.
func name(s observe.Source) string { return "load " + metrics.Text(s.Cache) }

// StartLoad implements observe.Tracer.
func (o *observer) StartLoad(ctx context.Context, s observe.Source) context.Context {
	ctx, span := o.tracer.Start(ctx, name(s), trace.WithAttributes(of(s)...))
	return context.WithValue(ctx, spanKey{o}, span)
}

// JoinedLoad implements observe.Tracer.
func (o *observer) JoinedLoad(ctx, load context.Context, s observe.Source) {
	if span, ok := load.Value(spanKey{o}).(trace.Span); ok {
		trace.SpanFromContext(ctx).AddLink(trace.Link{SpanContext: span.SpanContext(), Attributes: of(s)})
	}
}

// Observe implements observe.Observer.
func (o *observer) Observe(ctx context.Context, ev observe.Event) {
	switch ev := ev.(type) {
	case observe.CacheLoad:
		o.loaded(ctx, ev)
	case observe.CacheClear:
		all := append(of(ev.Source), attribute.Int("cache.entries", ev.Entries))
		if ev.Tag != "" {
			all = append(all, attribute.String("cache.tag", metrics.Text(ev.Tag)))
		}
		trace.SpanFromContext(ctx).AddEvent("cache.clear", trace.WithAttributes(all...))
	}
}

// loaded ends the span of a load.
func (o *observer) loaded(ctx context.Context, ev observe.CacheLoad) {
	failed := ev.Err != nil && !errors.Is(ev.Err, cachedata.ErrNotFound) // that is an answer
	result := "ok"
	if ev.Err != nil {
		result = "error"
	}
	o.durations.Record(ctx, ev.Took.Seconds(), metric.WithAttributes(append(of(ev.Source), attribute.String("cache.result", result))...))
	span, ok := ctx.Value(spanKey{o}).(trace.Span)
	if !ok { // the load function was not reached
		_, span = o.tracer.Start(ctx, name(ev.Source), trace.WithAttributes(of(ev.Source)...), trace.WithTimestamp(time.Now().Add(-ev.Took)))
	}
	span.SetAttributes(
		attribute.String("cache.key", fmt.Sprintf("%016x", ev.Fingerprint)),
		attribute.Int("cache.waiters", ev.Waiters),
		attribute.Bool("cache.background", ev.Background),
	)
	if failed {
		text := metrics.Text(ev.Err.Error())
		err := ev.Err
		if text != err.Error() {
			err = errors.New(text)
		}
		span.RecordError(err)
		span.SetStatus(codes.Error, text)
	}
	span.End()
}
