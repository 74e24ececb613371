package peers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/queryparam"
)

type humaSearch struct {
	Page int      `query:"page"`
	Size int      `query:"size"`
	Q    string   `query:"q"`
	Sort string   `query:"sort"`
	Desc bool     `query:"desc"`
	Tags []string `query:"tags,explode"`
}

// Huma is an operation of danielgtaylor/huma without a body: it reads queries
// nowhere else. Its answer is empty and goes nowhere.
func Huma() (Decode, error) {
	adapter := new(humaAdapter)
	api := huma.NewAPI(huma.DefaultConfig("search", "1"), adapter)
	var got humaSearch
	huma.Register(api, huma.Operation{OperationID: "search", Method: http.MethodGet, Path: "/search"}, func(_ context.Context, in *humaSearch) (*struct{}, error) {
		got = *in
		return nil, nil
	})
	if adapter.handler == nil {
		return nil, errors.New("peers: huma has registered nothing")
	}
	return func(raw string) (Search, error) {
		c := &humaContext{op: adapter.op, url: url.URL{Path: "/search", RawQuery: raw}}
		adapter.handler(c)
		if c.status != http.StatusNoContent {
			return Search{}, errors.New("peers: huma refuses the query")
		}
		return Search(got), nil
	}, nil
}

// humaAdapter is a router of the one operation.
type humaAdapter struct {
	op      *huma.Operation
	handler func(huma.Context)
}

func (a *humaAdapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	if op.OperationID == "search" {
		a.op, a.handler = op, handler
	}
}

func (*humaAdapter) ServeHTTP(http.ResponseWriter, *http.Request) {}

// unused are the methods of a request that the operation does not call.
type unused = huma.Context

// humaContext is a request that has a URL alone.
type humaContext struct {
	unused
	op     *huma.Operation
	url    url.URL
	status int
}

func (c *humaContext) Operation() *huma.Operation      { return c.op }
func (*humaContext) Context() context.Context          { return context.Background() }
func (*humaContext) Method() string                    { return http.MethodGet }
func (c *humaContext) URL() url.URL                    { return c.url }
func (c *humaContext) Query(name string) string        { return queryparam.Get(c.url.RawQuery, name) }
func (*humaContext) Param(string) string               { return "" }
func (*humaContext) Header(string) string              { return "" }
func (*humaContext) EachHeader(func(name, val string)) {}
func (c *humaContext) SetStatus(code int)              { c.status = code }
func (c *humaContext) Status() int                     { return c.status }
func (*humaContext) SetHeader(_, _ string)             {}
func (*humaContext) AppendHeader(_, _ string)          {}
func (*humaContext) BodyWriter() io.Writer             { return io.Discard }
