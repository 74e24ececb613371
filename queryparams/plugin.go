package queryparams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Config configures a [Plugin]. The zero value is safe.
type Config struct {
	// Limits bounds the query that [Params] read and what they write.
	// Default: see [Limits].
	Limits Limits
	// Reserved names the keys that Params keep but neither show nor write, in
	// any case. Default nil: embed and embed_options. An empty slice that is
	// not nil: none.
	Reserved []string
	// Migrations are applied to every query, in order, before anybody reads
	// it; the browser's URL follows as if [Params] had been written. They
	// conflict with Reserved: no name may be in both. Default none.
	Migrations []Migration
	// Canonical answers a GET or HEAD of a full page whose URL a migration changes, or whose parameters a schema would write
	// otherwise (their order, defaults, corrected values, escapes), with a
	// permanent redirect to the one URL that means the same: once, and never
	// to another host. [Schema.Bind] does it with its error, a
	// [*RedirectError]. Other parameters keep their places. Schemas of one
	// route must not disagree about a parameter that they share. Default
	// false: such URLs are served like any other.
	Canonical bool
	// OnError is given the faults that [Schema.Bind], [Bind] and [Get] are
	// about to return, and returns what they return instead:
	// the same with Detail translated by Code, or an error of the app's own;
	// nil for the same. It may be called from many goroutines. Default nil:
	// they stay as they are.
	OnError func(ctx context.Context, errs *Errors) error
}

func defaultReserved() []string { return []string{"embed", "embed_options"} }

// Plugin gives the requests that it serves their [Params], and makes the
// browser's URL follow what was written to them:
//
//   - a part of a page that htmx asked for: HX-Replace-Url or HX-Push-Url, set
//     just before the headers are sent. What is written later fails with
//     [middleware.ErrCommitted];
//   - a full page: [Params.Script] in its template, or [Redirect] after a POST.
//     If a handler writes and does neither, the request ends with [ErrNotSent],
//     for the logs;
//   - a stream of events or a WebSocket: [Params.OnChange].
//
// [Bind], [Get] and schemas do not need the plugin. It is safe for concurrent
// use, starts no goroutine and has nothing to close.
type Plugin struct{ cfg Config }

// New makes a Plugin.
func New(cfg Config) (*Plugin, error) {
	var errs []error
	if cfg.Reserved == nil {
		cfg.Reserved = defaultReserved()
	}
	cfg.Reserved, cfg.Migrations = slices.Clone(cfg.Reserved), slices.Clone(cfg.Migrations)
	for i, key := range cfg.Reserved {
		if key == "" {
			errs = append(errs, fmt.Errorf("queryparams: Config.Reserved[%d] is empty: name a key", i))
		}
	}
	for i, m := range cfg.Migrations {
		switch {
		case m.err != nil:
			errs = append(errs, m.err)
		case m.apply == nil:
			errs = append(errs, fmt.Errorf("queryparams: Config.Migrations[%d] is empty: use Rename, Drop or Rewrite", i))
		}
		for _, name := range m.names {
			if containsFold(cfg.Reserved, name) {
				errs = append(errs, fmt.Errorf("queryparams: Config.Migrations[%d] changes %q, which is in Reserved", i, name))
			}
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	cfg.Limits = cfg.Limits.withDefaults()
	return &Plugin{cfg: cfg}, nil
}

func containsFold(keys []string, key string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, key) })
}

// Name implements middleware.Plugin.
func (p *Plugin) Name() string { return "queryparams" }

// CommitOnDemand implements middleware.OnDemand.
func (p *Plugin) CommitOnDemand() {}
