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
	base  string   // the key of what all handlers see
	key   string   // that, and what else the response depends on
	post  *page    // the signpost that has led to it, if any
	more  []string // what the key has beyond that of the request
	sum   string   // of the session, if it is part of that

	// Of a shared cache:

	asked asked
	old   *page // what is there, and must be validated; nil: nothing
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
	case recorded, // a cache further out keeps the response
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
	if c.cfg.Keys.Session && opened(ctx) { // further out, and what was made of it is handed on
		if why := q.deepen([]string{wholeSession}); why != "" {
			return q.pass(bypassed(why))
		}
	}
	if done, err := q.replay(ctx); done {
		return err
	}
	slow := q // a load may keep it, so that it is not on the stack, as q is
	return slow.answer(ctx)
}

// pass lets the handler answer, with the request as it is.
func (q *call) pass(f forward) error {
	q.cache.counts.forwarded(f)
	q.host.Writer(q.own).Header().Add("Cache-Status", f.String())
	return q.next(q.mc)
}

// replay answers from the cache, if that can be done now. Nothing in it keeps q, so that
// a hit has none on the heap.
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
			_, _ = q.cache.pages.Get(ctx, q.key) // which counts
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

// answer answers what replay cannot: by the handler, or with what the handler answers
// another request.
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
			again++ // now it may be this one that the others wait for
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

// makeKey is the context key of what makes a page although there is one.
type makeKey struct{}

// absent is the load of a response that nobody makes: it has just been there.
func absent(ctx context.Context, key string) (*page, error) {
	if load, ok := ctx.Value(makeKey{}).(func(context.Context, string) (*page, error)); ok {
		return load(ctx, key)
	}
	return nil, errAgain
}

// turn follows p, if it is a signpost, and reports whether it is, or why it cannot.
func (q *call) turn(p *page) (turned bool, why reason) {
	if p.more == nil {
		return false, ""
	}
	if q.sum != "" || !slices.Contains(p.more, wholeSession) { // nobody can make up sessions as they can headers
		q.post = p
	}
	return true, q.deepen(p.more)
}

// deepen makes the facts in more part of the key, or says why that cannot be.
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
	ctx  context.Context // ends when nobody waits any more
	done chan made       // of one
}

// made is what a request has made of a fill: a page, or an error, which is not
// remembered, and instead of which an expired page is served if there is one.
type made struct {
	page *page
	tags []string
	err  error
	once bool // page is not to be kept
}

// result is what a load returns.
func (m made) result(ctx context.Context) (*page, error) {
	if m.err != nil {
		return nil, m.err
	}
	l := cachedata.LoadingFrom(ctx)
	switch {
	case m.once:
		l.NoStore()
	case m.page.first != nil:
		l.SetTTL(forEver) // it makes room for others, as it has a response with it
	case m.page.more != nil:
		l.SetTTL(signposts)
	case m.page.shared:
		l.SetTTL(max(m.page.left(), 1)) // then it is kept, to be validated
	default:
		l.SetTTL(m.page.ttl)
	}
	l.AddTags(m.tags...)
	return m.page, nil
}

// refused is what is made of a response that must not be shared.
func refused(why reason) made {
	return made{page: &page{why: why, made: time.Now(), ttl: remembered}, once: why == "write error" || why == "read error"}
}

// miss gets a page by the key's load, or makes it: then the request is done.
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
			case <-gone: // whose load this is has left, and others have come
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
		defer func() { <-got }() // what comes after this request finds the response
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

// lead runs the handler, for this request and for those that wait for f. to counts
// the request.
func (q *call) lead(f *fill, to *counts) error {
	m := made{err: errAgain} // unless the handler returns
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
		stop() // from now on it is for this client alone
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
			_ = rec.instead(q, p, "") // the panic says more
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
		if cookies := rec.told["Set-Cookie"]; len(cookies) > 0 { // they are for this client alone
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
		// another one may be luckier
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

// hideQuery hides what is not in the key from handlers that read the query by
// their framework, which may have parsed it before; restore shows it again.
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

// made says what is to be kept of a response that p is, or that cannot be stored.
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
		more = []string{wholeSession} // first: what comes of it is bounded for each session
	}
	if missing := slices.DeleteFunc(more, func(fact string) bool { return slices.Contains(q.more, fact) }); len(missing) > 0 {
		return q.signpost(missing, seen, p)
	}
	if q.post != nil && !q.post.another() {
		return refused("too many kinds")
	}
	p.strict = p.strict || q.sum != "" // a request that is not the visitor's own cannot make it again
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

// depends returns what of the request, beyond the key, a response depends on.
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

// personal returns why a response is the visitor's alone, by what its handler has read
// so far.
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

// ofSession returns why a response whose handler has read the session cannot be kept
// for that session.
func (q *call) ofSession(ctx context.Context) reason {
	sum, why := summary(ctx)
	if why == "" && q.sum != "" && sum != q.sum {
		why = "the session was changed"
	}
	return why
}

// signpost returns what leads to responses that depend on missing, too. They are
// made by the requests that follow it, under keys that say so from the start; that of
// a shared cache, from which nothing is hidden, brings with it the first of them, p.
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

// outerKey is the context key of what caches further in have to know: that a response
// is being recorded, by a [recorded]; or that a request is a [refresh].
type outerKey struct{}

// recorded is the context of a handler whose response is recorded: with the values
// of its request, of which it notes what is the visitor's, and ending when nobody
// waits any more.
type recorded struct {
	*visit.Watch
	base context.Context // that ends
	load context.Context
	own  context.Context // of the request

	parts ingredients
}

// Done implements context.Context.
func (c *recorded) Done() <-chan struct{} { return c.base.Done() }

// Deadline implements context.Context: others may wait for longer than the request.
func (c *recorded) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err implements context.Context. If the request had a time limit, that is what
// has ended it.
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
	case uses.LoadingKey: // a handler says of its response what a load says of its result
		return c.load.Value(key)
	}
	if visit.Cancels(key) {
		return c.base.Value(key)
	}
	return c.Watch.Value(key)
}
