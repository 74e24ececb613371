package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"
	"golang.org/x/text/message/catalog"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/examples/explorer/strikes"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/store/boltstore"
)

// A config has the settings of the app, which main reads from the flags.
type config struct {
	State    string        // the folder of the secret
	Persist  string        // the file that results are kept in too; empty: they end with the program
	Budget   time.Duration // how long a page waits for that file; 0: the default
	Insecure bool          // cookies go over plain http beyond localhost
}

// An app is the explorer: an http.Handler that owns its caches and database.
type app struct {
	echo       *echo.Echo
	stack      *middleware.Stack
	kept       *boltstore.Store // nil: results are kept in memory alone
	results    *results
	responses  *respcache.Cache // of what is the same for all visitors
	ownPages   *respcache.Cache // of what is not
	answers    answers          // what the two have done
	options    strikes.Options
	filters    *queryparams.Schema[filter]
	defaults   filter                           // what an empty query says
	parameters map[string]queryparams.Parameter // of the URLs, by their names
	dashboard  http.Handler
	token      string // of who may see the dashboard

	panelQueries *queryparams.Schema[panelQuery]

	texts  catalog.Catalog
	assets *assets
	pages  *template.Template
	csrf   *http.CrossOriginProtection
}

// newApp opens everything. The caller closes it.
func newApp(ctx context.Context, cfg config) (_ *app, err error) {
	a := &app{echo: echo.New(), csrf: http.NewCrossOriginProtection()}
	if err := a.build(cfg); err != nil {
		return nil, errors.Join(err, a.closeKept(ctx))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := a.stack.Start(ctx); err != nil {
		return nil, err
	}
	if a.options, err = a.results.options.Get(ctx, struct{}{}); err != nil {
		return nil, err
	}
	if a.filters, err = newSchema[filter](a.options); err != nil {
		return nil, err
	}
	if a.panelQueries, err = newSchema[panelQuery](a.options); err != nil {
		return nil, err
	}
	if a.defaults, err = a.filters.Parse(""); err != nil {
		return nil, err
	}
	a.parameters = make(map[string]queryparams.Parameter)
	for _, p := range a.panelQueries.Parameters() {
		a.parameters[p.Name] = p
	}
	a.routes()
	return a, nil
}

// build makes the plugins, their Stack, which then owns them, and everything else that
// needs no database.
func (a *app) build(cfg config) error {
	info, err := ctxinfo.New(ctxinfo.Config{Locales: localeTags()})
	if err != nil {
		return err
	}
	params, err := queryparams.New(queryparams.Config{
		Migrations: migrations(),
		Canonical:  true, // one address for one page, however it was written
		OnError:    a.translate,
	})
	if err != nil {
		return err
	}
	sessions, err := newSessions(cfg.State, cfg.Insecure)
	if err != nil {
		return err
	}
	var kept cachedata.Storage
	if cfg.Persist != "" {
		if a.kept, err = boltstore.New(cfg.Persist, boltstore.Config{MaxBytes: 256 << 20}); err != nil {
			return err
		}
		kept = persist.In(a.kept, persist.Config{Budget: cfg.Budget})
	}
	db, err := newDatabase()
	if err != nil {
		return err
	}
	if a.results, err = newResults(db, kept); err != nil {
		return err
	}
	if a.responses, err = newResponses(a.results.group); err != nil {
		return err
	}
	if a.ownPages, err = newPages(a.results.group); err != nil {
		return err
	}
	// Closed in reverse order: first the results, whose loads use the database.
	if a.stack, err = middleware.New(info, params, sessions, db.group, a.results.group); err != nil {
		return err
	}
	if a.texts, err = newCatalog(); err != nil {
		return err
	}
	if a.assets, err = newAssets(); err != nil {
		return err
	}
	a.token = rand.Text()
	if a.dashboard, err = newDashboard(a.token, a.results.group, []*respcache.Cache{a.responses, a.ownPages}, db.group, sessions); err != nil {
		return err
	}
	a.pages, err = newTemplates(a.assets)
	return err
}

// routes adds the routes of the app.
func (a *app) routes() {
	e := a.echo
	e.HTTPErrorHandler = a.showError
	e.Use(echomw.Recover(), securityHeaders, echomw.Gzip(), echov4.Middleware(a.stack), a.answers.note, answerErrors)
	shared, own := echov4.Use(a.responses), echov4.Use(a.ownPages)
	e.GET("/", a.showPage, own, answerErrors)
	e.GET(youPath, a.showYou, own, answerErrors)
	for _, id := range panels() {
		e.GET(panelPath(id), a.showPanel(id), shared, answerErrors)
	}
	e.GET(backdropPath, a.showBackdrop, shared)
	e.GET("/api/strikes", a.showJSON, shared)
	e.GET(answersPath, a.showAnswers)
	e.Any(dashboardPath, echo.WrapHandler(a.dashboard))
	e.GET("/api/openapi.json", a.describeAPI)
	e.GET("/static/*", echo.WrapHandler(a.assets))
	form := []echo.MiddlewareFunc{a.sameOriginOnly, echomw.BodyLimit("64K")}
	e.POST("/saved", a.save, form...)
	e.POST("/saved/delete", a.unsave, form...)
	e.POST("/settings", a.set, form...)
	e.POST("/theme", a.setTheme, form...)
	e.POST("/clear", a.clear, form...)
}

// ServeHTTP implements http.Handler.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.echo.ServeHTTP(w, r) }

// Close ends what the app owns, in the right order. Stop the server first.
func (a *app) Close(ctx context.Context) error {
	return errors.Join(a.stack.Close(ctx), a.closeKept(ctx))
}

// closeKept closes the file of results, if there is one.
func (a *app) closeKept(ctx context.Context) error {
	if a.kept == nil {
		return nil
	}
	return a.kept.Close(ctx)
}

// nonceKey is the key under which a request's context has the nonce for the one inline script.
const nonceKey = "nonce"

// securityHeaders lets pages load from this server only, and run no script
// but ours.
func securityHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	const policy = "default-src 'none'; script-src 'self' 'nonce-%s'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
	return func(c echo.Context) error {
		nonce := rand.Text()
		c.Set(nonceKey, nonce)
		h := c.Response().Header()
		h.Set("Content-Security-Policy", fmt.Sprintf(policy, nonce))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		return next(c)
	}
}

// sameOriginOnly refuses forms that other sites send with our visitors'
// cookies (CSRF).
func (a *app) sameOriginOnly(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := a.csrf.Check(c.Request()); err != nil {
			return echo.NewHTTPError(http.StatusForbidden, "This form came from another site.").SetInternal(err)
		}
		return next(c)
	}
}

// answerErrors turns errors into pages inside of the Stack, so that an error
// page too is written with the session's cookie.
func answerErrors(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := next(c); err != nil {
			c.Error(err)
		}
		return nil
	}
}
