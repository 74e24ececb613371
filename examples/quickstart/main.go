// A slow function, cached; a counter per visitor; a checked query parameter.
package main

import (
	"context"
	"log"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/sessionstate"
)

var (
	users  = cachedata.Must(cachedata.New("users", loadUser, cachedata.Config{TTL: time.Minute}))
	visits = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})
)

func loadUser(_ context.Context, id int) (string, error) {
	time.Sleep(time.Second) // a slow database
	return "user " + strconv.Itoa(id), nil
}

func hello(c echo.Context) error {
	id, err := queryparams.Get(c, "id", queryparams.Param[int]{Default: 1, Min: new(1), Max: new(99)})
	if err != nil {
		return err // a 400 that names the parameter and what is allowed
	}
	name, meta, err := users.GetMeta(c.Request().Context(), id)
	if err != nil {
		return err
	}
	n, err := sessionstate.Incr(visits, sessionstate.From(c), 1)
	if err != nil {
		return err
	}
	return c.JSON(200, echo.Map{"name": name, "from": meta.Source.String(), "visits": n})
}

func main() {
	e := echo.New()
	e.Use(echov4.Use(sessionstate.Must(sessionstate.New(sessionstate.Config{}))))
	e.GET("/", hello)
	log.Fatal(e.Start("127.0.0.1:8080"))
}
