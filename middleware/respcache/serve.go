package respcache

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/host"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/uses"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/middleware"
)

// call is one request to a Cache.
type call struct {
	cache         *Cache
	mc            middleware.Context
	next          middleware.Handler
	req           *http.Request
	host          host.Host
	own           host.Context
	base          string   // the key of the request
	key           string   // base, and the values of varyOn
	marker        *page    // the vary marker that has led to key; nil: none
	varyOn        []string // the facts, beside those in base, on which the response depends
	sessionDigest string   // the digest of the session, if that is one of the facts

	// Of a shared cache:

	control requestControl
	stale   *page // the page that must be validated; nil: none
}

// serve answers one request.
func (c *Cache) serve(mc middleware.Context, next middleware.Handler) error {
	r := mc.Request()
	ctx := r.Context()
	h, own := host.Of(ctx)
	nestedIn := ctx.Value(recordingKey{})
	_, nested := nestedIn.(*handlerContext)
	q := call{cache: c, mc: mc, next: next, req: r, host: h, own: own}
	switch {
	case h == nil:
		return next(mc)
	case !safe(r.Method):
		return q.serveUnsafe()
	case nested, // an outer cache keeps the response
		r.Method != http.MethodGet && r.Method != http.MethodHead:
		return next(mc)
	}
	var why reason
	if c.cfg.RFC {
		q.control = requestDirectives(r.Header)
		why = q.notCacheable()
	} else {
		why = c.bypass(r)
	}
	if why != "" {
		return q.pass(bypassed(why))
	}
	var buf [512]byte
	key := c.appendKey(buf[:0], r)
	if len(key) > maxKey {
		return q.pass(bypassed("the key is too long"))
	}
	q.base = string(key)
	q.key = q.base
	if again, ok := nestedIn.(*refresh); ok && again.cache == c {
		slow := q
		return slow.serveRefresh(again)
	}
	if c.cfg.Keys.Session && opened(ctx) { // an outer middleware has read the session, and may pass its values on to the handler
		if why := q.extendKey([]string{wholeSession}); why != "" {
			return q.pass(bypassed(why))
		}
	}
	if done, err := q.replay(ctx); done {
		return err
	}
	slow := q // a load may keep slow, so it is on the heap; q stays on the stack
	return slow.answer(ctx)
}

// pass lets the handler answer the unchanged request.
func (q *call) pass(f forward) error {
	q.cache.counts.forwarded(f)
	q.host.Writer(q.own).Header().Add("Cache-Status", f.String())
	return q.next(q.mc)
}

// replay answers from the cache, and reports whether it could. It passes q to nothing that
// keeps it, so that a hit does not allocate q.
func (q *call) replay(ctx context.Context) (done bool, err error) {
	for {
		q.stale = nil
		p, over, until, ok := q.find(ctx)
		if !ok {
			return false, nil
		}
		if p.why != "" && !over {
			return true, q.pass(missed(p.why))
		}
		if !q.cache.usable(ctx, p, over) {
			q.cache.dropPage(ctx, q.key, p)
			continue
		}
		served := &q.cache.counts.hits
		if over {
			served = &q.cache.counts.stale
		}
		switch q.use(p, over) {
		case renewed:
			_, _ = q.cache.pages.GetOrLoad(ctx, q.key, q.remake(p))
		case reused:
			_, _ = q.cache.pages.Get(ctx, q.key) // counts the hit
		case validated:
			q.stale = p
		}
		if followed, why := q.followMarker(p); why != "" {
			return true, q.pass(bypassed(why))
		} else if followed {
			continue
		}
		if q.stale != nil {
			return false, nil
		}
		served.Add(1)
		return true, p.replay(q.host.Writer(q.own), q.req, until)
	}
}

// answer answers a request that replay has not answered: by the handler, or with the
// response to another request.
func (q *call) answer(ctx context.Context) error {
	for attempts := 0; ; {
		if q.cache.cfg.RFC {
			if done, err := q.answerWithoutLoad(); done {
				return err
			}
		}
		if q.req.Method == http.MethodHead {
			return q.pass(missed("head"))
		}
		if attempts > 2 {
			return q.pass(missed("it changes too fast"))
		}
		p, done, err := q.miss(ctx)
		refused, _ := errors.AsType[*refusal](err)
		switch {
		case done:
			return err
		case err == nil && p.why != "":
			return q.pass(missed(p.why))
		case err == nil && !q.cache.usable(ctx, p, p.expired()):
			attempts++
		case err == nil && p.shared && q.use(p, p.expired()) == validated:
			return q.pass(missed("another request has the same response"))
		case err == nil:
			if followed, why := q.followMarker(p); why != "" {
				return q.pass(bypassed(why))
			} else if !followed {
				q.cache.counts.waited(p)
				return p.replay(q.host.Writer(q.own), q.req, p.made.Add(p.ttl))
			}
		case refused != nil && refused.why == "error" && q.stalePage() != nil:
			q.cache.counts.failSafe.Add(1)
			return q.stalePage().replay(q.host.Writer(q.own), q.req, time.Now())
		case refused != nil:
			return q.pass(missed(refused.why))
		case ctx.Err() != nil:
			q.cache.counts.refused.add("cancelled")
			return ctx.Err()
		case errors.Is(err, errAgain) && attempts < 1:
			attempts++ // this request may now be the one that others wait for
		case errors.Is(err, errAgain):
			return q.pass(missed("others have failed"))
		case errors.Is(err, errWaitedTooLong):
			return q.pass(missed("another request took too long"))
		default:
			return q.pass(missed(reason("the cache failed: " + err.Error())))
		}
		if done, err := q.replay(ctx); done {
			return err
		}
	}
}

// loadKey is the context key of the load function of a Refresh.
type loadKey struct{}

// loadFromContext is the cache's own load function. It calls the load function of a Refresh,
// which is in the context. Without one it fails: the response was dropped a moment ago, and
// no request makes it.
func loadFromContext(ctx context.Context, key string) (*page, error) {
	if load, ok := ctx.Value(loadKey{}).(func(context.Context, string) (*page, error)); ok {
		return load(ctx, key)
	}
	return nil, errAgain
}

// followMarker extends the key if p is a vary marker, and reports whether p is one, or why
// the key cannot be extended.
func (q *call) followMarker(p *page) (followed bool, why reason) {
	if p.varyOn == nil {
		return false, ""
	}
	if q.sessionDigest != "" || !slices.Contains(p.varyOn, wholeSession) { // responses per session are not counted: clients cannot invent sessions
		q.marker = p
	}
	return true, q.extendKey(p.varyOn)
}

// extendKey adds the facts in varyOn to the key, or returns why it cannot.
func (q *call) extendKey(varyOn []string) (why reason) {
	if slices.Contains(varyOn, wholeSession) && q.sessionDigest == "" {
		if q.sessionDigest, why = summary(q.req.Context()); why != "" {
			return why
		}
	}
	q.varyOn = varyOn
	q.key = q.derivedKey(varyOn)
	return ""
}

var (
	errAgain         = errors.New("respcache: the request that others waited for has failed")
	errWaitedTooLong = errors.New("respcache: waited too long for another request")
)

// fill is a load that waits for the request that makes its response.
type fill struct {
	ctx  context.Context // ends when no request waits any more
	done chan fillResult // has room for one
}

// fillResult is the result of a fill: a page or an error. Errors are not stored; a stale page
// is replayed instead of an error, if there is one.
type fillResult struct {
	page    *page
	tags    []string
	err     error
	notKept bool // page must not be stored
}

// result returns m as the result of a load, and sets its TTL and tags.
func (m fillResult) result(ctx context.Context) (*page, error) {
	if m.err != nil {
		return nil, m.err
	}
	l := cachedata.LoadingFrom(ctx)
	switch {
	case m.notKept:
		l.NoStore()
	case m.page.firstPage != nil:
		l.SetTTL(forever) // like a response, which it carries, it stays until it is evicted
	case m.page.varyOn != nil:
		l.SetTTL(varyMarkerTTL)
	case m.page.shared:
		l.SetTTL(max(m.page.remaining(), 1)) // it is kept when it is stale, to be validated
	default:
		l.SetTTL(m.page.ttl)
	}
	l.AddTags(m.tags...)
	return m.page, nil
}

// uncacheable returns the mark for a response that must not be shared.
func uncacheable(why reason) fillResult {
	return fillResult{page: &page{why: why, made: time.Now(), ttl: markTTL}, notKept: why == "write error" || why == "read error"}
}

// miss waits for the load of another request and returns its page. If there is no other
// request, this one runs the handler, and done is true.
func (q *call) miss(ctx context.Context) (p *page, done bool, err error) {
	type answer struct {
		page *page
		err  error
	}
	lead, left, got := make(chan *fill), make(chan struct{}), make(chan answer, 1)
	waitCtx, leave := context.WithCancel(ctx)
	defer leave()
	defer close(left)
	remake := q.remakeFromStore()
	go func() {
		load := func(ctx context.Context, key string) (*page, error) {
			if remake != nil && q.cache.replacesStale(ctx) {
				return remake(ctx, key)
			}
			f := &fill{ctx, make(chan fillResult, 1)}
			select {
			case lead <- f:
				return (<-f.done).result(ctx)
			case <-left: // the request that started this load has left, and others wait for the load
				return fillResult{err: errAgain}.result(ctx)
			}
		}
		get := func() (*page, error) { return q.cache.pages.GetOrLoad(waitCtx, q.key, load) }
		if q.stale != nil {
			get = func() (*page, error) {
				return q.cache.pages.Refresh(context.WithValue(waitCtx, loadKey{}, load), q.key)
			}
		}
		p, err := get()
		got <- answer{p, err}
	}()
	timeout := time.NewTimer(maxJoinWait)
	defer timeout.Stop()
	select {
	case f := <-lead:
		defer func() { <-got }() // so that a request that comes after this one finds the response
		return nil, true, q.runHandler(f, &q.cache.counts)
	case a := <-got:
		return a.page, false, a.err
	case <-timeout.C:
	}
	leave()
	a := <-got
	if a.err != nil && ctx.Err() == nil {
		a.err = errWaitedTooLong
	}
	return a.page, false, a.err
}

// runHandler runs the handler for this request and for those that wait for f. It counts the
// request in to.
func (q *call) runHandler(f *fill, to *counts) error {
	m := fillResult{err: errAgain} // this remains if the handler panics or is cancelled
	var published sync.Once
	fellBack := false
	defer func() {
		if fellBack {
			to.failSafe.Add(1)
		} else {
			to.handled(m)
		}
		published.Do(func() { f.done <- m })
	}()

	ctx, cancel := context.WithCancelCause(context.WithoutCancel(q.req.Context()))
	defer cancel(nil)
	endWith := func(ctx context.Context) (stop func() bool) {
		return context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	}
	stop := endWith(f.ctx)
	defer func() { stop() }()
	defer uses.Begin()()
	recording := &handlerContext{Watch: q.cache.reads.Watch(q.req.Context()), waitersCtx: ctx, loadCtx: f.ctx, requestCtx: q.req.Context()}
	visible := q.visible(recording)
	rec := q.cache.install(recording, q.host, q.own)
	if q.cache.cfg.RFC {
		rec.forwardReason, rec.stale, rec.fallback, rec.personal = q.forwardReason(), q.stale, q.stalePage(), personal(q.req)
	} else {
		rec.fallback = q.cache.stalePage(f.ctx)
	}
	rec.personalReason = func() reason { return q.personalReason(recording) }
	rec.releaseWaiters = func(why reason) {
		stop() // from now on the response is for this client alone
		stop = endWith(q.req.Context())
		published.Do(func() { f.done <- q.dropUnshared(uncacheable(why)) })
	}
	q.mc.SetRequest(visible)
	restore := q.hideQuery(visible)
	returned := false
	defer func() {
		q.mc.SetRequest(shown(q.mc.Request(), visible, q.req))
		restore()
		q.host.Install(q.own, rec.under)
		if p := rec.pageAfterPanic(); p != nil && !returned {
			fellBack = p == rec.fallback
			_ = rec.replayInstead(q, p, "") // the panic is more important than this error
		}
	}()

	err := q.next(q.mc)
	returned = true
	if rec.suppressed && rec.status == http.StatusNotModified && err != nil {
		m.err = &refusal{"error"}
		return errors.Join(err, rec.replayInstead(q, q.stale, ""))
	}
	if rec.suppressed && rec.status == http.StatusNotModified {
		p, why := rec.freshened(q.stale)
		if m = q.dropUnshared(uncacheable(why)); why == "" {
			m = q.store(recording, rec, p, "")
		}
		if cookies := rec.notModified["Set-Cookie"]; len(cookies) > 0 { // cookies of a 304 are for this client alone
			rec.outerHeader["Set-Cookie"] = cookies
		}
		return rec.replayInstead(q, p, freshStatus(rec.forwardReason, p))
	}
	if rec.failed(err) {
		m.err, fellBack = &refusal{"error"}, true
		return rec.replayInstead(q, rec.fallback, "")
	}
	switch p, why := rec.finish(); {
	case err != nil && recording.Err() != nil, why == "cancelled":
		// m stays errAgain: another request takes over
	case err != nil && rec.isServerError(err):
		m.err = &refusal{"error"}
	case err != nil:
		m = q.dropUnshared(uncacheable("error"))
	case p == nil && isFailure(rec.status):
		m.err = &refusal{why}
	default:
		m = q.dropUnshared(q.store(recording, rec, p, why))
	}
	if rec.why == "set-cookie" && !q.cache.cfg.RFC {
		q.cache.misplaced(q.req.Context())
	}
	return err
}

// hideQuery hides parameters that are not in the key from handlers that read the query by
// their framework, which may have parsed it before. restore shows them again.
func (q *call) hideQuery(visible *http.Request) (restore func()) {
	framework, ok := q.mc.(interface{ QueryParams() url.Values })
	if !ok || q.cache.query == nil {
		return func() {}
	}
	parsed := framework.QueryParams()
	clear(parsed)
	maps.Copy(parsed, visible.URL.Query())
	return func() {
		clear(parsed)
		maps.Copy(parsed, q.req.URL.Query())
	}
}

// store returns the page to store for the response p, or, if p is nil, the mark with why.
func (q *call) store(recording *handlerContext, rec *recorder, p *page, why reason) fillResult {
	if p == nil {
		return uncacheable(why)
	}
	varyOn, why := q.varyFacts(recording, rec)
	if why == "" {
		why = rec.applySettings(recording.loadCtx, p)
	}
	if why != "" {
		return uncacheable(why)
	}
	if slices.Contains(varyOn, wholeSession) && q.sessionDigest == "" {
		varyOn = []string{wholeSession} // the session comes first, so that other facts are bounded for each session
	}
	if missing := slices.DeleteFunc(varyOn, func(fact string) bool { return slices.Contains(q.varyOn, fact) }); len(missing) > 0 {
		return q.varyMarker(missing, recording, p)
	}
	if q.marker != nil && !q.marker.addVariant() {
		return uncacheable("too many kinds")
	}
	p.mustRevalidate = p.mustRevalidate || q.sessionDigest != "" // only a request of the visitor can make it again
	if why := recording.used.into(p); why != "" {
		m := uncacheable(why)
		m.notKept = true
		return m
	}
	switch {
	case q.cache.shared == nil:
	case q.sessionDigest != "":
		p.memoryOnly = "it is of one session"
	default:
		q.cache.shared.share(p)
	}
	return fillResult{page: p, tags: q.tags(p)}
}

// varyFacts returns the facts of the request, beside the key, on which a response depends.
func (q *call) varyFacts(recording *handlerContext, rec *recorder) (facts []string, why reason) {
	ctx := q.req.Context()
	if why := q.personalReason(recording); why != "" {
		return nil, why
	}
	if opened(ctx) {
		if why := q.sessionReason(ctx); why != "" {
			return nil, why
		}
		facts = append(facts, wholeSession)
	}
	if recording.Saw(scope.Query) && q.cache.query != nil {
		facts = append(facts, wholeQuery)
	}
	if info, ok := scope.HeldIn(ctx, scope.Info).(visit.Shaper); ok {
		shaped, _ := info.Shape()
		for _, name := range shaped {
			if name == "*" || slices.Contains(unkeyable, name) {
				return nil, reason("header " + name + " was read")
			}
			if !slices.Contains(q.cache.headers, name) {
				facts = append(facts, name)
			}
		}
	}
	if q.cache.cfg.RFC {
		by, why := selecting(rec.vary, rec.outerHeader, rec.header)
		return append(facts, by...), why
	}
	return facts, q.cache.varies(rec.vary, rec.outerHeader, rec.header, facts)
}

// personalReason returns why a response is for one visitor only, by what its handler has read
// so far, or "".
func (q *call) personalReason(recording *handlerContext) reason {
	ctx := q.req.Context()
	if !q.cache.cfg.Keys.Session && opened(ctx) {
		return "the session was read"
	}
	if recording.Saw(scope.Declared) {
		return "the visitor was read"
	}
	if keys := recording.Keys(); len(keys) > 0 {
		return reason("the visitor was read: " + keys[0])
	}
	if info, ok := scope.HeldIn(ctx, scope.Info).(visit.Shaper); ok {
		if _, personal := info.Shape(); personal {
			return "the visitor's address or cookies were read"
		}
	}
	return ""
}

// sessionReason returns why a response whose handler has read the session cannot be stored
// for that session, or "".
func (q *call) sessionReason(ctx context.Context) reason {
	sum, why := summary(ctx)
	if why == "" && q.sessionDigest != "" && sum != q.sessionDigest {
		why = "the session was changed"
	}
	return why
}

// varyMarker returns a vary marker for responses that depend on missing too. Later requests
// follow it and store responses under the extended keys. In a shared cache, which hides
// nothing from the handler, the marker carries the first of these responses, p.
func (q *call) varyMarker(missing []string, recording *handlerContext, p *page) fillResult {
	varyOn := slices.Concat(q.varyOn, missing)
	slices.Sort(varyOn)
	if len(varyOn) > maxVaryFacts {
		return uncacheable("it depends on too much")
	}
	marker := &page{varyOn: slices.Compact(varyOn), ttl: q.cache.cfg.TTL}
	if !q.cache.cfg.RFC {
		return fillResult{page: marker}
	}
	if why := recording.used.into(p); why != "" {
		return fillResult{page: marker}
	}
	marker.firstPage, marker.firstKey = p, q.derivedKey(marker.varyOn)
	return fillResult{page: marker, tags: q.tags(p)}
}

// recordingKey is the context key that tells inner caches that a response is being recorded
// (its value is a [*handlerContext]), or that a request is a [refresh].
type recordingKey struct{}

// handlerContext is the context of a handler whose response is recorded. It has the values of
// the request, records which of the visitor's values are read, and ends when no request waits
// any more.
type handlerContext struct {
	*visit.Watch
	waitersCtx context.Context // ends when no request waits
	loadCtx    context.Context
	requestCtx context.Context // the request's own

	used usedResults
}

// Done implements context.Context.
func (c *handlerContext) Done() <-chan struct{} { return c.waitersCtx.Done() }

// Deadline implements context.Context. There is none, because other requests may wait for
// longer than this one.
func (c *handlerContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err implements context.Context. If the request's own context has ended, it returns that
// error.
func (c *handlerContext) Err() error {
	if c.waitersCtx.Err() == nil {
		return nil
	}
	if err := c.requestCtx.Err(); err != nil {
		return err
	}
	return c.waitersCtx.Err()
}

// Value implements context.Context.
func (c *handlerContext) Value(key any) any {
	switch key.(type) {
	case recordingKey:
		return c
	case uses.RecorderKey:
		return &c.used
	case uses.LoadingKey: // a handler uses cachedata.LoadingFrom for its response
		return c.loadCtx.Value(key)
	}
	if visit.Cancels(key) {
		return c.waitersCtx.Value(key)
	}
	return c.Watch.Value(key)
}
