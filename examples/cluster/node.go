package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"
	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/persist"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/redisstore"
)

// visits counts the pages that a session has seen, whichever node has shown them.
var visits = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})

// A nodeConfig is what one node is started with.
type nodeConfig struct {
	Name     string
	Front    string // the URL of the proxy
	Redis    string // the address of the server
	Secret   string // the file of the key that seals cookies, which all nodes share
	Insecure bool
}

// A node is one process of the app.
type node struct {
	*echo.Echo
	cfg      nodeConfig
	client   rueidis.Client
	group    *cachedata.Group
	reports  *cachedata.Cache[struct{}, report]
	pages    *respcache.Cache
	sessions *sessionstate.Manager
}

// A report is what takes a second to make. It says which node has made it.
type report struct {
	By     string
	At     time.Time
	Number int64
}

func (n *node) makeReport(ctx context.Context, _ struct{}) (report, error) {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return report{}, ctx.Err()
	}
	now := time.Now().UTC()
	return report{By: n.cfg.Name, At: now, Number: now.UnixMilli()}, nil
}

// newNode connects to Redis and makes everything. The caller closes it.
func newNode(cfg nodeConfig) (_ *node, err error) {
	n := &node{Echo: echo.New(), cfg: cfg}
	secrets, err := sessionstate.SecretFile(cfg.Secret)
	if err != nil {
		return nil, err
	}
	if n.client, err = rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{cfg.Redis}, DisableCache: true, // the toolkit tracks by itself what others change
		ConnWriteTimeout: 2 * time.Second, // a server that does not answer is a 503, and not a page that hangs
	}); err != nil {
		return nil, fmt.Errorf("redis at %s: %w", cfg.Redis, err)
	}
	defer func() {
		if err != nil {
			n.client.Close()
		}
	}()
	kept, err := redisstore.New(n.client, redisstore.Config{Namespace: "cluster-cache"})
	if err != nil {
		return nil, err
	}
	visitors, err := redisstore.New(n.client, redisstore.Config{Namespace: "cluster-sessions"})
	if err != nil {
		return nil, err
	}
	if n.group, err = cachedata.NewGroup("reports", cachedata.GroupConfig{}); err != nil {
		return nil, err
	}
	if n.reports, err = cachedata.New("report", n.makeReport, cachedata.Config{
		Group: n.group, TTL: 10 * time.Minute, Store: persist.In(kept, persist.Config{}),
	}); err != nil {
		return nil, err
	}
	if n.pages, err = respcache.New("pages", respcache.Config{
		Group: n.group, TTL: 10 * time.Minute, Store: persist.In(kept, persist.Config{}),
	}); err != nil {
		return nil, err
	}
	if n.sessions, err = sessionstate.New(sessionstate.Config{
		Secrets: secrets, Store: visitors, Cookie: sessionstate.CookieConfig{Insecure: cfg.Insecure},
	}); err != nil {
		return nil, errors.Join(err, n.group.Close(context.Background()))
	}
	n.Use(echomw.Recover(), headers, echov4.Use(n.sessions), echomw.BodyLimit("16K"), echov4.Use(n.sessions.CSRF()))
	n.GET("/", n.home)
	n.GET("/report", n.report)
	n.GET("/print", n.print, echov4.Use(n.pages))
	n.POST("/clear", n.clear)
	return n, nil
}

// Close ends what the node owns: sessions and caches first, the client last.
func (n *node) Close(ctx context.Context) error {
	err := errors.Join(n.sessions.Close(ctx), n.group.Close(ctx))
	n.client.Close()
	return err
}

// runNode serves until ctx or in ends.
func runNode(ctx context.Context, cfg nodeConfig, in io.Reader, out io.Writer) (err error) {
	n, err := newNode(cfg)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, n.Close(ctx))
	}()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, l.Addr())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	return serve(ctx, l, n)
}

// headers keeps pages out of caches and out of other sites' frames.
func headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		return next(c)
	}
}

// answer is what a node has of the report, and how it came by it.
type answer struct {
	Report report
	Source string
	Took   string
}

// report is asked by other nodes.
func (n *node) report(c echo.Context) error {
	start := time.Now()
	r, meta, err := n.reports.GetMeta(c.Request().Context(), struct{}{})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, answer{r, meta.Source.String(), time.Since(start).Round(10 * time.Microsecond).String()})
}

// print shows the report alone, to everybody the same: so one node makes the page, and
// both replay it until the report is cleared.
func (n *node) print(c echo.Context) error {
	r, err := n.reports.Get(c.Request().Context(), struct{}{})
	if err != nil {
		return err
	}
	c.Response().Header().Del("Cache-Control") // that of headers is for pages of one visitor
	return c.String(http.StatusOK, fmt.Sprintf("Report %d, made by node %s. This page was made by node %s.\n", r.Number, r.By, n.cfg.Name))
}

// clear drops the report, here and so everywhere.
func (n *node) clear(c echo.Context) error {
	if err := n.reports.Clear(c.Request().Context()); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/")
}

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// view is what the page shows.
type view struct {
	Node   string
	Visits int
	CSRF   string
	Rows   []row
}

type row struct {
	Node string
	Away bool
	answer
}

// home counts the visit and asks all nodes, one after the other.
func (n *node) home(c echo.Context) error {
	s := sessionstate.From(c)
	v := view{Node: n.cfg.Name}
	var err error
	if v.Visits, err = sessionstate.Incr(visits, s, 1); err != nil {
		return err
	}
	if v.CSRF, err = s.CSRFToken(); err != nil {
		return err
	}
	for _, name := range names {
		r := row{Node: name}
		r.answer, err = n.ask(c.Request().Context(), name)
		r.Away = err != nil
		v.Rows = append(v.Rows, r)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return err
	}
	return c.HTMLBlob(http.StatusOK, b.Bytes())
}

// ask asks a node for its report, through the proxy.
func (n *node) ask(ctx context.Context, name string) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.cfg.Front+"/node/"+name+"/report", http.NoBody)
	if err != nil {
		return a, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return a, errors.New(res.Status)
	}
	return a, json.NewDecoder(res.Body).Decode(&a)
}
