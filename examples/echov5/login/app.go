// Code generated from login/app.go by the steps of docs/echo-v5.md. DO NOT EDIT.

package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v5"
	echomw "github.com/labstack/echo/v5/middleware"

	"github.com/reecho-go/reecho/echov5"
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
	a.sessions, err = sessionstate.New(sessionstate.Config{
		Secrets: a.keeping.secrets,
		Store:   a.keeping.store,
		Limits:  sessionstate.LimitConfig{PerUser: 10},
		Cookie:  sessionstate.CookieConfig{Insecure: cfg.Insecure},
	})
	if err == nil {
		a.stack, err = middleware.New(a.sessions)
	}
	if err == nil {
		err = a.stack.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, a.keeping.close(ctx))
	}
	a.Use(echomw.Recover(), headers, echov5.Middleware(a.stack), echomw.BodyLimit(16<<10), echov5.Use(a.sessions.CSRF()))
	a.GET("/", a.home)
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
	return func(c *echo.Context) error {
		h := c.Response().Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		return next(c)
	}
}

// loggedIn lets nobody else pass.
func loggedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		if sessionstate.From(c).User() == "" {
			return c.Redirect(http.StatusSeeOther, "/")
		}
		return next(c)
	}
}

func (a *app) home(c *echo.Context) error {
	if _, err := sessionstate.Incr(visits, sessionstate.From(c), 1); err != nil {
		return err
	}
	return a.show(c, http.StatusOK, "")
}

func (a *app) login(c *echo.Context) error {
	s, name := sessionstate.From(c), c.FormValue("name")
	switch err := a.accounts.check(c.Request().Context(), name, c.FormValue("password")); {
	case errors.Is(err, errWrong):
		return a.show(c, http.StatusUnauthorized, "The name or the password is wrong.")
	case err != nil:
		if e, ok := errors.AsType[tooManyError](err); ok {
			c.Response().Header().Set("Retry-After", strconv.Itoa(e.seconds()))
			return a.show(c, http.StatusTooManyRequests, fmt.Sprintf("Too many attempts. Wait %d seconds.", e.seconds()))
		}
		return err
	}
	// The session gets a new id: one that somebody has planted is worth nothing.
	var err error
	if c.FormValue("remember") != "" {
		err = s.LoginFor(name, month)
	} else {
		err = s.Login(name)
	}
	if err != nil {
		return err
	}
	return a.back(c, "Welcome, "+name+".")
}

func (a *app) logout(c *echo.Context) error {
	if err := sessionstate.From(c).Destroy(); err != nil {
		return err
	}
	return a.back(c, "You are logged out.")
}

// end logs one device out.
func (a *app) end(c *echo.Context) error {
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
func (a *app) endOthers(c *echo.Context) error {
	s := sessionstate.From(c)
	n, err := a.sessions.Users().Revoke(c.Request().Context(), s.User(), s)
	if err != nil {
		return err
	}
	return a.back(c, "Devices logged out: "+strconv.Itoa(n)+".")
}

// back sends the visitor to the page, with a message that is shown once.
func (a *app) back(c *echo.Context, message string) error {
	if err := sessionstate.From(c).Flash("info", message); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/")
}

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// view is what the page shows.
type view struct {
	User     string
	Visits   int
	CSRF     string
	Wrong    string // what is wrong with the login
	Messages []string
	Devices  []device
}

type device struct {
	Handle       string
	Since, Until string
	Here         bool
}

func (a *app) show(c *echo.Context, status int, wrong string) error {
	s := sessionstate.From(c)
	v := view{User: s.User(), Visits: visits.Get(s), Wrong: wrong}
	for f := range s.Flashes() {
		v.Messages = append(v.Messages, f.Text)
	}
	var err error
	if v.CSRF, err = s.CSRFToken(); err != nil {
		return err
	}
	if v.User != "" {
		list, err := a.sessions.Users().List(c.Request().Context(), v.User)
		if err != nil {
			return err
		}
		for _, info := range list {
			v.Devices = append(v.Devices, device{
				Handle: info.Handle, Since: info.Created.Format(time.DateTime), Until: info.Deadline.Format(time.DateTime), Here: info.Handle == s.Handle(),
			})
		}
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return err
	}
	return c.HTMLBlob(status, b.Bytes())
}
