// Code generated from adopt/route/app.go by the steps of docs/echo-v5.md. DO NOT EDIT.

// Package route is the same app with the responses of its route cached.
package route

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/reecho-go/reecho/echov5"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
)

// Report is what the slow query returns.
type Report struct {
	Year   int      `json:"year"`
	Events int      `json:"events"`
	Top    []string `json:"top"`
}

// Queries counts how often the database was asked, for the test.
var Queries int

func query(_ context.Context, year int) (Report, error) {
	Queries++
	time.Sleep(50 * time.Millisecond) // a slow database
	return Report{Year: year, Events: year * 3 % 1000, Top: []string{"gull", "pigeon"}}, nil
}

var pages = middleware.Must(respcache.New("pages", respcache.Config{TTL: time.Minute}))

func report(c *echo.Context) error {
	year, err := strconv.Atoi(c.Param("year"))
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "the year is not a number")
	}
	r, err := query(c.Request().Context(), year)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, r)
}

// New returns the app.
func New() *echo.Echo {
	e := echo.New()
	e.GET("/report/:year", report, echov5.Use(pages))
	return e
}
