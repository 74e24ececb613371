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

// Unwrap lets http.ResponseController find the features that r does not have: deadlines and
// full duplex.
func (r *Run) Unwrap() http.ResponseWriter { return r.under }

// Header implements http.ResponseWriter.
func (r *Run) Header() http.Header { return r.under.Header() }

// WriteHeader commits, then sends the status. Informational statuses (1xx) do not commit. They
// are sent to the server's writer directly, because the framework or a middleware could take
// them for the final status. Status 101 ends the HTTP part of the connection, and commits.
//
// Only the first final status counts: a writer such as gzip delays it, and must not replace it
// by a second one, nor by a later informational one.
func (r *Run) WriteHeader(status int) {
	if Informational(status) {
		if !r.sent {
			innermost(r.under).WriteHeader(status)
		}
		return
	}
	if !r.commit(status, r.under.Header()) {
		_ = r.sendError() // the client is gone: nobody is left to tell
		return
	}
	if !r.sent {
		r.statusSent(status)
		r.under.WriteHeader(status)
	}
}

// Informational reports whether a final status will follow (RFC 9110, section
// 15.2). A number that is no status counts too: the server's writer panics for
// it.
func Informational(status int) bool {
	return status < http.StatusOK && status != http.StatusSwitchingProtocols || status > 999
}

// ready commits when a body is written without a call of WriteHeader, and reports whether the
// body may be sent.
func (r *Run) ready() bool {
	if r.state.Load() == done {
		return true
	}
	status := r.Host.ImpliedStatus(r.under)
	if !r.commit(status, r.under.Header()) {
		return false
	}
	if !r.sent { // an explicit status, because a writer that delays it could use an informational status instead
		r.statusSent(status)
		r.under.WriteHeader(status)
	}
	return true
}

// dropWrite returns the result of a write of n bytes after a hook has failed: they are
// dropped, and the handler is told that they were written.
func (r *Run) dropWrite(n int) (int, error) {
	if r.state.Load() == committing {
		return 0, errReentrant
	}
	return n, r.sendError()
}

// Write implements http.ResponseWriter.
func (r *Run) Write(b []byte) (int, error) {
	if !r.ready() {
		return r.dropWrite(len(b))
	}
	return r.under.Write(b)
}

// WriteString implements io.StringWriter.
func (r *Run) WriteString(s string) (int, error) {
	if !r.ready() {
		return r.dropWrite(len(s))
	}
	return io.WriteString(r.under, s)
}

// ReadFrom implements io.ReaderFrom, so that files are still sent by sendfile. If src has no
// bytes, it does not commit, like net/http: the handler may still answer with an error.
func (r *Run) ReadFrom(src io.Reader) (n int64, err error) {
	if !r.sent {
		first, k := make([]byte, 512), 0
		for k == 0 && err == nil {
			k, err = src.Read(first)
		}
		if k > 0 {
			if _, werr := r.Write(first[:k]); werr != nil {
				return 0, werr
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
	copied, err := io.Copy(rest, src)
	return n + copied, err
}

// Flush implements http.Flusher.
func (r *Run) Flush() { _ = r.FlushError() }

// FlushError is called by http.ResponseController.
func (r *Run) FlushError() error {
	if !r.ready() {
		if _, err := r.dropWrite(0); err != nil {
			return err
		}
	}
	return http.NewResponseController(r.under).Flush()
}

// Hijack implements http.Hijacker. The hooks get status 101. Headers that they set
// reach the client only if the handshake of the new protocol sends them. If neither the
// innermost writer nor one of the others can be hijacked, as with HTTP/2, Hijack does not
// commit.
func (r *Run) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if _, ok := innermost(r.under).(http.Hijacker); !ok {
		conn, buf, err := http.NewResponseController(r.under).Hijack()
		if err != nil {
			return nil, nil, err
		}
		if err := r.upgrade(); err != nil {
			_ = conn.Close() // the error of the hooks is the more useful one
			return nil, nil, err
		}
		return conn, buf, nil
	}
	if err := r.upgrade(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(r.under).Hijack()
}

// upgrade commits for a connection that is hijacked.
func (r *Run) upgrade() error {
	if r.commit(http.StatusSwitchingProtocols, r.under.Header()) {
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

// reach returns the outermost T among w and the writers that it wraps.
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

// innermost returns the last of w and the writers that it wraps.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}
