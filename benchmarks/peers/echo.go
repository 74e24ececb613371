package peers

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"
)

// echoContext makes a context of echo that asks for raw; a request has parsed
// nothing before, so the context is set back each time.
func echoContext() func(raw string) echo.Context {
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}}
	c := echo.New().NewContext(req, nil)
	return func(raw string) echo.Context {
		req.URL.RawQuery = raw
		c.Reset(req, nil)
		return c
	}
}

// EchoBind is echo's BindQueryParams.
func EchoBind() Decode {
	context, binder := echoContext(), new(echo.DefaultBinder)
	return func(raw string) (s Search, err error) {
		err = binder.BindQueryParams(context(raw), &s)
		return s, err
	}
}

// EchoBinder is echo's QueryParamsBinder.
func EchoBinder() Decode {
	context := echoContext()
	return func(raw string) (s Search, err error) {
		err = echo.QueryParamsBinder(context(raw)).
			Int("page", &s.Page).Int("size", &s.Size).String("q", &s.Q).
			String("sort", &s.Sort).Bool("desc", &s.Desc).Strings("tags", &s.Tags).BindError()
		return s, err
	}
}

// EchoBinderInt reads one parameter by echo's QueryParamsBinder.
func EchoBinderInt(name string) func(raw string) (int, error) {
	context := echoContext()
	return func(raw string) (n int, err error) {
		err = echo.QueryParamsBinder(context(raw)).Int(name, &n).BindError()
		return n, err
	}
}
