package main

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
)

// answers records the last responses of each route behind the cache of responses.
type answers struct {
	mu     sync.Mutex
	routes map[string]routeAnswers
}

// routeAnswers records the responses of one route.
type routeAnswers struct {
	status, age        string // the headers Cache-Status (RFC 9211) and Age of the last one
	requests, replayed int
}

// note is a middleware outside of the cache, where the response has the cache's headers.
func (a *answers) note(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		h := c.Response().Header()
		status := h.Get("Cache-Status")
		if status == "" {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.routes == nil {
			a.routes = make(map[string]routeAnswers)
		}
		route := a.routes[c.Path()]
		route.status, route.age = status, h.Get("Age")
		route.requests++
		if isReplayed(status) {
			route.replayed++
		}
		a.routes[c.Path()] = route
		return err
	}
}

// isReplayed reports whether a Cache-Status says that a kept response was replayed.
func isReplayed(status string) bool { return strings.Contains(status, "; hit") }

// The words for what the cache did, in the reader's language; {} is what differs. They
// go with the page, for app.js, which says at each panel what words.answer says here.
type words struct {
	Replayed, Kept, Refused string
	Reasons                 map[string]string // by those of respcache; what is not here stays as it is
}

func (r reader) words() words {
	return words{
		Replayed: r.T("Response replayed: made %s s ago for an earlier request", "{}"),
		Kept:     r.T("Response made just now, and kept for the next request"),
		Refused:  r.T("Response made just now, and not kept: %s", "{}"),
		Reasons: map[string]string{
			"the session was read":                       r.T("it shows what is only yours"),
			"the visitor's address or cookies were read": r.T("it shows your address or your cookies"),
			"set-cookie":                    r.T("it sets a cookie"),
			"cookie":                        r.T("your browser sent a cookie that this site does not know"),
			"error":                         r.T("it is an error"),
			"another request took too long": r.T("another request for it takes too long"),
		},
	}
}

// detail finds, in a Cache-Status, the reason why a response was not kept.
var detail = regexp.MustCompile(`detail="(.*)"`)

// answer says what the headers Cache-Status and Age of a response mean.
func (w words) answer(status, age string) string {
	fill := func(text, what string) string { return strings.Replace(text, "{}", what, 1) }
	if isReplayed(status) {
		return fill(w.Replayed, age)
	}
	if why := detail.FindStringSubmatch(status); why != nil {
		return fill(w.Refused, cmp.Or(w.Reasons[why[1]], why[1]))
	}
	return w.Kept
}

// answerView is the page of what the cache of responses does.
type answerView struct{ Routes []routeView }

type routeView struct{ Route, Last, Requests, Replayed string }

// showAnswers answers GET /answers.
func (a *app) showAnswers(c echo.Context) error {
	v, err := a.newView(c, a.backFrom(c))
	if err != nil {
		return err
	}
	v.Title = v.T("How answers were made")
	v.showFlashes(sessionstate.From(c))
	v.Answers = a.answers.view(v.reader)
	return a.render(c, http.StatusOK, v)
}

func (a *answers) view(r reader) *answerView {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := &answerView{}
	words := r.words()
	for path, route := range a.routes {
		v.Routes = append(v.Routes, routeView{path, words.answer(route.status, route.age), r.Int(route.requests), r.Int(route.replayed)})
	}
	slices.SortFunc(v.Routes, func(a, b routeView) int { return cmp.Compare(a.Route, b.Route) })
	return v
}
