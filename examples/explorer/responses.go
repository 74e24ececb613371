package main

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/examples/explorer/plot"
	"github.com/reecho-go/reecho/middleware/respcache"
)

// newResponses caches whole responses of what is the same for all visitors: panels, the
// map's backdrop and the API. They end with the results that they are made of. No
// header is part of the key, and so all are hidden from the handlers: visitors whose
// browsers differ share what they see.
func newResponses(group *cachedata.Group) (*respcache.Cache, error) {
	return respcache.New("responses", respcache.Config{
		TTL: time.Minute, Group: group, MaxBytes: 16 << 20,
		Keys: respcache.KeyConfig{Headers: []string{}},
	})
}

// newPages is a cache of pages that show what is a visitor's own. It keeps none of them,
// since their handlers read the session, and its Cache-Status says so: see answers.go.
func newPages(group *cachedata.Group) (*respcache.Cache, error) {
	return respcache.New("pages", respcache.Config{
		Group: group, MaxBytes: 1 << 20,
		Keys: respcache.KeyConfig{Headers: []string{"HX-Boosted", "HX-Current-URL", "HX-Request", "HX-Request-Type"}},
	})
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
