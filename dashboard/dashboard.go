// Package dashboard has a web page that shows the caches, resources and sessions of a running
// program, and can refresh, delete and clear them, and end sessions.
//
//	page, err := dashboard.New(isAdmin, dashboard.Config{Sessions: sessions})
//	...
//	mux.Handle("/_reecho", page)
//
// It is one http.Handler for any one path: all its links are queries of the same path, so
// it works under any prefix, and behind proxies that remove a prefix. It loads nothing from
// other servers. It works without JavaScript; with JavaScript, pages are updated every two
// seconds until they are paused.
//
// # What it shows
//
// Keys are shown as their fingerprints unless Config.ShowKeys is set. Results, values
// of sessions, cookies and secrets are never shown. Errors of load functions are
// shown in the log of events.
//
// # What it costs
//
// It costs hits nothing: counters are read when a page is shown, and the history for the
// charts is recorded only while somebody looks at the page. The page observes its groups, so
// each load computes the fingerprint of its key, which takes some microseconds.
package dashboard

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/internal/problem"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/sessionstate"
)

// Config says what a [Dashboard] shows. The zero value shows the default groups.
type Config struct {
	// Caches are the groups of caches. Their names must differ. Default nil: cachedata.Default().
	Caches []*cachedata.Group
	// Resources are the groups of resources. Their names must differ. Default nil:
	// cacheresource.Default().
	Resources []*cacheresource.Group
	// Sessions is the manager of sessions. Default nil: none.
	Sessions *sessionstate.Manager
	// Responses are caches of responses. Their names, with those of their groups,
	// must differ. Default nil: none.
	Responses []*respcache.Cache
	// Events is the log that is shown. Set it if it is also the Observer of a session
	// manager or plugin; the groups are observed in any case. Default nil: a new one.
	Events *Events
	// ShowKeys shows the keys of entries to everybody who may see the page. Default
	// false: their fingerprints, as in events and logs.
	ShowKeys bool
	// Token returns a hidden field for the page's forms, for a CSRF middleware around
	// the page that requires its own token. The page itself needs none: it refuses
	// requests that browsers send for another origin. Default nil: none.
	Token func(r *http.Request) (field, value string)
}

// Dashboard is the page, an http.Handler. Make it with [New]. It is safe for
// concurrent use.
type Dashboard struct {
	cfg       Config
	authorize func(*http.Request) error
	origin    *http.CrossOriginProtection
	events    *Events
	history   history
}

// New makes a Dashboard. It calls authorize first for each request, and shows and does
// nothing unless authorize returns nil. If the error is a middleware.Error, that is the
// answer; any other error is answered with 403 Forbidden, without details. Only POST requests
// change anything. The error of New joins all mistakes.
func New(authorize func(*http.Request) error, cfg Config) (*Dashboard, error) {
	if cfg.Caches == nil {
		cfg.Caches = []*cachedata.Group{cachedata.Default()}
	}
	if cfg.Resources == nil {
		cfg.Resources = []*cacheresource.Group{cacheresource.Default()}
	}
	if cfg.Events == nil {
		cfg.Events = new(Events)
	}
	var errs []error
	if authorize == nil {
		errs = append(errs, errors.New("dashboard: New: authorize is nil: give a function that returns an error for those who may not see the page and clear caches"))
	}
	errs = append(errs,
		distinct("Caches", cfg.Caches, (*cachedata.Group).Name),
		distinct("Resources", cfg.Resources, (*cacheresource.Group).Name),
		distinct("Responses", cfg.Responses, responsesID),
	)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	d := &Dashboard{cfg: cfg, authorize: authorize, origin: http.NewCrossOriginProtection(), events: cfg.Events}
	for _, g := range cfg.Caches {
		g.Observe(d.events)
	}
	for _, g := range cfg.Resources {
		g.Observe(d.events)
	}
	return d, nil
}

// distinct returns an error for each element of a field of Config that is nil, or has the same
// id as another one.
func distinct[T any](field string, all []*T, id func(*T) string) error {
	var errs []error
	before := make(map[string]int)
	for i, one := range all {
		if one == nil {
			errs = append(errs, fmt.Errorf("dashboard: Config: %s[%d] is nil: leave it out", field, i))
			continue
		}
		if j, ok := before[id(one)]; ok {
			errs = append(errs, fmt.Errorf("dashboard: Config: %s[%d] has the name of %s[%d], so that a form would not say which is meant: list it once, or give one another name", field, i, field, j))
			continue
		}
		before[id(one)] = i
	}
	return errors.Join(errs...)
}

// policy allows the page to load its own style sheet and script, and nothing else. It replaces
// a policy of the app, which may allow only the app's files.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// ServeHTTP implements http.Handler.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex")
	h.Del("Content-Security-Policy-Report-Only")
	if err := d.authorize(r); err != nil {
		d.refuse(w, r, err)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if name := r.URL.Query().Get("asset"); name != "" {
			serveAsset(w, r, name)
			return
		}
		d.show(w, r, nil)
	case http.MethodPost:
		d.act(w, r)
	default:
		h.Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Use GET, HEAD or POST.", http.StatusMethodNotAllowed)
	}
}

// refuse answers a request that authorize has refused.
func (d *Dashboard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := problem.From(err)
	if !ok {
		e = &problem.RefusalError{Who: "dashboard", Status: http.StatusForbidden, Detail: "You may not see this page.", Cause: err}
	}
	_ = problem.Write(w, r, problem.DetailsOf(e)) // if this fails, the client has left
}
