package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/dashboard"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/sessionstate"
)

// dashboardPath is where the dashboard is.
const dashboardPath = "/_reecho"

// dashboardCookie is the cookie with the token that gives access to the dashboard.
const dashboardCookie = "explorer_dashboard"

// newDashboard makes the page about the caches, the database and the sessions. To see it,
// open it once with the token that the program prints: the page moves the token from the
// address into a cookie.
func newDashboard(token string, caches *cachedata.Group, responses []*respcache.Cache, db *cacheresource.Group, sessions *sessionstate.Manager) (http.Handler, error) {
	want := sha256.Sum256([]byte(token))
	right := func(text string) bool {
		got := sha256.Sum256([]byte(text))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1
	}
	page, err := dashboard.New(func(r *http.Request) error {
		if c, err := r.Cookie(dashboardCookie); err != nil || !right(c.Value) {
			return errors.New("open the dashboard by the address that the program has printed")
		}
		return nil
	}, dashboard.Config{
		Caches:    []*cachedata.Group{caches},
		Responses: responses,
		Resources: []*cacheresource.Group{db},
		Sessions:  sessions,
		ShowKeys:  true, // what is asked for here is no secret
	})
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text := r.URL.Query().Get("token"); r.Method == http.MethodGet && right(text) {
			http.SetCookie(w, &http.Cookie{Name: dashboardCookie, Value: text, Path: dashboardPath, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
			w.Header().Set("Cache-Control", "no-store")
			http.Redirect(w, r, dashboardPath, http.StatusSeeOther)
			return
		}
		page.ServeHTTP(w, r)
	}), nil
}
