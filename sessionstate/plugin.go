package sessionstate

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/reecho-go/reecho/internal/host"
	"github.com/reecho-go/reecho/internal/problem"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
)

var (
	_ middleware.Starter   = (*Manager)(nil)
	_ middleware.Beginner  = (*Manager)(nil)
	_ middleware.Ender     = (*Manager)(nil)
	_ middleware.Committer = (*Manager)(nil)
	_ middleware.OnDemand  = (*Manager)(nil)
	_ middleware.Closer    = (*Manager)(nil)
)

// Begin makes the Manager available to the request. It allocates nothing.
func (m *Manager) Begin(c middleware.Context) error {
	ctx := c.Request().Context()
	if _, again := m.peek(ctx); !again { // an outer Stack may have the Manager too, with its State in use
		scope.Fill(ctx, scope.Session, &m.begun)
	}
	return nil
}

// End drops the changes of a handler that panicked, and ends what it destroyed.
func (m *Manager) End(c middleware.Context, err error) error {
	ctx := c.Request().Context()
	s, ok := m.peek(ctx)
	if !ok {
		return err
	}
	if _, panicked := errors.AsType[*observe.PanicError](err); panicked {
		s.panicked(ctx)
	}
	s.releaseScopes()
	return err
}

// BeforeHeaders saves the session of the request and sets its cookies.
func (m *Manager) BeforeHeaders(ctx context.Context, status int, h http.Header) error {
	if s, ok := m.peek(ctx); ok {
		return s.commit(ctx, status, h)
	}
	return nil
}

// CommitOnDemand says that responses of requests that never use the session
// need no commit.
func (*Manager) CommitOnDemand() {}

// guard is a plugin that stands before handlers which use the session.
type guard struct {
	name string
	wrap func(next middleware.Handler) middleware.Handler
}

var _ middleware.Wrapper = (*guard)(nil)

// Name implements middleware.Plugin.
func (g *guard) Name() string { return g.name }

// Wrap implements middleware.Wrapper.
func (g *guard) Wrap(next middleware.Handler) middleware.Handler { return g.wrap(next) }

// guard makes a plugin from a function that runs between the Manager and the handlers.
func (m *Manager) guard(name string, do func(c middleware.Context, s *State, next middleware.Handler) error) middleware.Plugin {
	return &guard{m.Name() + "." + name, func(next middleware.Handler) middleware.Handler {
		return func(c middleware.Context) error {
			s, _ := m.of(c.Request().Context()) // nil: the request has no session of m
			return do(c, s, next)
		}
	}}
}

// CSRF returns a plugin that answers 403 to every request that could change
// something (any method but GET, HEAD, OPTIONS and TRACE) unless it carries a
// token of [State.CSRFToken] for its own session, in the header X-Csrf-Token or
// the form field csrf_token of the body: a token in the query is not looked at,
// since addresses end up in logs and in other sites' Referer. No other header of
// the request, such as Sec-Fetch-Site, replaces the token. Put it behind the
// Manager, in the same Stack or as a middleware of a group or route: before or
// without that, every such request fails with [ErrNoSession], and the observer is
// told once. A form that cannot be read is a 400 or 413, as for [Bind].
func (m *Manager) CSRF() middleware.Plugin {
	return m.guard("csrf", func(c middleware.Context, s *State, next middleware.Handler) error {
		r := c.Request()
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
			return next(c)
		}
		if s == nil {
			m.misplaced.Do(func() {
				m.notify(r.Context(), "Manager.CSRF refuses all requests that could change something, since it has no session: put it behind the Manager, or behind a Stack with the Manager in it")
			})
			return ErrNoSession
		}
		token := r.Header.Get(csrfHeader)
		if token == "" {
			if err := readForm(r); err != nil {
				return err
			}
			token = r.PostForm.Get(csrfField)
		}
		if err := s.VerifyCSRF(token); err != nil {
			return err
		}
		return next(c)
	})
}

// Bind sets the keys of fields to what the request's form has for them, all or
// none: from the body, or, for GET and HEAD, from the query. OnChange functions
// run before it returns, so the rest of the handler sees what they made of it;
// an error of one takes all fields back. Check the CSRF token first
// ([Manager.CSRF]). Errors: a *[BindError] that names every fault, a 400; those
// of [Key.Set]; and a 400 or 413 for a form that cannot be read.
func Bind(s *State, c middleware.Context, fields ...Field) error {
	r := c.Request()
	if err := readForm(r); err != nil {
		return err
	}
	form := r.PostForm
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		form = r.URL.Query()
	case r.MultipartForm != nil:
		form = r.MultipartForm.Value
	}
	return s.bind(form, fields)
}

// maxFormMemory is how much of a multipart form is kept in memory, as in echo
// and net/http; files beyond it go to disk.
const maxFormMemory = 32 << 20

// readForm reads the form of the request's body. The error is a 400 or 413, or
// one by which a middleware, such as one that limits bodies, has answered.
func readForm(r *http.Request) error {
	var err error
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		err = r.ParseMultipartForm(maxFormMemory)
	} else {
		err = r.ParseForm()
	}
	if err == nil {
		return nil
	}
	refusal := &problem.RefusalError{Who: "sessionstate", Status: http.StatusBadRequest, Detail: "The form cannot be read.", Cause: err}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		refusal.Status, refusal.Detail = http.StatusRequestEntityTooLarge, "The form is too large."
	} else if h, _ := host.Of(r.Context()); h != nil && h.FrameworkError(err) != nil {
		return err
	}
	return refusal
}

// Bind returns a plugin that does [Bind] before the handler runs, as Streamlit
// sets its widgets' keys before the script. Put it behind the Manager, and behind
// [Manager.CSRF].
func (m *Manager) Bind(fields ...Field) middleware.Plugin {
	return m.guard("bind", func(c middleware.Context, s *State, next middleware.Handler) error {
		if s == nil {
			return ErrNoSession
		}
		if err := Bind(s, c, fields...); err != nil {
			return err
		}
		return next(c)
	})
}

// Tab returns the name of the browser tab that sent the request: the header
// X-Tab-Id, or the form field or query parameter "tab". A tab that gives
// none, or none made of up to 36 letters, digits, "-" and "_", is a new one and
// gets a random name: put that into the page, as a hidden input, in its links, or
// in sessionStorage for a script that sends the header. Without it a reload
// starts anew, as in Streamlit. Keys have values per tab by [Key.In].
func Tab(c middleware.Context) string {
	r := c.Request()
	if name, ok := r.Context().Value(tabKey{}).(string); ok {
		return name
	}
	name := r.Header.Get(tabHeader)
	if name == "" {
		name = r.FormValue(tabField)
	}
	if !isTabName(name) {
		name = newTabName()
		visit.Note(r.Context(), "the name of a new tab")
	}
	c.SetRequest(r.WithContext(context.WithValue(r.Context(), tabKey{}, name))) // a new tab keeps its name for the whole request
	return name
}

// tabKey is the context key of the name of the tab.
type tabKey struct{}

// From returns the session of the request. It is lazy: neither cookie nor store
// is touched before the first use. It is never nil and never panics. Where no
// Manager is in front of the route, and in a load whose result all visitors
// share, every key reads its default, every change fails, [State.Err] says so
// with [ErrNoSession] or the error of [FromContext], and the first use is logged
// by slog.Default.
func From(c middleware.Context) *State { return fromRequest(c.Request()) }
