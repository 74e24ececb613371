package respcache

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/reecho-go/reecho/cachedata"
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
	case err == nil || r.sent:
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

// instead replays the spare page in the place of an error.
func (r *recorder) instead(q *call) error {
	h := r.under.Header()
	clear(h)
	maps.Copy(h, r.before)
	q.host.Install(q.own, r.under)
	return r.spare.replay(q.host.Writer(q.own), q.r, r.spare.made.Add(min(r.spare.ttl, time.Since(r.spare.made))))
}

// refreshKey is the context key of a [refresh].
type refreshKey struct{}

// refresh is a load in the background, whose response a request of its own makes.
type refresh struct {
	cache *Cache
	fill  *fill
	key   string
	post  *page
	more  []string
}

// refresh answers a request that was made for one.
func (q *call) refresh(again *refresh) error {
	q.post, q.more, q.key = again.post, again.more, again.key
	return q.lead(again.fill, new(counts)) // it is no request of a client
}

// again returns the load that makes the response of q's key again, in the background:
// by a request of its own, since that of q is over by then.
func (q *call) again() func(context.Context, string) (*page, error) {
	server := host.Server(q.r.Context())
	r := q.r.Clone(context.Background()) // nothing of q's may be used later
	r.Body, r.ContentLength = http.NoBody, 0
	cache, key, post, more := q.cache, q.key, q.post, q.more
	return func(load context.Context, _ string) (*page, error) {
		f := &fill{ctx: load, done: make(chan made, 1)}
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), refreshKey{}, &refresh{cache, f, key, post, more}))
		defer cancel()
		defer context.AfterFunc(load, cancel)()
		_ = panics.Catch(func() error { // it is answered in m, and nobody else waits
			server.ServeHTTP(make(unread), r.WithContext(ctx))
			return nil
		})
		select {
		case m := <-f.done:
			return m.result(load)
		default: // it has not come as far as to the cache
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
