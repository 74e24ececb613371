package commit

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

var (
	_ http.ResponseWriter = (*Run)(nil)
	_ http.Flusher        = (*Run)(nil)
	_ http.Hijacker       = (*Run)(nil)
	_ http.Pusher         = (*Run)(nil)
	_ io.ReaderFrom       = (*Run)(nil)
	_ io.StringWriter     = (*Run)(nil)
)

// Unwrap lets http.ResponseController reach what this writer does not handle
// itself: deadlines and full duplex.
func (r *Run) Unwrap() http.ResponseWriter { return r.under }

// Header returns the header map that will be sent.
func (r *Run) Header() http.Header { return r.under.Header() }

// WriteHeader commits, then sends the status. Informational statuses (1xx)
// pass without a commit, and go to the server's writer, lest the framework or a
// middleware take them for the final one; 101 ends the HTTP part of the
// connection and commits.
// The first final status counts: a writer below that delays it, as gzip does,
// must not take a second one for it, nor an informational one that comes late.
func (r *Run) WriteHeader(status int) {
	if Informational(status) {
		if !r.sent {
			innermost(r.under).WriteHeader(status)
		}
		return
	}
	if !r.leave(status, r.under.Header()) {
		_ = r.sendError() // the client is gone: nobody is left to tell
		return
	}
	if !r.sent {
		r.left(status)
		r.under.WriteHeader(status)
	}
}

// Informational reports whether a final status will follow (RFC 9110, section
// 15.2). One that is no status counts too: the server's writer panics of it.
func Informational(status int) bool {
	return status < http.StatusOK && status != http.StatusSwitchingProtocols || status > 999
}

// ready commits for a body that comes without WriteHeader.
func (r *Run) ready() bool {
	if r.state.Load() == done {
		return true
	}
	status := r.Host.Implied(r.under)
	if !r.leave(status, r.under.Header()) {
		return false
	}
	if !r.sent { // said aloud, or an informational status that a writer below delays would count
		r.left(status)
		r.under.WriteHeader(status)
	}
	return true
}

// dropped answers a write of n bytes to a response that is not the handler's
// any more: to it, everything went well.
func (r *Run) dropped(n int) (int, error) {
	if r.state.Load() == committing {
		return 0, errReentrant
	}
	return n, r.sendError()
}

// Write implements http.ResponseWriter.
func (r *Run) Write(b []byte) (int, error) {
	if !r.ready() {
		return r.dropped(len(b))
	}
	return r.under.Write(b)
}

// WriteString implements io.StringWriter.
func (r *Run) WriteString(s string) (int, error) {
	if !r.ready() {
		return r.dropped(len(s))
	}
	return io.WriteString(r.under, s)
}

// ReadFrom implements io.ReaderFrom, so that files still go out by sendfile. A
// src that gives nothing commits nothing, as in net/http: the handler may still
// answer with what went wrong.
func (r *Run) ReadFrom(src io.Reader) (n int64, err error) {
	if !r.sent {
		first, k := make([]byte, 512), 0
		for k == 0 && err == nil {
			k, err = src.Read(first)
		}
		if k > 0 {
			if _, gone := r.Write(first[:k]); gone != nil {
				return 0, gone
			}
		}
		switch n = int64(k); {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
	}
	rest := io.Writer(r.under)
	if r.state.Load() == failed {
		rest = io.Discard
	}
	more, err := io.Copy(rest, src)
	return n + more, err
}

// Flush implements http.Flusher.
func (r *Run) Flush() { _ = r.FlushError() }

// FlushError is what http.ResponseController calls.
func (r *Run) FlushError() error {
	if !r.ready() {
		if _, err := r.dropped(0); err != nil {
			return err
		}
	}
	return http.NewResponseController(r.under).Flush()
}

// Hijack implements http.Hijacker. The hooks see status 101; headers they set
// reach the client only if the new protocol's handshake sends them. Where the
// innermost writer cannot be hijacked, as with HTTP/2, nothing is committed unless
// one further out can.
func (r *Run) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if _, ok := innermost(r.under).(http.Hijacker); !ok {
		conn, buf, err := http.NewResponseController(r.under).Hijack()
		if err != nil {
			return nil, nil, err
		}
		if err := r.upgrade(); err != nil {
			_ = conn.Close() // the hooks' error says more
			return nil, nil, err
		}
		return conn, buf, nil
	}
	if err := r.upgrade(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(r.under).Hijack()
}

// upgrade commits for a connection that is taken over.
func (r *Run) upgrade() error {
	if r.leave(http.StatusSwitchingProtocols, r.under.Header()) {
		return nil
	}
	if err := r.Err(); err != nil {
		return err
	}
	return errReentrant
}

// Push implements http.Pusher.
func (r *Run) Push(target string, opts *http.PushOptions) error {
	p, ok := reach[http.Pusher](r.under)
	if !ok {
		return http.ErrNotSupported
	}
	return p.Push(target, opts)
}

// reach returns the outermost T among w and what it wraps.
func reach[T any](w http.ResponseWriter) (T, bool) {
	for {
		if t, ok := w.(T); ok {
			return t, true
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			var none T
			return none, false
		}
		w = u.Unwrap()
	}
}

// innermost returns what w and the writers that it wraps write to in the end.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}
