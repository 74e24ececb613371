package peers

import (
	"net/http"
	"net/url"

	"github.com/ggicci/httpin"
)

type httpinSearch struct {
	Page int      `in:"query=page"`
	Size int      `in:"query=size"`
	Q    string   `in:"query=q"`
	Sort string   `in:"query=sort"`
	Desc bool     `in:"query=desc"`
	Tags []string `in:"query=tags"`
}

// Httpin is ggicci/httpin, which reads requests.
func Httpin() (Decode, error) {
	core, err := httpin.New(httpinSearch{})
	if err != nil {
		return nil, err
	}
	return func(raw string) (Search, error) {
		req := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: raw}}
		v, err := core.Decode(req)
		if err != nil {
			return Search{}, err
		}
		return Search(*v.(*httpinSearch)), nil
	}, nil
}
