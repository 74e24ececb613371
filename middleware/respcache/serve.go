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
	cache *Cache
	mc    middleware.Context
	next  middleware.Handler
	r     *http.Request
	host  host.Host
	own   host.Context
	base  string   // the key of the request
	key   string   // base, and the further facts on which the response depends
	post  *page    // the signpost that has led to key, if any
	more  []string // the further facts in key
	sum   string   // the digest of the session, if the session is one of them

	// Of a shared cache:

	asked asked
	old   *page // the page that must be validated; nil: none
}

// serve answers one request.
func (c *Cache) serve(mc middleware.Context, next middleware.Handler) error {
	r := mc.Request()
	ctx := r.Context()
	h, own := host.Of(ctx)
	outer := ctx.Value(outerKey{})
	_, recorded := outer.(*recorded)
	q := call{cache: c, mc: mc, next: next, r: r, host: h, own: own}
	switch {
	case h == nil:
		return next(mc)
	case !safe(r.Method):
		return q.change()
	case recorded, // an outer cache keeps the response
		r.Method != http.MethodGet && r.Method != http.MethodHead:
		return next(mc)
	}
	var why reason
	if c.cfg.RFC {
		q.asked = requestDirectives(r.Header)
		why = q.cannot()
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
	if again, ok := outer.(*refresh); ok && again.cache == c {
		slow := q
		return slow.refresh(again)
	}
	if c.cfg.Keys.Session && opened(ctx) { // an outer middleware has read the session, and may pass on what it says
		if why := q.deepen([]string{wholeSession}); why != "" {
			return q.pass(bypassed(why))
		}
	}
	if done, err := q.replay(ctx); done {
		return err
	}
	slow := q // a load may keep slow, so it is on the heap; q stays on the stack
	return slow.answer(ctx)
}

// pass lets the handler answer, with the request as it is.
func (q *call) pass(f forward) error {
	q.cache.counts.forwarded(f)
	q.host.Writer(q.own).Header().Add("Cache-Status", f.String())
	return q.next(q.mc)
}

// replay answers from the cache, and reports whether it could. It lets nothing keep q, so
// that a hit does not allocate it.
func (q *call) replay(ctx context.Context) (done bool, err error) {
	for {
		q.old = nil
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
			_, _ = q.cache.pages.GetOrLoad(ctx, q.key, q.again(p))
		case reused:
			_, _ = q.cache.pages.Get(ctx, q.key) // counts the hit
		case validated:
			q.old = p
		}
		if turned, why := q.turn(p); why != "" {
			return true, q.pass(bypassed(why))
		} else if turned {
			continue
		}
		if q.old != nil {
			return false, nil
		}
		served.Add(1)
		return true, p.replay(q.host.Writer(q.own), q.r, until)
	}
}

// answer answers a request that replay has not answered: by the handler, or with the
// response to another request.
func (q *call) answer(ctx context.Context) error {
	for again := 0; ; {
		if q.cache.cfg.RFC {
			if done, err := q.unmade(); done {
				return err
			}
		}
		if q.r.Method == http.MethodHead {
			return q.pass(missed("head"))
		}
		if again > 2 {
			return q.pass(missed("it changes too fast"))
		}
		p, done, err := q.miss(ctx)
		refused, _ := errors.AsType[*refusal](err)
		switch {
		case done:
			return err
		case err == nil && p.why != "":
			return q.pass(missed(p.why))
		case err == nil && !q.cache.usable(ctx, p, p.over()):
			again++
		case err == nil && p.shared && q.use(p, p.over()) == validated:
			return q.pass(missed("another request has the same response"))
		case err == nil:
			if turned, why := q.turn(p); why != "" {
				return q.pass(bypassed(why))
			} else if !turned {
				q.cache.counts.waited(p)
				return p.replay(q.host.Writer(q.own), q.r, p.made.Add(p.ttl))
			}
		case refused != nil && refused.why == "error" && q.spare() != nil:
			q.cache.counts.failSafe.Add(1)
			return q.spare().replay(q.host.Writer(q.own), q.r, time.Now())
		case refused != nil:
			return q.pass(missed(refused.why))
		case ctx.Err() != nil:
			q.cache.counts.refused.add("cancelled")
			return ctx.Err()
		case errors.Is(err, errAgain) && again < 1:
			again++ // this request may now be the one that others wait for
		case errors.Is(err, errAgain):
			return q.pass(missed("others have failed"))
		case errors.Is(err, errPatience):
			return q.pass(missed("another request took too long"))
		default:
			return q.pass(missed(reason("the cache failed: " + err.Error())))
		}
		if done, err := q.replay(ctx); done {
			return err
		}
	}
}

// makeKey is the context key of the load function of a Refresh.
type makeKey struct{}

// absent is the cache's own load function. Without the load function of a Refresh it fails:
// the response was there a moment ago, and no request makes it.
func absent(ctx context.Context, key string) (*page, error) {
	if load, ok := ctx.Value(makeKey{}).(func(context.Context, string) (*page, error)); ok {
		return load(ctx, key)
	}
	return nil, errAgain
}

// turn extends the key if p is a signpost, and reports whether it is, or why the key cannot
// be extended.
func (q *call) turn(p *page) (turned bool, why reason) {
	if p.more == nil {
		return false, ""
	}
	if q.sum != "" || !slices.Contains(p.more, wholeSession) { // responses per session are not counted: clients cannot invent sessions
		q.post = p
	}
	return true, q.deepen(p.more)
}

// deepen makes the facts in more part of the key, or returns why it cannot.
func (q *call) deepen(more []string) (why reason) {
	if slices.Contains(more, wholeSession) && q.sum == "" {
		if q.sum, why = summary(q.r.Context()); why != "" {
			return why
		}
	}
	q.more = more
	q.key = q.derived(more)
	return ""
}

var (
	errAgain    = errors.New("respcache: the request that others waited for has failed")
	errPatience = errors.New("respcache: waited too long for another request")
)

// fill is a load that waits for the request that makes its response.
type fill struct {
	ctx  context.Context // ends when no request waits any more
	done chan made       // has room for one
}

// made is the result of a fill: a page or an error. The error is not remembered, and an
// expired page is served instead of it if there is one.
type made struct {
	page *page
	tags []string
	err  error
	once bool // page must not be kept
}

// result returns m as the result of a load, and sets its TTL and tags.
func (m made) result(ctx context.Context) (*page, error) {
	if m.err != nil {
		return nil, m.err
	}
	l := cachedata.LoadingFrom(ctx)
	switch {
	case m.once:
		l.NoStore()
	case m.page.first != nil:
		l.SetTTL(forEver) // evicted like a response, because it carries one
	case m.page.more != nil:
		l.SetTTL(signposts)
	case m.page.shared:
		l.SetTTL(max(m.page.left(), 1)) // afterwards it is kept, to be validated
	default:
		l.SetTTL(m.page.ttl)
	}
	l.AddTags(m.tags...)
	return m.page, nil
}

// refused returns the mark for a response that must not be shared.
func refused(why reason) made {
	return made{page: &page{why: why, made: time.Now(), ttl: remembered}, once: why == "write error" || why == "read error"}
}

// miss waits for the load of another request and returns its page; or it becomes the request
// that runs the handler, and then done is true.
func (q *call) miss(ctx context.Context) (p *page, done bool, err error) {
	type answer struct {
		page *page
		err  error
	}
	lead, gone, got := make(chan *fill), make(chan struct{}), make(chan answer, 1)
	waits, leave := context.WithCancel(ctx)
	defer leave()
	defer close(gone)
	again := q.againFromStore()
	go func() {
		load := func(ctx context.Context, key string) (*page, error) {
			if again != nil && q.cache.renews(ctx) {
				return again(ctx, key)
			}
			f := &fill{ctx, make(chan made, 1)}
			select {
			case lead <- f:
				return (<-f.done).result(ctx)
			case <-gone: // the request of this load has left, and others wait for it
				return made{err: errAgain}.result(ctx)
			}
		}
		get := func() (*page, error) { return q.cache.pages.GetOrLoad(waits, q.key, load) }
		if q.old != nil {
			get = func() (*page, error) { return q.cache.pages.Refresh(context.WithValue(waits, makeKey{}, load), q.key) }
		}
		p, err := get()
		got <- answer{p, err}
	}()
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case f := <-lead:
		defer func() { <-got }() // a request that comes after this one finds the response
		return nil, true, q.lead(f, &q.cache.counts)
	case a := <-got:
		return a.page, false, a.err
	case <-enough.C:
	}
	leave()
	a := <-got
	if a.err != nil && ctx.Err() == nil {
		a.err = errPatience
	}
	return a.page, false, a.err
}

// lead runs the handler for this request and for those that wait for f. It counts the
// request in to.
func (q *call) lead(f *fill, to *counts) error {
	m := made{err: errAgain} // stays if the handler panics or is cancelled
	var known sync.Once
	spared := false
	defer func() {
		if spared {
			to.failSafe.Add(1)
		} else {
			to.handled(m)
		}
		known.Do(func() { f.done <- m })
	}()

	ctx, cancel := context.WithCancelCause(context.WithoutCancel(q.r.Context()))
	defer cancel(nil)
	endWith := func(ctx context.Context) (stop func() bool) {
		return context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	}
	stop := endWith(f.ctx)
	defer func() { stop() }()
	defer uses.Begin()()
	seen := &recorded{Watch: q.cache.reads.Watch(q.r.Context()), base: ctx, load: f.ctx, own: q.r.Context()}
	visible := q.visible(seen)
	rec := q.cache.install(seen, q.host, q.own)
	if q.cache.cfg.RFC {
		rec.how, rec.old, rec.spare, rec.personal = q.how(), q.old, q.spare(), personal(q.r)
	} else {
		rec.spare = q.cache.spare(f.ctx)
	}
	rec.read = func() reason { return q.personal(seen) }
	rec.vain = func(why reason) {
		stop() // from now on the response is for this client alone
		stop = endWith(q.r.Context())
		known.Do(func() { f.done <- q.unshared(refused(why)) })
	}
	q.mc.SetRequest(visible)
	restore := q.hideQuery(visible)
	returned := false
	defer func() {
		q.mc.SetRequest(shown(q.mc.Request(), visible, q.r))
		restore()
		q.host.Install(q.own, rec.under)
		if p := rec.unanswered(); p != nil && !returned {
			spared = p == rec.spare
			_ = rec.instead(q, p, "") // the panic matters more than this error
		}
	}()

	err := q.next(q.mc)
	returned = true
	if rec.held && rec.status == http.StatusNotModified && err != nil {
		m.err = &refusal{"error"}
		return errors.Join(err, rec.instead(q, q.old, ""))
	}
	if rec.held && rec.status == http.StatusNotModified {
		p, why := rec.freshened(q.old)
		if m = q.unshared(refused(why)); why == "" {
			m = q.made(seen, rec, p, "")
		}
		if cookies := rec.told["Set-Cookie"]; len(cookies) > 0 { // cookies of a 304 are for this client alone
			rec.before["Set-Cookie"] = cookies
		}
		return rec.instead(q, p, freshStatus(rec.how, p))
	}
	if rec.failed(err) {
		m.err, spared = &refusal{"error"}, true
		return rec.instead(q, rec.spare, "")
	}
	switch p, why := rec.finish(); {
	case err != nil && seen.Err() != nil, why == "cancelled":
		// m stays errAgain: another request takes over
	case err != nil && rec.fault(err):
		m.err = &refusal{"error"}
	case err != nil:
		m = q.unshared(refused("error"))
	case p == nil && isFailure(rec.status):
		m.err = &refusal{why}
	default:
		m = q.unshared(q.made(seen, rec, p, why))
	}
	if rec.why == "set-cookie" && !q.cache.cfg.RFC {
		q.cache.misplaced(q.r.Context())
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
		maps.Copy(parsed, q.r.URL.Query())
	}
}

// made returns the page to keep for the response p, or, if p is nil, the mark with why.
func (q *call) made(seen *recorded, rec *recorder, p *page, why reason) made {
	if p == nil {
		return refused(why)
	}
	more, why := q.depends(seen, rec)
	if why == "" {
		why = rec.said(seen.load, p)
	}
	if why != "" {
		return refused(why)
	}
	if slices.Contains(more, wholeSession) && q.sum == "" {
		more = []string{wholeSession} // the session comes first: then further facts are bounded for each session
	}
	if missing := slices.DeleteFunc(more, func(fact string) bool { return slices.Contains(q.more, fact) }); len(missing) > 0 {
		return q.signpost(missing, seen, p)
	}
	if q.post != nil && !q.post.another() {
		return refused("too many kinds")
	}
	p.strict = p.strict || q.sum != "" // only a request of the visitor can make it again
	if why := seen.parts.into(p); why != "" {
		m := refused(why)
		m.once = true
		return m
	}
	switch {
	case q.cache.shared == nil:
	case q.sum != "":
		p.only = "it is of one session"
	default:
		q.cache.shared.share(p)
	}
	return made{page: p, tags: q.tags(p)}
}

// depends returns the facts of the request, beyond the key, on which a response depends.
func (q *call) depends(seen *recorded, rec *recorder) (more []string, why reason) {
	ctx := q.r.Context()
	if why := q.personal(seen); why != "" {
		return nil, why
	}
	if opened(ctx) {
		if why := q.ofSession(ctx); why != "" {
			return nil, why
		}
		more = append(more, wholeSession)
	}
	if seen.Saw(scope.Query) && q.cache.query != nil {
		more = append(more, wholeQuery)
	}
	if info, ok := scope.HeldIn(ctx, scope.Info).(visit.Shaper); ok {
		shaped, _ := info.Shape()
		for _, name := range shaped {
			if name == "*" || slices.Contains(unkeyable, name) {
				return nil, reason("header " + name + " was read")
			}
			if !slices.Contains(q.cache.headers, name) {
				more = append(more, name)
			}
		}
	}
	if q.cache.cfg.RFC {
		by, why := selecting(rec.vary, rec.before, rec.header)
		return append(more, by...), why
	}
	return more, q.cache.varies(rec.vary, rec.before, rec.header, more)
}

// personal returns why a response is for the visitor alone, by what its handler has read so
// far, or "".
func (q *call) personal(seen *recorded) reason {
	ctx := q.r.Context()
	if !q.cache.cfg.Keys.Session && opened(ctx) {
		return "the session was read"
	}
	if seen.Saw(scope.Declared) {
		return "the visitor was read"
	}
	if keys := seen.Keys(); len(keys) > 0 {
		return reason("the visitor was read: " + keys[0])
	}
	if info, ok := scope.HeldIn(ctx, scope.Info).(visit.Shaper); ok {
		if _, personal := info.Shape(); personal {
			return "the visitor's address or cookies were read"
		}
	}
	return ""
}

// ofSession returns why a response whose handler has read the session cannot be kept for
// that session, or "".
func (q *call) ofSession(ctx context.Context) reason {
	sum, why := summary(ctx)
	if why == "" && q.sum != "" && sum != q.sum {
		why = "the session was changed"
	}
	return why
}

// signpost returns a signpost to responses that depend on missing too. Later requests follow
// it and make responses under the extended keys. In a shared cache, which hides nothing
// from the handler, the signpost carries the first of these responses, p.
func (q *call) signpost(missing []string, seen *recorded, p *page) made {
	more := slices.Concat(q.more, missing)
	slices.Sort(more)
	if len(more) > mostMore {
		return refused("it depends on too much")
	}
	post := &page{more: slices.Compact(more), ttl: q.cache.cfg.TTL}
	if !q.cache.cfg.RFC {
		return made{page: post}
	}
	if why := seen.parts.into(p); why != "" {
		return made{page: post}
	}
	post.first, post.firstKey = p, q.derived(post.more)
	return made{page: post, tags: q.tags(p)}
}

// outerKey is the context key by which inner caches find out that a response is being
// recorded (a [*recorded]), or that a request is a [refresh].
type outerKey struct{}

// recorded is the context of a handler whose response is recorded. It has the values of the
// request, notes reads of those that belong to the visitor, and ends when no request waits
// any more.
type recorded struct {
	*visit.Watch
	base context.Context // ends when no request waits
	load context.Context
	own  context.Context // the request's own

	parts ingredients
}

// Done implements context.Context.
func (c *recorded) Done() <-chan struct{} { return c.base.Done() }

// Deadline implements context.Context: others may wait for longer than the request.
func (c *recorded) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err implements context.Context. If the request's own context has ended, it returns that
// error.
func (c *recorded) Err() error {
	if c.base.Err() == nil {
		return nil
	}
	if err := c.own.Err(); err != nil {
		return err
	}
	return c.base.Err()
}

// Value implements context.Context.
func (c *recorded) Value(key any) any {
	switch key.(type) {
	case outerKey:
		return c
	case uses.RecorderKey:
		return &c.parts
	case uses.LoadingKey: // a handler uses cachedata.LoadingFrom for its response
		return c.load.Value(key)
	}
	if visit.Cancels(key) {
		return c.base.Value(key)
	}
	return c.Watch.Value(key)
}
