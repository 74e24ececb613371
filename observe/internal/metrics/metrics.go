// Package metrics defines the metrics of the toolkit for all exporters: their names, and
// how their values are read from Stats. Reading costs some microseconds for each cache
// and resource.
package metrics

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
)

// Kind is the kind of a metric.
type Kind uint8

// The kinds.
const (
	Counter   Kind = iota // only grows
	Gauge                 // goes up and down
	Durations             // a histogram of seconds
)

// Metric is one metric.
type Metric struct {
	Name   string // with dots and without the name of the toolkit, such as "cache.requests"
	Unit   string // "s", "By", or what is counted in braces
	Kind   Kind
	Help   string   // a sentence without a full stop
	Labels []string // besides the group and name of the source: at most one
}

// Of returns the kind of thing that a metric measures, which names the label of its samples:
// "cache" (also for responses), "resource" or "session". Samples of sessions have no such label.
func (m *Metric) Of() string {
	of, _, _ := strings.Cut(m.Name, ".")
	if of == "response" {
		return "cache"
	}
	return of
}

// The metrics.
var (
	requests  = Metric{"cache.requests", "{call}", Counter, "Calls of a cache by what they got: hit, stale (an expired result, while it is refreshed), failsafe (an expired result, since a load failed), joined (waited for the load of another call) or miss", []string{"result"}}
	loads     = Metric{"cache.loads", "{load}", Counter, "Loads that have ended: ok or error", []string{"result"}}
	durations = Metric{"cache.load.duration", "s", Durations, "How long loads took", nil}
	refreshes = Metric{"cache.refreshes", "{load}", Counter, "Loads in the background", nil}
	skipped   = Metric{"cache.refreshes.skipped", "{load}", Counter, "Refreshes that were due while too many others ran", nil}
	refused   = Metric{"cache.refused", "{result}", Counter, "Loaded results that were not kept, since a clear, delete or put came first, or since they are too large", nil}
	evictions = Metric{"cache.evictions", "{result}", Counter, "Results that have left, by cause", []string{"cause"}}
	entries   = Metric{"cache.entries", "{result}", Gauge, "Results that are kept now", nil}
	bytes     = Metric{"cache.bytes", "By", Gauge, "Memory that results take now", nil}
	inFlight  = Metric{"cache.in_flight", "{load}", Gauge, "Loads that run now", nil}
	waiters   = Metric{"cache.waiters", "{call}", Gauge, "Callers who wait for loads now", nil}
	visitors  = Metric{"cache.sessions", "{session}", Gauge, "Visitors who have results of their own now", nil}
	storeHits = Metric{"cache.store.hits", "{result}", Counter, "Results that came from the store instead of a load", nil}
	storeErrs = Metric{"cache.store.errors", "{call}", Counter, "Calls of the store that failed or took too long", nil}
	storeSkip = Metric{"cache.store.skipped", "{call}", Counter, "Calls of the store that were not made, since it is left alone", nil}
	storeDown = Metric{"cache.store.down", "{cache}", Gauge, "1 while the store is left alone since it has failed, else 0", nil}

	open     = Metric{"resource.open", "{instance}", Gauge, "Instances that have not been released", nil}
	leases   = Metric{"resource.leases", "{lease}", Gauge, "Leases that are held now", nil}
	pinned   = Metric{"resource.pinned", "{instance}", Gauge, "Instances that are kept until the end", nil}
	oldest   = Metric{"resource.oldest_age", "s", Gauge, "Age of the oldest instance", nil}
	opens    = Metric{"resource.opens", "{open}", Counter, "Opens that have ended: ok or error", []string{"result"}}
	checks   = Metric{"resource.checks", "{check}", Counter, "Health checks that have ended: ok or error", []string{"result"}}
	releases = Metric{"resource.releases", "{instance}", Counter, "Instances that have ended, by cause", []string{"cause"}}
	stuck    = Metric{"resource.stuck_releases", "{release}", Counter, "Releases that took longer than they may", nil}
	leaks    = Metric{"resource.leaks", "{lease}", Counter, "Leases that were overdue, lost or released twice", nil}
	opening  = Metric{"resource.in_flight", "{open}", Gauge, "Opens and checks that run now", nil}
	awaiting = Metric{"resource.waiters", "{call}", Gauge, "Callers who wait for opens and checks now", nil}

	started   = Metric{"session.started", "{session}", Counter, "Sessions that were saved for the first time", nil}
	renewed   = Metric{"session.renewed", "{session}", Counter, "Sessions that were saved under a new id", nil}
	saved     = Metric{"session.saved", "{save}", Counter, "Sessions that were saved", nil}
	conflicts = Metric{"session.conflicts", "{save}", Counter, "Saves that met another writer and were done again", nil}
	rejected  = Metric{"session.refused", "{cookie}", Counter, "Cookies that stood for no session: forged, expired, revoked or unknown", nil}
	revoked   = Metric{"session.revoked", "{session}", Counter, "Sessions that were ended before their time", nil}
	lost      = Metric{"session.lost", "{save}", Counter, "Changes that were dropped, since their session had ended", nil}
	failures  = Metric{"session.store.errors", "{call}", Counter, "Calls of the store of sessions that failed", nil}
	kept      = Metric{"session.kept", "{session}", Gauge, "Sessions that caches and resources keep something for now", nil}
)

var (
	answered = Metric{"response.requests", "{request}", Counter, "Requests by what they got: hit, stale (a response whose time was over, while it is made again), failsafe (such a response, since the handler has failed), joined (waited for the response of another request), miss (the handler answered, and that can be stored), refused (the handler answered, and that cannot be stored) or bypass (the cache was not asked)", []string{"result"}}
	unfit    = Metric{"response.refused", "{request}", Counter, "Requests whose handler has made a response that cannot be stored, by reason", []string{"reason"}}
	bypassed = Metric{"response.bypassed", "{request}", Counter, "Requests for which the cache was not asked, by reason", []string{"reason"}}
	pages    = Metric{"response.entries", "{response}", Gauge, "Responses that are kept now, and notes of what cannot be", nil}
	weight   = Metric{"response.bytes", "By", Gauge, "Memory that responses take now", nil}
)

// All lists the metrics.
func All() []*Metric {
	return []*Metric{
		&requests, &loads, &durations, &refreshes, &skipped, &refused, &evictions, &entries, &bytes, &inFlight, &waiters, &visitors,
		&storeHits, &storeErrs, &storeSkip, &storeDown,
		&open, &leases, &pinned, &oldest, &opens, &checks, &releases, &stuck, &leaks, &opening, &awaiting,
		&answered, &unfit, &bypassed, &pages, &weight,
		&started, &renewed, &saved, &conflicts, &rejected, &revoked, &lost, &failures, &kept,
	}
}

// Sources are the caches, resources and sessions that are measured. Nil groups are the default
// ones.
type Sources struct {
	Caches    []*cachedata.Group
	Resources []*cacheresource.Group
	Responses []*respcache.Cache
	Sessions  *sessionstate.Manager
}

// Check fills in the defaults, and returns an error for each source that cannot be measured. The
// errors begin with who, the name of the package.
func (s *Sources) Check(who string) error {
	if s.Caches == nil {
		s.Caches = []*cachedata.Group{cachedata.Default()}
	}
	if s.Resources == nil {
		s.Resources = []*cacheresource.Group{cacheresource.Default()}
	}
	return errors.Join(
		checkGroups(who, "Caches", s.Caches),
		checkGroups(who, "Resources", s.Resources),
		checkResponses(who, s.Responses),
	)
}

func checkResponses(who string, caches []*respcache.Cache) error {
	var errs []error
	for i, c := range caches {
		if c == nil {
			errs = append(errs, fmt.Errorf("%s: Responses[%d] is nil: leave it out", who, i))
			continue
		}
		same := func(o *respcache.Cache) bool { return o != nil && name(o) == name(c) }
		if before := slices.IndexFunc(caches[:i], same); before >= 0 {
			errs = append(errs, fmt.Errorf("%s: Responses[%d] has the name %q of Responses[%d], so that their metrics would be the same: list it once, or give one another name", who, i, name(c).cache, before))
		}
	}
	return errors.Join(errs...)
}

// named identifies a cache by its group and name.
type named struct{ group, cache string }

func name(c *respcache.Cache) named {
	return named{c.Group().Name(), c.Responses().Name()}
}

func checkGroups[G interface {
	comparable
	Name() string
}](who, field string, groups []G) error {
	var none G
	var errs []error
	names := make(map[string]int)
	for i, g := range groups {
		if g == none {
			errs = append(errs, fmt.Errorf("%s: %s[%d] is nil: name a group, or leave %s out for the default one", who, field, i, field))
			continue
		}
		if before, ok := names[g.Name()]; ok {
			errs = append(errs, fmt.Errorf("%s: %s[%d] has the name %q of %s[%d], so that their metrics would be the same: list it once, or give one another name", who, field, i, g.Name(), field, before))
			continue
		}
		names[g.Name()] = i
	}
	return errors.Join(errs...)
}

// Sample is one value of a metric: a number or a histogram.
type Sample struct {
	*Metric
	Group, Name string // of the cache or resource; empty for sessions
	Label       string // the value of the metric's label, if it has one
	Value       float64
	Durations   *cachedata.Histogram // with Value as their sum in seconds
}

// Read calls yield with all present samples.
func (s *Sources) Read(yield func(Sample)) {
	for _, g := range s.Caches {
		for _, c := range g.Caches() {
			r := reader{yield: yield, group: g.Name(), name: c.Name()}
			r.cache(c.Stats(), c.Config().Store != nil)
		}
	}
	for _, g := range s.Resources {
		for name, stats := range g.Resources() {
			r := reader{yield: yield, group: g.Name(), name: name}
			r.resource(stats)
		}
	}
	for _, c := range s.Responses {
		of := name(c)
		r := reader{yield: yield, group: of.group, name: of.cache}
		r.responses(c.Stats())
	}
	if s.Sessions != nil {
		r := reader{yield: yield}
		r.sessions(s.Sessions.Stats())
	}
}

// reader yields the samples of one source.
type reader struct {
	yield       func(Sample)
	group, name string
}

func (r *reader) of(m *Metric, v float64) { r.labelled(m, "", v) }

func (r *reader) labelled(m *Metric, label string, v float64) {
	r.yield(Sample{Metric: m, Group: r.group, Name: r.name, Label: label, Value: v})
}

// results yields how many of all have succeeded and how many have failed.
func (r *reader) results(m *Metric, all, failed uint64) {
	r.labelled(m, "ok", float64(all-min(failed, all))) // the counters are not read at the same moment, so failed may exceed all
	r.labelled(m, "error", float64(failed))
}

func (r *reader) causes(m *Metric, counts map[observe.Cause]uint64) {
	for cause, n := range counts {
		r.labelled(m, string(cause), float64(n))
	}
}

func (r *reader) cache(s cachedata.Stats, store bool) {
	r.labelled(&requests, "hit", float64(s.Hits))
	r.labelled(&requests, "stale", float64(s.StaleHits))
	r.labelled(&requests, "failsafe", float64(s.FailSafe))
	r.labelled(&requests, "joined", float64(s.Joined))
	r.labelled(&requests, "miss", float64(s.Misses-min(s.Joined, s.Misses)))
	r.results(&loads, s.Loads, s.LoadErrors)
	r.yield(Sample{Metric: &durations, Group: r.group, Name: r.name, Value: s.LoadTime.Seconds(), Durations: &s.LoadTimes})
	r.of(&refreshes, float64(s.Refreshes))
	r.of(&skipped, float64(s.Skipped))
	r.of(&refused, float64(s.Refused))
	r.causes(&evictions, s.Evictions)
	r.of(&entries, float64(s.Entries))
	r.of(&bytes, float64(s.Bytes))
	r.of(&inFlight, float64(s.InFlight))
	r.of(&waiters, float64(s.Waiters))
	r.of(&visitors, float64(s.Sessions))
	if store {
		r.of(&storeHits, float64(s.Stored))
		r.of(&storeErrs, float64(s.StoreErrors))
		r.of(&storeSkip, float64(s.StoreSkipped))
		r.of(&storeDown, float64(s.StoreDown))
	}
}

func (r *reader) resource(s cacheresource.Stats) {
	r.of(&open, float64(s.Open))
	r.of(&leases, float64(s.Leases))
	r.of(&pinned, float64(s.Pinned))
	r.of(&oldest, s.Oldest.Seconds())
	r.results(&opens, s.Opens, s.OpenErrors)
	r.results(&checks, s.Checks, s.FailedChecks)
	r.causes(&releases, s.Releases)
	r.of(&stuck, float64(s.Stuck))
	r.of(&leaks, float64(s.Leaks))
	r.of(&opening, float64(s.InFlight))
	r.of(&awaiting, float64(s.Waiters))
}

func (r *reader) responses(s respcache.Stats) {
	reasons := func(m *Metric, counts map[string]uint64) (sum uint64) {
		for reason, n := range counts {
			r.labelled(m, reason, float64(n))
			sum += n
		}
		return sum
	}
	r.labelled(&answered, "hit", float64(s.Hits))
	r.labelled(&answered, "stale", float64(s.Stale))
	r.labelled(&answered, "failsafe", float64(s.FailSafe))
	r.labelled(&answered, "joined", float64(s.Joined))
	r.labelled(&answered, "miss", float64(s.Misses))
	r.labelled(&answered, "refused", float64(reasons(&unfit, s.Refused)))
	r.labelled(&answered, "bypass", float64(reasons(&bypassed, s.Bypassed)))
	r.of(&pages, float64(s.Entries))
	r.of(&weight, float64(s.Bytes))
}

func (r *reader) sessions(s sessionstate.Stats) {
	r.of(&started, float64(s.Created))
	r.of(&renewed, float64(s.Renewed))
	r.of(&saved, float64(s.Saves))
	r.of(&conflicts, float64(s.Conflicts))
	r.of(&rejected, float64(s.Refused))
	r.of(&revoked, float64(s.Ended))
	r.of(&lost, float64(s.Lost))
	r.of(&failures, float64(s.Failures))
	r.of(&kept, float64(s.Kept))
}
