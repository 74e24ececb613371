package respcache

import (
	"bufio"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/host"
	"github.com/reecho-go/reecho/internal/uses"
)

// recorder sends a response to its client at once, and keeps a copy of it. Its methods
// follow the rules of http.ResponseWriter.
type recorder struct {
	under http.ResponseWriter
	cache *Cache
	host  host.Host
	ctx   context.Context // of the handler; it ends when nobody waits for the response

	personalReason func() reason    // returns why the response belongs to one visitor, by what the handler has read so far, or ""; may be nil
	releaseWaiters func(why reason) // tells waiting requests that they cannot get the response; nil: it was called, or none wait
	forwardReason  string           // why the handler is called, for Cache-Status
	outerHeader    http.Header      // the headers of outer middlewares
	invalidate     func()           // drops the responses that an unsafe method has changed; nil: none
	fallback       *page            // the page that is replayed instead of an error; nil: none
	suppressed     bool             // the response is not sent, because another one replaces it
	sent           bool
	clientGone     bool   // the client has gone, and other requests wait
	why            reason // why the response cannot be stored
	status         int
	contentLength  int64 // Content-Length of the handler; -1: none
	ttl            time.Duration
	maxTTL         time.Duration // the longest TTL that the headers allow
	fields         []field
	vary           []string    // Vary of the handler
	header         http.Header // a copy of the final headers, with canonical names
	body           []byte

	// Of a shared cache:

	stale          *page     // the page that is validated: a 304 updates it, and is not for the client; nil: none
	personal       bool      // the request identifies its visitor
	calledAt       time.Time // when the handler was called
	generatedAt    time.Time // when the response was made at its origin
	mustRevalidate bool
	terms          terms
	notModified    http.Header // the headers of a 304
}

var (
	_ http.Flusher    = (*recorder)(nil)
	_ http.Hijacker   = (*recorder)(nil)
	_ http.Pusher     = (*recorder)(nil)
	_ io.ReaderFrom   = (*recorder)(nil)
	_ io.StringWriter = (*recorder)(nil)
)

// install puts a recorder in the place of the response's writer.
func (c *Cache) install(ctx context.Context, h host.Host, own host.Context) *recorder {
	rec := &recorder{cache: c, host: h, ctx: ctx, forwardReason: "uri-miss", contentLength: -1, calledAt: time.Now()}
	rec.under = h.Install(own, rec)
	rec.outerHeader = maps.Clone(rec.under.Header())
	return rec
}

// refuse records why the response cannot be stored; the first reason counts.
func (r *recorder) refuse(why reason) {
	if r.why == "" && why != "" {
		r.why, r.body = why, nil
	}
}

// release releases the requests that wait for the response, if they cannot get it: the
// response may be a stream that goes on for long.
func (r *recorder) release() {
	if r.why == "" || r.releaseWaiters == nil || r.suppressed || r.sent && isFailure(r.status) {
		return
	}
	r.releaseWaiters(r.why)
	r.releaseWaiters = nil
}

// Unwrap lets http.ResponseController reach what this writer does not handle.
func (r *recorder) Unwrap() http.ResponseWriter { return r.under }

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.under.Header() }

// WriteHeader implements http.ResponseWriter. Informational statuses pass.
func (r *recorder) WriteHeader(status int) {
	switch {
	case r.suppressed: // the client gets another response
		return
	case commit.Informational(status) || r.sent:
		r.under.WriteHeader(status)
		return
	}
	r.sent, r.status = true, status
	if r.fallback != nil && isFailure(status) {
		r.suppressed = true
		r.refuse("error")
		return
	}
	h := r.under.Header()
	if r.stale != nil && status == http.StatusNotModified {
		d, _ := responseDirectives(h)
		r.suppressed, r.notModified, r.fields = true, h.Clone(), sharedFields(r.outerHeader, h, d, time.Now())
		return
	}
	if status == http.StatusSwitchingProtocols {
		r.refuse("upgrade")
	}
	if r.invalidate != nil && status < 400 {
		r.invalidate() // before the client gets the answer
	}
	if r.personalReason != nil {
		r.refuse(r.personalReason())
	}
	var why reason
	named := canonicalNames(h)
	r.vary = ownVary(r.outerHeader, named)
	if r.cache.cfg.RFC {
		d, targeted := responseDirectives(named)
		r.ttl, why = r.admit(status, named, d, targeted)
		r.fields = sharedFields(r.outerHeader, h, d, time.Now())
	} else {
		r.ttl, why = r.cache.beforeSent(status, named)
		r.maxTTL, _ = lifetime(named, forever)
		r.fields = changes(r.outerHeader, h, isNeverStored)
	}
	r.refuse(why)
	if lengths := named["Content-Length"]; len(lengths) > 0 {
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil || int64(n) > r.cache.cfg.MaxBody { // it has 63 bits
			r.refuse("too large")
		}
		r.contentLength = int64(n) // the same
	}
	if r.why == "" && len(named["Cache-Control"]) == 0 && !r.cache.cfg.RFC {
		// Browsers ask again each time, and other caches keep nothing, so nobody
		// else serves a response that was dropped here.
		const control = "private, no-cache"
		h["Cache-Control"], named["Cache-Control"] = []string{control}, []string{control}
		r.fields = append(r.fields, field{name: "Cache-Control", values: []string{control}})
	}
	h.Add("Cache-Status", forward{r.forwardReason, r.why}.String())
	cacheControl := named["Cache-Control"]
	r.under.WriteHeader(status)
	r.committed(canonicalNames(h), cacheControl)
	r.release()
}

// committed checks the headers that plugins have added while the headers were sent.
func (r *recorder) committed(h http.Header, cacheControl []string) {
	if r.why != "" {
		return
	}
	switch {
	case r.cache.cfg.RFC: // headers that plugins have added are not stored
	case len(h["Set-Cookie"]) > 0:
		r.refuse("set-cookie")
	case len(h["Hx-Push-Url"]) > 0 || len(h["Hx-Replace-Url"]) > 0:
		r.refuse("the address was changed")
	}
	r.header = h.Clone()
	r.header["Cache-Control"] = cacheControl // without the directives that ctxinfo has added: Shape reports those too
	if r.contentLength > 0 {
		r.body = make([]byte, 0, r.contentLength)
	}
}

// ready sends the headers for a body that comes without a status.
func (r *recorder) ready() {
	if !r.sent {
		r.WriteHeader(r.host.ImpliedStatus(r.under))
	}
}

// keep keeps a part of the body.
func (r *recorder) keep(b []byte) {
	switch {
	case r.why != "" || !hasBody(r.status):
	case int64(len(r.body)+len(b)) > r.cache.cfg.MaxBody:
		r.refuse("too large")
		r.release()
	default:
		r.body = append(r.body, b...)
	}
}

// written records the result of sending want bytes, and returns the result for the handler.
// While other requests wait for the response, it hides errors of the connection from the
// handler.
func (r *recorder) written(n, want int, err error) (int, error) {
	if err == nil && n < want {
		err = io.ErrShortWrite
	}
	if err == nil {
		return n, nil
	}
	if r.why == "" && r.ctx.Err() == nil && !errors.Is(err, http.ErrContentLength) {
		r.clientGone = true
		return want, nil
	}
	r.refuse("write error")
	return n, err
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	r.ready()
	r.keep(b)
	if r.clientGone || r.suppressed {
		return r.dropWrite(len(b))
	}
	n, err := r.under.Write(b)
	return r.written(n, len(b), err)
}

// WriteString implements io.StringWriter.
func (r *recorder) WriteString(s string) (int, error) {
	r.ready()
	r.keep([]byte(s))
	if r.clientGone || r.suppressed {
		return r.dropWrite(len(s))
	}
	n, err := io.WriteString(r.under, s)
	return r.written(n, len(s), err)
}

// dropWrite returns the result of a write of n bytes that are not sent.
func (r *recorder) dropWrite(n int) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		r.refuse("cancelled")
		return 0, err
	}
	return n, nil
}

// ReadFrom implements io.ReaderFrom. A body that is not kept is sent by the server's fast
// way for files.
func (r *recorder) ReadFrom(src io.Reader) (n int64, err error) {
	for r.why == "" {
		buf := make([]byte, 32<<10)
		k, err := src.Read(buf)
		if k > 0 {
			m, gone := r.Write(buf[:k])
			n += int64(m)
			if gone != nil {
				return n, gone
			}
		}
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			r.refuse("read error")
			return n, err
		}
	}
	r.ready()
	to := io.Writer(r.under)
	if r.suppressed {
		to = io.Discard
	}
	copied, err := io.Copy(to, src)
	return n + copied, err
}

// Flush implements http.Flusher.
func (r *recorder) Flush() { _ = r.FlushError() }

// FlushError is called by http.ResponseController. A response that is flushed is sent in
// parts over time, so it is not stored.
func (r *recorder) FlushError() error {
	if !r.cache.cfg.RFC { // a proxy flushes every response without a length
		r.refuse("flush")
	}
	r.ready()
	r.release()
	if r.clientGone || r.suppressed {
		_, err := r.dropWrite(0)
		return err
	}
	return http.NewResponseController(r.under).Flush()
}

// Hijack implements http.Hijacker.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	r.refuse("hijack")
	r.release()
	return http.NewResponseController(r.under).Hijack()
}

// Push implements http.Pusher.
func (r *recorder) Push(target string, opts *http.PushOptions) error {
	if p, ok := r.under.(http.Pusher); ok {
		return p.Push(target, opts)
	}
	return http.ErrNotSupported
}

// finish returns the page of a handler that has returned without an error, or why
// there is none.
func (r *recorder) finish() (*page, reason) {
	switch {
	case r.why != "":
	case r.ctx.Err() != nil:
		r.refuse("cancelled")
	case !r.sent || len(r.body) == 0 && r.status == http.StatusOK && !r.cache.cfg.RFC:
		r.refuse("empty")
	case r.contentLength >= 0 && r.contentLength != int64(len(r.body)) && hasBody(r.status):
		r.refuse("content-length")
	case hasTrailer(r.under.Header()):
		r.refuse("trailer")
	}
	if r.why != "" {
		return nil, r.why
	}
	p := &page{status: r.status, fields: r.fields, body: r.body, made: time.Now(), ttl: r.ttl}
	if r.cache.cfg.RFC {
		r.markShared(p)
	}
	p.seal(r.header)
	return p, ""
}

// applySettings applies the settings of the handler, made by cachedata.LoadingFrom, to p. It
// returns why p must not be stored, or "".
func (r *recorder) applySettings(load context.Context, p *page) reason {
	var settings uses.LoadSettings
	if t, ok := load.Value(uses.LoadingKey{}).(uses.SettingsTaker); ok {
		settings = t.TakeSettings()
	}
	switch {
	case settings.NoStore, settings.HasTTL && settings.TTL <= 0:
		return "the handler has said so"
	case settings.HasTTL && !p.shared:
		p.ttl = min(settings.TTL, r.maxTTL)
	}
	return ""
}

// pageAfterPanic returns the page to replay after a panic of the handler, or nil. It is the
// stale page if the handler has answered 304 for it, or the fallback if nothing was sent.
func (r *recorder) pageAfterPanic() *page {
	switch {
	case r.suppressed && r.status == http.StatusNotModified:
		return r.stale
	case r.suppressed || !r.sent && r.why != "hijack":
		return r.fallback
	}
	return nil
}

func hasTrailer(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

// markShared makes p a page of a shared cache, with the terms that admit has set.
func (r *recorder) markShared(p *page) {
	p.shared, p.made, p.terms, p.mustRevalidate = true, r.generatedAt, r.terms, r.mustRevalidate
}
