package respcache

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
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

// failed reports whether the handler has failed and nothing was sent yet, so that the spare
// page can be sent.
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

// fault reports whether an error of the handler means that the server has failed. Other
// errors are answers, such as a 404.
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

// instead replays p in place of the handler's response. status is the Cache-Status; empty
// means that of a hit.
func (r *recorder) instead(q *call, p *page, status string) error {
	h := r.under.Header()
	clear(h)
	maps.Copy(h, r.before)
	q.host.Install(q.own, r.under)
	w := q.host.Writer(q.own)
	if q.host.Committed(q.own) { // echo v4 believes that the held response was sent
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

// refresh is a load in the background. A request of its own makes the response.
type refresh struct {
	cache *Cache
	fill  *fill
	base  string // the key of its request
	came  bool   // the request has reached the cache, with that key
	key   string
	post  *page
	more  []string
	old   *page // the page that it validates, in a shared cache
}

// refresh answers the request of a refresh. If the request arrives with another key, it was
// routed elsewhere, and is not answered.
func (q *call) refresh(again *refresh) error {
	if q.key != again.base || again.came {
		return nil
	}
	again.came = true
	q.post, q.more, q.key, q.old = again.post, again.more, again.key, again.old
	return q.lead(again.fill, new(counts)) // not counted: it is no request of a client
}

// again returns the load function that makes the response of q's key again in the
// background, by a request of its own, because that of q is over by then. In a shared cache
// it validates old.
func (q *call) again(old *page) func(context.Context, string) (*page, error) {
	server, came := host.Server(q.r.Context())
	base := context.WithoutCancel(came) // has the values of the server and of outer handlers
	r := q.r.Clone(base)                // q must not be used later
	r.Body, r.ContentLength = http.NoBody, 0
	for _, name := range conditions {
		delete(r.Header, name) // they are about the copy of that client
	}
	again := refresh{cache: q.cache, base: q.base, key: q.key, post: q.post, more: q.more, old: old}
	ways := urlsOf(r)
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
			_ = panics.Catch(func() error { // the result is in m, and no client waits
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
		default: // the request has not reached the cache
			return made{err: errAgain}.result(load)
		}
	}
}

// unread is a response that nobody reads.
type unread http.Header

// Header implements http.ResponseWriter.
func (u unread) Header() http.Header { return http.Header(u) }

// Write implements http.ResponseWriter.
func (unread) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements http.ResponseWriter.
func (unread) WriteHeader(int) {}
