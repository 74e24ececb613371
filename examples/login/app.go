package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/sessionstate"
)

// month is how long a visitor who asks for it stays logged in.
const month = 30 * 24 * time.Hour

// visits counts the pages that a session has seen. It is there before the
// login and stays when the session gets a new id.
var visits = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})

// A config is what main knows and the app needs.
type config struct {
	Insecure bool              // cookies go over plain http beyond localhost
	Accounts map[string]string // passwords by name
	Rounds   int               // of PBKDF2; 0: rounds
	Sessions place             // where sessions are kept; the zero value: in memory
}

// An app is an http.Handler that owns its sessions.
type app struct {
	*echo.Echo
	accounts *accounts
	sessions *sessionstate.Manager
	stack    *middleware.Stack
	keeping  keeping
	names    deviceNames
}

// newApp makes everything. The caller closes it.
func newApp(ctx context.Context, cfg config) (*app, error) {
	if cfg.Rounds == 0 {
		cfg.Rounds = rounds
	}
	a := &app{Echo: echo.New()}
	var err error
	if a.accounts, err = newAccounts(cfg.Accounts, cfg.Rounds); err != nil {
		return nil, err
	}
	// In server mode the sessions of a user can be listed and ended.
	if a.keeping, err = cfg.Sessions.open(); err != nil {
		return nil, err
	}
	a.names = deviceNames{a.keeping.store}
	a.sessions, err = sessionstate.New(sessionstate.Config{
		Secrets: a.keeping.secrets,
		Store:   a.keeping.store,
		Limits:  sessionstate.LimitConfig{PerUser: 10},
		Cookie:  sessionstate.CookieConfig{Insecure: cfg.Insecure},
	})
	if err == nil {
		// Errors become pages before the Stack sees them, which would answer them itself.
		a.stack, err = middleware.New(a.sessions, echov4.FromEcho("pages", errorPages), a.sessions.CSRF())
	}
	if err == nil {
		err = a.stack.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, a.keeping.close(ctx))
	}
	a.HTTPErrorHandler = handleError
	a.Use(echomw.Recover(), headers, echomw.BodyLimit("16K"), echov4.Middleware(a.stack))
	a.GET("/", a.home)
	a.GET(styleURL, style)
	a.POST("/login", a.login)
	a.POST("/logout", a.logout)
	a.POST("/end", a.end, loggedIn)
	a.POST("/end-others", a.endOthers, loggedIn)
	return a, nil
}

// Close ends what the app owns: the sessions, then their store.
func (a *app) Close(ctx context.Context) error {
	return errors.Join(a.stack.Close(ctx), a.keeping.close(ctx))
}

// headers keeps pages out of caches and out of other sites' frames. Without
// no-store the back button would show a page after its visitor has logged out.
func headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		return next(c)
	}
}

// loggedIn lets nobody else pass.
func loggedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if sessionstate.From(c).User() == "" {
			return c.Redirect(http.StatusSeeOther, "/")
		}
		return next(c)
	}
}

func (a *app) home(c echo.Context) error {
	if _, err := sessionstate.Incr(visits, sessionstate.From(c), 1); err != nil {
		return err
	}
	return a.show(c, http.StatusOK, view{})
}

func (a *app) login(c echo.Context) error {
	s, name, remember := sessionstate.From(c), c.FormValue("name"), c.FormValue("remember") != ""
	again := view{Name: name, Remember: remember}
	switch err := a.accounts.check(c.Request().Context(), name, c.FormValue("password")); {
	case errors.Is(err, errWrong):
		again.Wrong = "The name or the password is wrong. Check both and try again."
		return a.show(c, http.StatusUnauthorized, again)
	case err != nil:
		if e, ok := errors.AsType[tooManyError](err); ok {
			c.Response().Header().Set("Retry-After", strconv.Itoa(e.seconds()))
			again.Wrong = "There were too many attempts to log in with this name. Wait " + count(e.seconds(), "second", "seconds") + " and try again."
			return a.show(c, http.StatusTooManyRequests, again)
		}
		return err
	}
	// The session gets a new id: one that somebody has planted is worth nothing.
	var err error
	if remember {
		err = s.LoginFor(name, month)
	} else {
		err = s.Login(name)
	}
	if err == nil {
		err = a.nameDevice(c.Request().Context(), s, client.AgentOf(ctxinfo.From(c)))
	}
	if err != nil {
		return err
	}
	return a.back(c, "Welcome, "+name+".")
}

func (a *app) logout(c echo.Context) error {
	if err := sessionstate.From(c).Destroy(); err != nil {
		return err
	}
	return a.back(c, "You are logged out on this device.")
}

// end logs one device out.
func (a *app) end(c echo.Context) error {
	s, handle := sessionstate.From(c), c.FormValue("handle")
	if handle == s.Handle() {
		return a.logout(c)
	}
	found, err := a.sessions.Users().End(c.Request().Context(), s.User(), handle)
	if err != nil {
		return err
	}
	if !found {
		return a.back(c, "That device was logged out already.")
	}
	return a.back(c, "The device is logged out.")
}

// endOthers logs all other devices out.
func (a *app) endOthers(c echo.Context) error {
	s := sessionstate.From(c)
	n, err := a.sessions.Users().Revoke(c.Request().Context(), s.User(), s)
	if err != nil {
		return err
	}
	if n == 0 {
		return a.back(c, "You were logged in on no other device.")
	}
	return a.back(c, "You are logged out on "+count(n, "other device", "other devices")+".")
}

// count is a number of things in words.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// back sends the visitor to the page, with a message that is shown once.
func (a *app) back(c echo.Context, message string) error {
	if err := sessionstate.From(c).Flash("info", message); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/")
}

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// view is what the page shows: an error, the account of a user, or the form to
// log in with.
type view struct {
	Style    string // address of the style sheet
	Error    *errorView
	User     string
	Visits   int
	CSRF     string
	Name     string // as typed, when it is asked for again
	Remember bool   // as ticked
	Wrong    string // what is wrong with the login
	Messages []string
	Devices  []device
}

// Others says whether the user is logged in elsewhere too.
func (v view) Others() bool { return len(v.Devices) > 1 }

// show fills in what is known of the visitor and sends the page.
func (a *app) show(c echo.Context, status int, v view) error {
	s := sessionstate.From(c)
	v.Style, v.User, v.Visits = styleURL, s.User(), visits.Get(s)
	for f := range s.Flashes() {
		v.Messages = append(v.Messages, f.Text)
	}
	var err error
	if v.CSRF, err = s.CSRFToken(); err != nil {
		return err
	}
	if v.User != "" {
		if v.Devices, err = a.devices(c.Request().Context(), s); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return err
	}
	return c.HTMLBlob(status, b.Bytes())
}
