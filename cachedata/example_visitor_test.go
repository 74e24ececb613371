package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
)

// A token is what a JWT middleware has verified.
type token struct{ Subject string }

// fakeJWT stands for a JWT middleware: it puts the token into the request's context.
func fakeJWT(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if subject := r.Header.Get("Authorization"); subject != "" {
			c.SetRequest(r.WithContext(context.WithValue(r.Context(), tokenKey{}, token{subject})))
		}
		return next(c)
	}
}

type tokenKey struct{}

func subject(ctx context.Context) string {
	t, _ := ctx.Value(tokenKey{}).(token)
	return t.Subject
}

// An app whose visitors come with a token declares that once. Then session scope
// works without sessions, and a load for everybody cannot read the visitor.
func Example_visitor() {
	visitor := middleware.Must(middleware.NewVisitor(subject))
	group := cachedata.Must(cachedata.NewGroup("app", cachedata.GroupConfig{}))
	load := func(ctx context.Context, _ struct{}) (string, error) { return "feed of " + subject(ctx), nil }
	feeds := cachedata.Must(cachedata.New("feeds", load, cachedata.Config{Group: group, Scope: cachedata.Session}))
	wrong := cachedata.Must(cachedata.New("wrong", load, cachedata.Config{Group: group}))

	e := echo.New()
	e.Use(echov4.Use(visitor), fakeJWT)
	e.GET("/feed", func(c echo.Context) error {
		ctx := c.Request().Context()
		feed, err := feeds.Get(ctx, struct{}{})
		if errors.Is(err, cachedata.ErrNoSession) {
			return echo.ErrUnauthorized
		}
		if err != nil {
			return err
		}
		_, err = wrong.Get(ctx, struct{}{})
		fmt.Println("for everybody:", errors.Is(err, cachedata.ErrVisitorInGlobalLoad))
		return c.String(http.StatusOK, feed)
	})
	for _, who := range []string{"alice", "bob", ""} {
		r := httptest.NewRequest(http.MethodGet, "/feed", http.NoBody)
		r.Header.Set("Authorization", who)
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		fmt.Println(rec.Code, rec.Body)
	}
	fmt.Println(feeds.Stats().Entries, "feeds")
	visitor.Forget("alice") // she has logged out
	fmt.Println(feeds.Stats().Entries, "feed")
	// Output:
	// for everybody: true
	// 200 feed of alice
	// for everybody: true
	// 200 feed of bob
	// 401 {"message":"Unauthorized"}
	//
	// 2 feeds
	// 1 feed
}
