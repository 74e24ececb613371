package queryparams_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/sessionstate"
)

// A page shows a visitor the last view again: the URL counts first, then the session, then the defaults.
func ExampleRemember() {
	type view struct {
		Page int    `query:"page" default:"1"`
		Sort string `query:"sort" default:"name" enum:"name|age"`
	}
	key := sessionstate.NewKey("listing", sessionstate.KeyConfig[view]{})
	schema := queryparams.Must(queryparams.NewSchema[view](queryparams.SchemaConfig{}))
	page := queryparams.Must(queryparams.Remember(schema, key, sessionstate.From, queryparams.RememberConfig{Follow: true}))

	silent := observe.Func(func(context.Context, observe.Event) {})
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Observer: silent}))
	defer func() { _ = sessions.Close(context.Background()) }()
	query := queryparams.Must(queryparams.New(queryparams.Config{}))
	e := echo.New()
	e.Use(echov4.Use(sessions, query))
	e.GET("/", func(c echo.Context) error {
		v, err := page.Bind(c)
		if err != nil {
			return err
		}
		fmt.Println(v.Page, v.Sort)
		return c.NoContent(http.StatusOK)
	})

	cookie := ""
	for _, target := range []string{"/?page=3&sort=age", "/", "/?page=2"} {
		req := httptest.NewRequest(http.MethodGet, target, http.NoBody)
		req.Header.Set("Cookie", cookie)
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		if c := rec.Result().Cookies(); len(c) > 0 {
			cookie = c[0].Name + "=" + c[0].Value
		}
	}
	// Output:
	// 3 age
	// 3 age
	// 2 name
}
