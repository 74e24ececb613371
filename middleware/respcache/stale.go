package respcache

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/host"
	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/internal/problem"
)

// isFailure reports whether a status says that the server has failed.
func isFailure(status int) bool {
	return status >= http.StatusInternalServerError && status != http.StatusNotImplemented
}

// spare returns the page that is replayed if the handler of a load fails, or nil.
func (c *Cache) spare(load context.Context) *page {
	if c.cfg.Stale.OnError == 0 {
		return nil
	}
	p, ok := cachedata.Old[*page](cachedata.LoadingFrom(load))
	if !ok || p.more != nil || p.why != "" || p.strict || !c.holds(load, p) {
		return nil
	}
	return p
}

// failed reports whether the handler has failed, and nothing was sent yet, so that
// the spare page can be.
func (r *recorder) failed(err error) bool {
	switch {
	case r.spare == nil:
		return false
	case r.held:
		return true
	case err == nil || r.sent || r.why == "hijack":
		return false
	}
	return r.fault(err)
}

// fault reports whether an error of the handler says that the server has failed; else
// it is an answer, such as that there is no such page.
func (r *recorder) fault(err error) bool {
	if pe, ours := problem.From(err); ours {
		return isFailure(pe.StatusCode())
	}
	if own := r.host.Own(err); own != nil {
		coded, ok := errors.AsType[interface {
			error
			StatusCode() int
		}](own)
		return !ok || isFailure(cmp.Or(coded.StatusCode(), http.StatusInternalServerError))
	}
	return true
}

// instead replays p in the place of what the handler has answered; status is that for
// Cache-Status, if it is not that of a hit.
func (r *recorder) instead(q *call, p *page, status string) error {
	h := r.under.Header()
	clear(h)
	maps.Copy(h, r.before)
	q.host.Install(q.own, r.under)
	w := q.host.Writer(q.own)
	if q.host.Committed(q.own) { // echo v4 takes what was held for sent
		left := p.status
		if p.shared && p.unchanged(q.r) {
			left = http.StatusNotModified
		}
		w = r.under
		q.host.Left(&commit.Run{Host: q.host, Own: q.own}, left)
	}
	if status == "" {
		status = p.hitStatus(min(p.left(), 0))
	}
	return p.replayAs(w, q.r, status, time.Since(p.made))
}

// refresh is a load in the background, whose response a request of its own makes.
type refresh struct {
	cache *Cache
	fill  *fill
	base  string // the key of its request
	came  bool   // it has come to the cache, with that key
	key   string
	post  *page
	more  []string
	old   *page // what it replaces, in a shared cache
}

// refresh answers a request that was made for one. What comes with another key than
// it should was led elsewhere, and is not answered.
func (q *call) refresh(again *refresh) error {
	if q.key != again.base || again.came {
		return nil
	}
	again.came = true
	q.post, q.more, q.key, q.old = again.post, again.more, again.key, again.old
	return q.lead(again.fill, new(counts)) // it is no request of a client
}

// again returns the load that makes the response of q's key again, in the background:
// by a request of its own, since that of q is over by then.
// In a shared cache it validates old.
func (q *call) again(old *page) func(context.Context, string) (*page, error) {
	server, came := host.Server(q.r.Context())
	base := context.WithoutCancel(came) // with the values that the request had there, of the server and of handlers further out
	r := q.r.Clone(base)                // nothing else of q's may be used later
	r.Body, r.ContentLength = http.NoBody, 0
	for _, name := range conditions {
		delete(r.Header, name) // they are about what that client has
	}
	again := refresh{cache: q.cache, base: q.base, key: q.key, post: q.post, more: q.more, old: old}
	ways := waysIn(r)
	return func(load context.Context, _ string) (*page, error) {
		f := &fill{ctx: load, done: make(chan made, 1)}
		own := again
		own.fill = f
		ctx, cancel := context.WithCancel(context.WithValue(base, outerKey{}, &own))
		defer cancel()
		defer context.AfterFunc(load, cancel)()
		for _, u := range ways {
			r := r.Clone(ctx)
			r.URL = u
			_ = panics.Catch(func() error { // it is answered in m, and nobody else waits
				server.ServeHTTP(make(unread), r)
				return nil
			})
			if own.came || ctx.Err() != nil {
				break
			}
		}
		select {
		case m := <-f.done:
			return m.result(load)
		default: // it has not come as far as to the cache
			return made{err: errAgain}.result(load)
		}
	}
}

// waysIn returns the URLs by which r may have come to the server: where it was changed
// on its way to the cache, first what the client has asked for.
func waysIn(r *http.Request) []*url.URL {
	here := *r.URL
	if sameURI(r, r.URL.EscapedPath()) {
		return []*url.URL{&here}
	}
	asked, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return []*url.URL{&here}
	}
	return []*url.URL{asked, &here}
}

// unread is a response that nobody reads.
type unread http.Header

// Header implements http.ResponseWriter.
func (u unread) Header() http.Header { return http.Header(u) }

// Write implements http.ResponseWriter.
func (unread) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements http.ResponseWriter.
func (unread) WriteHeader(int) {}
