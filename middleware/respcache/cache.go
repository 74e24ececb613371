package respcache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/syntax"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
)

// Defaults of a [Config].
const (
	defaultTTL      = time.Minute
	defaultMaxBytes = 64 << 20
	defaultMaxBody  = 1 << 20
)

// defaultHeaders are headers by which handlers often choose their response, and that
// have few values.
var defaultHeaders = []string{"Accept", "Accept-Language", "Hx-Request", "X-Forwarded-Proto", "X-Requested-With"}

// Limits that no program needs to set.
const (
	maxJoinWait   = 5 * time.Second  // how long a request waits for the response of another
	markTTL       = 10 * time.Second // how long a mark that a response cannot be stored is kept
	varyMarkerTTL = time.Hour        // how long a vary marker is kept, see page
	maxKey        = 8 << 10          // bytes of a key
	maxVaryFacts  = 16               // facts beyond the key that a response may depend on
	maxVariants   = 64               // responses under one key that differ by these facts
	maxStamps     = 1000             // results of functions that a response may be made of
)

// Config configures a [Cache]. The zero value is safe: it stores responses with
// status 200, 301 or 308 for a minute, in at most 64 MiB.
//
// In every field 0 means the default that its comment names, and a negative value
// is an error in [New].
type Config struct {
	// TTL is how long a response is replayed. A handler shortens it with s-maxage,
	// max-age or Expires, or sets it with cachedata.LoadingFrom. Default 0: one
	// minute.
	TTL time.Duration
	// Jitter shortens the time of each response by a random fraction of it, Jitter at
	// most, such as 0.05, so that responses that were made together are not made again
	// together. Must be below 1. Default 0: none.
	Jitter float64
	// Status is how long responses of other statuses than 200, 301 and 308 are
	// replayed, such as {404: 10 * time.Second}. Statuses of errors of the server,
	// of parts (206) and below 200 are errors. Default nil: not at all.
	Status map[int]time.Duration
	// MaxBytes bounds the memory of all responses with their headers and keys. They
	// fill 15 parts of 16; the last one is for bursts, and a large burst may exceed
	// the bound for a moment. The responses least likely to be used again make room.
	// Default 0: 64 MiB.
	MaxBytes int64
	// MaxBody is the largest body that is stored. Must not be above MaxBytes.
	// Default 0: 1 MiB, or MaxBytes if that is less.
	MaxBody int64
	// Stale replays responses whose time is over. Default: none are replayed.
	Stale StaleConfig
	// Keys says what of a request distinguishes responses. Default: all that the
	// handler can see.
	Keys KeyConfig
	// Store keeps the responses in a store too, so that they survive a restart or are
	// shared by several processes: persist.In makes one, without a Codec. A response
	// is kept in memory only if it is made of results of functions that are not in the
	// same store, or not of the same group; the Cache-Status of its hits says so.
	// Default nil: only the memory.
	Store cachedata.Storage
	// RFC makes the cache a shared cache by RFC 9111 in front of an origin, such as a
	// httputil.ReverseProxy. The response's Cache-Control, CDN-Cache-Control (RFC
	// 9213), Expires and Vary, and the request's Cache-Control, decide which
	// responses are stored, for how long, and when the origin is asked again. Nothing
	// is hidden from the handler, a request with cookies is answered from the cache
	// too, and responses of a Cache-Group (RFC 9875) are dropped together. TTL, Jitter,
	// Status, Stale, Keys and Store must not be set. Default false.
	RFC bool
	// Group is the group of caches that the responses belong to: a clear, a clear of
	// tags or a close of the group reaches them. Default nil: [cachedata.Default].
	Group *cachedata.Group
	// Observer receives the events of the cache, beside the observers of the group.
	// Default nil: none.
	Observer observe.Observer
}

// StaleConfig replays responses whose time is over, unless they say must-revalidate.
type StaleConfig struct {
	// For is how long after its time a response is still replayed, at once, while it
	// is made again in the background: by a request of its own through the whole app,
	// or on net/http through the Stack. For each key there is one such request at a
	// time. Default 0: not at all.
	For time.Duration
	// OnError is how long after its time a response is replayed instead of an error of
	// the server: a status of 500 and above other than 501, an error of the handler
	// with such a status, or a panic, which continues after the replay. Must be longer
	// than For. Default 0: not at all.
	OnError time.Duration
}

// KeyConfig says which parts of a request the handler sees. The same parts are in the key.
// Host, scheme, path and method are always included. Everything else is hidden from a
// handler whose response may be stored.
type KeyConfig struct {
	// Query lists the parameters of the query. Others are hidden. Default nil: all;
	// an empty list that is not nil: none.
	Query []string
	// Headers lists the request headers. Others are hidden. Each is in the key with
	// its exact value, so leave out what handlers do not read. Cookie,
	// Authorization and headers of conditions and ranges are errors. Default nil:
	// Accept, Accept-Language, HX-Request, X-Forwarded-Proto and X-Requested-With;
	// an empty list that is not nil: none.
	Headers []string
	// Session keeps the responses of handlers that read the session, for that session
	// alone and until it changes: its id, its user or any value. Visitors without a
	// session share such responses. They are not replayed after their time. A response
	// is not stored if its handler has changed the session, or has used something else
	// that is kept for one visitor, such as a result in session scope. What outer
	// middlewares derive from the session must not depend on anything else that may
	// change within the TTL.
	// Default false: such responses are not stored.
	Session bool
	// IgnoreCookies lists cookies that have no influence on responses, such as those
	// of statistics; a name may end with "*". They are hidden. A request with any
	// other cookie is not answered from the cache, except for the cookies of
	// sessionstate and ctxinfo, which report whether they were read. Default nil: none.
	IgnoreCookies []string
}

// Cache keeps whole responses and replays them. It is a plugin: put it into a list
// of plugins, or in front of single routes. Make it with [New]. All methods are safe
// for concurrent use.
type Cache struct {
	name          string
	cfg           Config
	query         []string // nil: all
	headers       []string // canonical
	ignored       []string
	pages         *cachedata.Cache[string, *page]
	shared        *shared // nil: there is no store
	reads         *visit.Reads
	misplacedOnce sync.Once // for misplaced
	counts        counts
}

var (
	_ middleware.Wrapper = (*Cache)(nil)
	_ middleware.Closer  = (*Cache)(nil)
)

// New makes a Cache. It is a cachedata.Cache of responses in its group, where its name must
// be unique. The error joins everything that is wrong.
func New(name string, cfg Config) (*Cache, error) {
	errs := []error{cfg.validate()}
	c := &Cache{name: name, cfg: cfg.withDefaults()}
	c.query = slices.Clone(cfg.Keys.Query)
	c.headers = canonical(c.cfg.Keys.Headers)
	c.ignored = slices.Clone(cfg.Keys.IgnoreCookies)
	c.reads = visit.NewReads(c.contextRead)
	stale := cachedata.StaleConfig{For: c.cfg.Stale.For, OnError: c.cfg.Stale.OnError}
	if c.cfg.RFC {
		stale, c.headers = cachedata.StaleConfig{For: keepStale}, nil
	}
	err := errors.Join(errs...)
	if err == nil {
		c.pages, err = cachedata.New(name, loadFromContext, cachedata.Config{
			TTL:      c.cfg.TTL,
			Jitter:   c.cfg.Jitter,
			MaxBytes: c.cfg.MaxBytes - c.cfg.MaxBytes/16, // leaves room for bursts
			Store:    c.storage(),
			Group:    c.cfg.Group,
			Observer: c.cfg.Observer,
			Stale:    stale,
			Copy:     cachedata.CopyConfig{ReadOnly: true},
		}, cachedata.Funcs[string, *page]{Size: (*page).size})
	}
	if err != nil {
		return nil, fmt.Errorf("respcache: New(%q): %w", name, err)
	}
	return c, nil
}

// validate returns an error that joins everything that is wrong with the configuration.
func (cfg Config) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if cfg.TTL < 0 {
		bad("TTL is %v: use 0 for %v", cfg.TTL, defaultTTL)
	}
	if !(cfg.Jitter >= 0 && cfg.Jitter < 1) {
		bad("Jitter is %v: use 0 for none, or a fraction below 1", cfg.Jitter)
	}
	if cfg.MaxBytes < 0 {
		bad("MaxBytes is %d: use 0 for %d", cfg.MaxBytes, defaultMaxBytes)
	}
	if cfg.MaxBody < 0 {
		bad("MaxBody is %d: use 0 for %d", cfg.MaxBody, defaultMaxBody)
	}
	if defaults := cfg.withDefaults(); cfg.MaxBody > defaults.MaxBytes && cfg.MaxBytes >= 0 {
		bad("MaxBody is %d, and MaxBytes only %d: make it less, or MaxBytes more", cfg.MaxBody, defaults.MaxBytes)
	}
	if cfg.Stale.For < 0 {
		bad("Stale.For is %v: use 0 to replay nothing whose time is over", cfg.Stale.For)
	}
	if cfg.Stale.OnError < 0 || cfg.Stale.OnError > 0 && cfg.Stale.OnError <= cfg.Stale.For {
		bad("Stale.OnError is %v: make it longer than Stale.For, or leave it out", cfg.Stale.OnError)
	}
	if cfg.RFC {
		errs = append(errs, cfg.validateRFC()...)
	}
	for _, status := range slices.Sorted(maps.Keys(cfg.Status)) {
		ttl := cfg.Status[status]
		switch {
		case status < 200 || status >= 500 && status != http.StatusNotImplemented || status == http.StatusPartialContent || status == http.StatusNotModified:
			bad("Status[%d]: such a response is not a whole answer that another request could get: leave it out", status)
		case ttl <= 0:
			bad("Status[%d] is %v: use a positive time, or leave it out", status, ttl)
		}
	}
	return errors.Join(append(errs, cfg.Keys.validate())...)
}

// unkeyable are the headers that cannot be part of a key.
var unkeyable = []string{
	"Authorization", "Cookie", "Proxy-Authorization", "Connection", "Upgrade", "Range", "If-Range",
	"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
}

func (k KeyConfig) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if i := slices.Index(k.Query, ""); i >= 0 {
		bad("Keys.Query[%d] is empty: name a parameter", i)
	}
	for i, name := range k.Headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !syntax.IsToken(name):
			bad("Keys.Headers[%d] is %q, which is no name of a header", i, name)
		case slices.Contains(unkeyable, canonical):
			bad("Keys.Headers[%d] is %s, which is about one visitor or one connection: leave it out", i, canonical)
		case slices.ContainsFunc(k.Headers[:i], func(n string) bool { return strings.EqualFold(n, name) }):
			bad("Keys.Headers[%d] stands twice: %s", i, canonical)
		}
	}
	for i, name := range k.IgnoreCookies {
		if bare := strings.TrimSuffix(name, "*"); !syntax.IsToken(bare) {
			bad("Keys.IgnoreCookies[%d] is %q: give the name of a cookie, or how it begins and a *", i, name)
		}
	}
	return errors.Join(errs...)
}

// withDefaults replaces zero fields by their defaults.
func (cfg Config) withDefaults() Config {
	if cfg.TTL == 0 {
		cfg.TTL = defaultTTL
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = min(defaultMaxBody, cfg.MaxBytes)
	}
	if cfg.Keys.Headers == nil {
		cfg.Keys.Headers = defaultHeaders
	}
	cfg.Group = cmp.Or(cfg.Group, cachedata.Default())
	cfg.Status = maps.Clone(cfg.Status)
	if cfg.Status == nil {
		cfg.Status = make(map[int]time.Duration)
	}
	for _, status := range []int{http.StatusOK, http.StatusMovedPermanently, http.StatusPermanentRedirect} {
		if _, set := cfg.Status[status]; !set {
			cfg.Status[status] = cfg.TTL
		}
	}
	return cfg
}

func canonical(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = textproto.CanonicalMIMEHeaderKey(name)
	}
	return out
}

// Name implements middleware.Plugin.
func (c *Cache) Name() string { return "respcache." + c.name }

// Group returns the group of caches that the responses belong to: that of
// Config.Group, or [cachedata.Default].
func (c *Cache) Group() *cachedata.Group { return c.cfg.Group }

// Wrap implements middleware.Wrapper.
func (c *Cache) Wrap(next middleware.Handler) middleware.Handler {
	return func(mc middleware.Context) error { return c.serve(mc, next) }
}

// Delete drops the responses of the given paths, whatever their host, headers and
// methods: "/a?x=1" is one URL, "/a" is that path with any query, "/a/*" is everything
// below /a/, "/*" is everything. All spellings of a URL are dropped together, such as
// those with other escapes. A folder deeper than 16 levels is dropped with its parent of
// level 16. A path that was rewritten or stripped on its way can be given in both forms.
// A request that comes after Delete has returned never gets a response whose handler had
// begun before. Delete takes constant time. The error is one of
// cachedata.Cache.ClearTag, or names a path that does not begin with a slash; in that case
// nothing is dropped.
func (c *Cache) Delete(ctx context.Context, paths ...string) error {
	tags, err := c.tagsOf("Delete", paths)
	if err != nil {
		return err
	}
	return c.pages.ClearTag(ctx, tags...)
}

// Expire makes the responses of the given paths stale, named as for Delete, as if
// their time were over: with Config.Stale they are replayed while they are made again,
// or when that fails. Without it, Expire is Delete. It is for changes that may show a
// moment later. A response that said must-revalidate is dropped. The errors are those
// of Delete.
func (c *Cache) Expire(ctx context.Context, paths ...string) error {
	tags, err := c.tagsOf("Expire", paths)
	if err != nil {
		return err
	}
	return c.pages.ExpireTag(ctx, tags...)
}

// tagsOf returns the tags of the responses of paths.
func (c *Cache) tagsOf(method string, paths []string) ([]string, error) {
	tags := make([]string, len(paths))
	for i, path := range paths {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("respcache: %s: %s: the path %q does not begin with a slash", c.name, method, path)
		}
		tags[i] = c.tagOf(path)
	}
	return tags, nil
}

// ClearTag drops the responses that have one of the tags, which handlers have added
// with cachedata.LoadingFrom; see cachedata.Cache.ClearTag.
func (c *Cache) ClearTag(ctx context.Context, tags ...string) error {
	return c.pages.ClearTag(ctx, tags...)
}

// ExpireTag is [Cache.Expire] for the responses that have one of the tags; see
// cachedata.Cache.ExpireTag.
func (c *Cache) ExpireTag(ctx context.Context, tags ...string) error {
	return c.pages.ExpireTag(ctx, tags...)
}

// Clear drops all responses; see cachedata.Cache.Clear.
func (c *Cache) Clear(ctx context.Context) error { return c.pages.Clear(ctx) }

// Close implements middleware.Closer: it drops all responses and waits for the
// handlers whose responses are recorded. Afterwards requests pass through.
func (c *Cache) Close(ctx context.Context) error { return c.pages.Close(ctx) }

// contextRead tells observers that a handler has read a context value that may belong to
// the visitor.
func (c *Cache) contextRead(ctx context.Context, key, value string) {
	source := observe.Source{Group: c.Group().Name(), Cache: c.name}
	observe.Emit(ctx, c.cfg.Observer, observe.ContextRead{Source: source, Key: key, Value: value})
}

// misplaced tells observers, once, that cookies are set inside of the cache.
func (c *Cache) misplaced(ctx context.Context) {
	c.misplacedOnce.Do(func() {
		o := c.cfg.Observer
		if o == nil {
			o = observe.Slog(nil)
		}
		observe.Emit(ctx, o, observe.Notice{Owner: c.Name(), Text: "a handler or a middleware inside of the cache sets a cookie, so that its response is not stored: put sessions and other middlewares that set cookies outside of the cache"})
	})
}
