// Package after is the same app with its slow query cached.
package after

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
)

// Report is what the slow query returns.
type Report struct {
	Year   int      `json:"year"`
	Events int      `json:"events"`
	Top    []string `json:"top"`
}

// Queries counts how often the database was asked, for the test.
var Queries int

var reports = cachedata.Must(cachedata.New("reports", query, cachedata.Config{TTL: time.Minute}))

func query(_ context.Context, year int) (Report, error) {
	Queries++
	time.Sleep(50 * time.Millisecond) // a slow database
	return Report{Year: year, Events: year * 3 % 1000, Top: []string{"gull", "pigeon"}}, nil
}

func report(c echo.Context) error {
	year, err := strconv.Atoi(c.Param("year"))
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "the year is not a number")
	}
	r, err := reports.Get(c.Request().Context(), year)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, r)
}

// New returns the app.
func New() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = echov4.ErrorHandler(nil)
	e.GET("/report/:year", report)
	return e
}
