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

// stalePage returns the page that is replayed if the handler of a load fails, or nil.
func (c *Cache) stalePage(load context.Context) *page {
	if c.cfg.Stale.OnError == 0 {
		return nil
	}
	p, ok := cachedata.Old[*page](cachedata.LoadingFrom(load))
	if !ok || p.varyOn != nil || p.why != "" || p.mustRevalidate || !c.holds(load, p) {
		return nil
	}
	return p
}

// failed reports whether the handler has failed and nothing was sent yet, so that the
// fallback can be sent.
func (r *recorder) failed(err error) bool {
	switch {
	case r.fallback == nil:
		return false
	case r.suppressed:
		return true
	case err == nil || r.sent || r.why == "hijack":
		return false
	}
	return r.isServerError(err)
}

// isServerError reports whether an error of the handler means that the server has failed.
// Other errors are ordinary responses, such as a 404.
func (r *recorder) isServerError(err error) bool {
	if pe, ours := problem.From(err); ours {
		return isFailure(pe.StatusCode())
	}
	if own := r.host.FrameworkError(err); own != nil {
		coded, ok := errors.AsType[interface {
			error
			StatusCode() int
		}](own)
		return !ok || isFailure(cmp.Or(coded.StatusCode(), http.StatusInternalServerError))
	}
	return true
}

// replayInstead replays p in place of the handler's response. cacheStatus is the Cache-Status;
// empty means that of a hit.
func (r *recorder) replayInstead(q *call, p *page, cacheStatus string) error {
	h := r.under.Header()
	clear(h)
	maps.Copy(h, r.outerHeader)
	q.host.Install(q.own, r.under)
	w := q.host.Writer(q.own)
	if q.host.Committed(q.own) { // echo v4 takes the suppressed response for sent
		status := p.status
		if p.shared && p.unchanged(q.req) {
			status = http.StatusNotModified
		}
		w = r.under
		q.host.StatusSent(&commit.Run{Host: q.host, Own: q.own}, status)
	}
	if cacheStatus == "" {
		cacheStatus = p.hitStatus(min(p.remaining(), 0))
	}
	return p.replayAs(w, q.req, cacheStatus, time.Since(p.made))
}

// refresh is a load in the background, for which a request of its own makes the response.
type refresh struct {
	cache   *Cache
	fill    *fill
	base    string // the key of its request
	arrived bool   // the request has reached the cache, with that key
	key     string
	marker  *page
	varyOn  []string
	stale   *page // the page that it validates, in a shared cache
}

// serveRefresh answers the request of a refresh. If the request arrives with another key, it
// was routed to another handler, and is not answered.
func (q *call) serveRefresh(task *refresh) error {
	if q.key != task.base || task.arrived {
		return nil
	}
	task.arrived = true
	q.marker, q.varyOn, q.key, q.stale = task.marker, task.varyOn, task.key, task.stale
	return q.runHandler(task.fill, new(counts)) // not counted: it is no request of a client
}

// remake returns the load function that makes the response of q's key again in the
// background, by a request of its own, because q's request is over by then. In a shared cache
// it validates old.
func (q *call) remake(old *page) func(context.Context, string) (*page, error) {
	server, serverCtx := host.Server(q.req.Context())
	base := context.WithoutCancel(serverCtx) // has the values of the server and of outer handlers
	r := q.req.Clone(base)                   // q must not be used later
	r.Body, r.ContentLength = http.NoBody, 0
	for _, name := range conditions {
		delete(r.Header, name) // they concern the copy that the client has
	}
	task := refresh{cache: q.cache, base: q.base, key: q.key, marker: q.marker, varyOn: q.varyOn, stale: old}
	urls := urlsOf(r)
	return func(load context.Context, _ string) (*page, error) {
		f := &fill{ctx: load, done: make(chan fillResult, 1)}
		own := task
		own.fill = f
		ctx, cancel := context.WithCancel(context.WithValue(base, recordingKey{}, &own))
		defer cancel()
		defer context.AfterFunc(load, cancel)()
		for _, u := range urls {
			r := r.Clone(ctx)
			r.URL = u
			_ = panics.Catch(func() error { // the result is in m, and no client waits
				server.ServeHTTP(make(discardWriter), r)
				return nil
			})
			if own.arrived || ctx.Err() != nil {
				break
			}
		}
		select {
		case m := <-f.done:
			return m.result(load)
		default: // the request has not reached the cache
			return fillResult{err: errAgain}.result(load)
		}
	}
}

// discardWriter is an http.ResponseWriter that discards the response.
type discardWriter http.Header

// Header implements http.ResponseWriter.
func (u discardWriter) Header() http.Header { return http.Header(u) }

// Write implements http.ResponseWriter.
func (discardWriter) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements http.ResponseWriter.
func (discardWriter) WriteHeader(int) {}
