package main

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/examples/explorer/plot"
	"github.com/reecho-go/reecho/middleware/respcache"
)

// newResponses caches whole responses of what is the same for every visitor: the API
// and the map's backdrop. They end with the results that they are made of. The header
// Cache-Status says of each why it was kept, or why not.
func newResponses(group *cachedata.Group) (*respcache.Cache, error) {
	return respcache.New("responses", respcache.Config{TTL: time.Minute, Group: group, MaxBytes: 16 << 20})
}

// backdropPath is where the map's backdrop is.
const backdropPath = "/map/backdrop.svg"

// showBackdrop answers GET /map/backdrop.svg: a speck for each airport, below the
// strikes of every map.
func (a *app) showBackdrop(c echo.Context) error {
	path, err := a.results.backdrop.Get(c.Request().Context(), struct{}{})
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=3600")
	return c.Blob(http.StatusOK, "image/svg+xml", []byte(plot.BackdropFile(path)))
}
