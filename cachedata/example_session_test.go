package cachedata_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/sessionstate"
)

// In session scope, everybody has results of their own, and a logout ends them.
func Example_session() {
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{
		Secrets: []sessionstate.Secret{{ID: "one", Key: []byte("hZ6uWqk0Jm2nT8sPx4vRb1yLd7fGc3eA")}}, // in your app: sessionstate.SecretFile
	}))
	carts := cachedata.Must(cachedata.New("carts", func(ctx context.Context, _ struct{}) (string, error) {
		state, err := sessionstate.FromContext(ctx)
		if err != nil {
			return "", err
		}
		fmt.Println("loading the cart of", state.User())
		return "cart of " + state.User(), nil
	}, cachedata.Config{Scope: cachedata.Session}))

	e := echo.New()
	e.Use(echov4.Use(sessions))
	e.GET("/login/:name", func(c echo.Context) error {
		return sessionstate.From(c).Login(c.Param("name"))
	})
	e.GET("/cart", func(c echo.Context) error {
		cart, err := carts.Get(c.Request().Context(), struct{}{})
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, cart)
	})
	e.GET("/logout", func(c echo.Context) error { return sessionstate.From(c).Destroy() })

	visit := func(jar map[string]*http.Cookie, path string) {
		req := httptest.NewRequest(http.MethodGet, "https://app.example"+path, http.NoBody)
		for _, cookie := range jar {
			req.AddCookie(cookie)
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		for _, cookie := range rec.Result().Cookies() {
			jar[cookie.Name] = cookie
		}
		if rec.Body.Len() > 0 {
			fmt.Println(rec.Body)
		}
	}
	ann, bob := map[string]*http.Cookie{}, map[string]*http.Cookie{}
	visit(ann, "/login/ann")
	visit(bob, "/login/bob")
	visit(ann, "/cart")
	visit(bob, "/cart")
	visit(ann, "/cart")
	fmt.Println(carts.Stats().Entries, "carts")
	visit(ann, "/logout")
	fmt.Println(carts.Stats().Entries, "cart")

	_, err := carts.Get(context.Background(), struct{}{})
	fmt.Println(err)
	// Output:
	// loading the cart of ann
	// cart of ann
	// loading the cart of bob
	// cart of bob
	// cart of ann
	// 2 carts
	// 1 cart
	// cachedata: there is no session and no visitor in this context: pass that of the request, behind the sessionstate plugin or behind the login of a visitor declared with middleware.NewVisitor: carts
}
