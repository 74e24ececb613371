package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/examples/explorer/strikes"
	"github.com/reecho-go/reecho/sessionstate"
)

// What the explorer remembers of a visitor. It lives in the visitor's own
// cookie, encrypted, so the server keeps nothing and a restart loses nothing
// but needs its secret again.
var (
	visits      = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})
	saved       = sessionstate.NewKey("saved", sessionstate.KeyConfig[[]savedFilter]{MaxBytes: 2 << 10})
	preferences = sessionstate.NewKey("preferences", sessionstate.KeyConfig[preference]{Default: preference{Units: knots}})
)

// A savedFilter is a filter under a name.
type savedFilter struct {
	Name  string `json:"n"`
	Query string `json:"q"` // as the schema writes it
}

// A preference is what the visitor chose.
type preference struct {
	Language string `json:"l,omitzero"` // a tag of locales; empty: what the browser asks for
	Units    unit   `json:"u"`
}

// newSessions opens the visitors' state with the secret in the folder dir,
// which is made on the first start.
func newSessions(dir string, insecure bool) (*sessionstate.Manager, error) {
	err := os.MkdirAll(dir, 0o700)
	var secrets []sessionstate.Secret
	if err == nil {
		secrets, err = sessionstate.SecretFile(filepath.Join(dir, "secret"))
	}
	if err != nil {
		return nil, fmt.Errorf("the folder of -state, %s: %w", dir, err)
	}
	return sessionstate.New(sessionstate.Config{
		Secrets:  secrets,
		Lifetime: sessionstate.LifetimeConfig{Idle: 30 * 24 * time.Hour, Absolute: 365 * 24 * time.Hour},
		Cookie:   sessionstate.CookieConfig{Insecure: insecure},
	})
}

// readerOf is who reads the response to a request, as they chose or as their
// browser says.
func (a *app) readerOf(c echo.Context) reader { return a.readerFor(c.Request().Context()) }

// readerFor is readerOf by the request's context.
func (a *app) readerFor(ctx context.Context) reader {
	tag, units := ctxinfo.FromContext(ctx).Locale(), knots
	if s, err := sessionstate.FromContext(ctx); err == nil {
		p := preferences.Get(s)
		units = p.Units
		if chosen, err := language.Parse(p.Language); err == nil {
			tag = chosen
		}
	}
	return newReader(a.texts, tag, units)
}

var errBadName = errors.New("a name has 1 to 40 characters")

// saveFilter keeps a query under a name, in place of an earlier one of that
// name; the newest comes first.
func saveFilter(s *sessionstate.State, name, query string) error {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n < 1 || n > 40 || !utf8.ValidString(name) {
		return errBadName
	}
	_, err := saved.Update(s, func(list []savedFilter) []savedFilter {
		return append([]savedFilter{{name, query}}, dropFilter(list, name)...)
	})
	return err
}

// deleteFilter forgets what was saved under a name.
func deleteFilter(s *sessionstate.State, name string) error {
	_, err := saved.Update(s, func(list []savedFilter) []savedFilter { return dropFilter(list, name) })
	return err
}

func dropFilter(list []savedFilter, name string) []savedFilter {
	return slices.DeleteFunc(list, func(f savedFilter) bool { return f.Name == name })
}

// savedView shows a saved filter: in what it differs from a page without one,
// and whether it is the page that is here.
func (a *app) savedView(r reader, s savedFilter, here filter) savedView {
	v := savedView{Name: s.Name, Href: pageURL(s.Query)}
	f, err := a.filters.Parse(s.Query)
	if err != nil { // the data is another one since: its page will say what is wrong
		return v
	}
	here.Page = f.Page
	same, err := a.filters.Diff(here, f)
	v.Here = err == nil && len(same) == 0
	set, err := a.filters.Diff(a.defaults, f)
	if err != nil {
		return v
	}
	var about []string
	for _, d := range set {
		about = append(about, r.parameter(d.Parameter)+": "+strings.Join(r.values(d.Parameter, d.To), ", "))
	}
	v.About = strings.Join(about, "; ")
	return v
}

// parameter is what the form calls a parameter.
func (r reader) parameter(name string) string {
	switch name {
	case "state":
		return r.T("State")
	case "species":
		return r.T("Species")
	case "size":
		return r.T("Size of the animal")
	case "phase":
		return r.T("Phase of flight")
	case "from":
		return r.T("From")
	case "to":
		return r.T("To")
	case "mincost":
		return r.T("Minimum cost ($)")
	case "sort":
		return r.T("Sort by")
	case "rows":
		return r.T("Rows")
	}
	return name
}

// values are the texts of a parameter in the reader's language.
func (r reader) values(name string, texts []string) []string {
	named := make([]string, len(texts))
	for i, text := range texts {
		switch name {
		case "size", "phase":
			named[i] = r.T(text)
		case "sort":
			named[i] = r.sortName(strikes.Sort(text))
		default:
			named[i] = text
		}
	}
	return named
}

// facts is what the server knows about the visitor, and how.
func (a *app) facts(c echo.Context, r reader) []factView {
	in, s := ctxinfo.From(c), sessionstate.From(c)
	how := func(f ctxinfo.Facet) string {
		source := in.Source(f)
		text := r.T("from: %s", r.sourceName(source))
		if !source.Trusted && source.Kind != "" {
			text += ", " + r.T("your browser’s setting")
		}
		return text
	}
	languageHow := how(ctxinfo.FacetLocale)
	if preferences.Get(s).Language != "" {
		languageHow = r.T("your choice")
	}
	facts := []factView{
		{r.T("Visits"), r.Int(visits.Get(s)), r.T("pages that you opened since %s", r.Date(s.Created()))},
		{r.T("Address"), in.IP().String(), how(ctxinfo.FacetIP)},
		{r.T("Language"), r.Name, languageHow},
		{r.T("Colors"), r.T(colourName(in.Theme().Type)), how(ctxinfo.FacetTheme)},
		{r.T("Shown in a frame"), embedding(in, r), how(ctxinfo.FacetEmbedded)},
		{r.T("Request"), in.RequestID(), how(ctxinfo.FacetRequestID)},
	}
	if id := s.ID(); id != "" {
		facts = append(facts, factView{r.T("Session"), id, r.T("a digest for logs, not the key")})
	}
	return facts
}
