// Package promobserve makes the counters of caches, resources, responses and sessions
// metrics of Prometheus:
//
//	metrics, err := promobserve.New(promobserve.Config{Sessions: sessions})
//	...
//	prometheus.MustRegister(metrics)
//
// They are read when Prometheus scrapes, and cost nothing in between. Their labels
// are names of groups, caches and resources, results and causes: never keys, never
// visitors. A cache that a function makes for itself (cachedata.GetOrNew) is one
// more series for each of its metrics. docs/observability.md lists the metrics, a
// dashboard and alerts.
package promobserve

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/observe/internal/metrics"
	"github.com/reecho-go/reecho/sessionstate"
)

// Config says what is measured. The zero value measures the default groups.
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
}

// New returns a collector of everything that cfg names, also of caches and
// resources that are made later. It is safe for concurrent use. A scrape costs some
// microseconds for each cache. The error joins what is wrong with cfg.
func New(cfg Config) (prometheus.Collector, error) {
	c := &collector{
		sources: metrics.Sources{Caches: cfg.Caches, Resources: cfg.Resources, Responses: cfg.Responses, Sessions: cfg.Sessions},
		descs:   make(map[*metrics.Metric]*prometheus.Desc),
	}
	if err := c.sources.Check("promobserve: Config"); err != nil {
		return nil, err
	}
	for _, m := range metrics.All() {
		var labels []string
		if of := m.Of(); of != "session" {
			labels = []string{"group", of}
		}
		c.descs[m] = prometheus.NewDesc(name(m), m.Help+".", append(labels, m.Labels...), nil)
	}
	return c, nil
}

// name is a metric's name as Prometheus wants it: with its unit, and _total behind
// counters.
func name(m *metrics.Metric) string {
	parts := []string{"reecho", strings.ReplaceAll(m.Name, ".", "_")}
	if m.Unit == "s" {
		parts = append(parts, "seconds")
	}
	if m.Kind == metrics.Counter {
		parts = append(parts, "total")
	}
	return strings.Join(parts, "_")
}

// collector is a prometheus.Collector.
type collector struct {
	sources metrics.Sources
	descs   map[*metrics.Metric]*prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	c.sources.Read(func(s metrics.Sample) { out <- c.metric(s) })
}

func (c *collector) metric(s metrics.Sample) prometheus.Metric {
	desc := c.descs[s.Metric]
	var labels []string
	if s.Of() != "session" {
		labels = []string{metrics.Text(s.Group), metrics.Text(s.Name)}
	}
	if len(s.Labels) > 0 {
		labels = append(labels, s.Label)
	}
	kind := prometheus.GaugeValue
	switch s.Kind {
	case metrics.Counter:
		kind = prometheus.CounterValue
	case metrics.Durations:
		count, buckets := cumulated(s.Durations)
		return prometheus.MustNewConstHistogram(desc, count, s.Value, buckets, labels...)
	}
	return prometheus.MustNewConstMetric(desc, kind, s.Value, labels...)
}

// cumulated counts all durations up to each bound, as Prometheus does.
func cumulated(h *cachedata.Histogram) (count uint64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(h)-1)
	for i, n := range h {
		count += n
		if most, ok := h.Bound(i); ok {
			buckets[most.Seconds()] = count
		}
	}
	return count, buckets
}
