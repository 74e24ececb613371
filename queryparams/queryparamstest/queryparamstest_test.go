package queryparamstest_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo/ctxinfotest"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/queryparams/queryparamstest"
)

// view is the query of the page under test.
type view struct {
	Page int    `query:"page" default:"1" max:"9"`
	Tab  string `query:"tab"`
}

var views = queryparams.Must(queryparams.NewSchema[view](queryparams.SchemaConfig{}))

// next shows a page and moves the browser's URL to the one after it.
func next(c echo.Context) error {
	v, err := views.Bind(c)
	if err != nil {
		return err
	}
	p, err := queryparams.From(c)
	if err != nil {
		return err
	}
	v.Page++
	if v.Tab == "push" {
		p.PushHistory()
	}
	if err := views.Store(p, v); err != nil {
		return err
	}
	if c.Request().Method == http.MethodPost {
		return queryparams.Redirect(c)
	}
	return c.HTML(http.StatusOK, "<p>a page</p>"+string(p.Script("")))
}

func Example() {
	res := queryparamstest.Serve(next, ctxinfotest.Request("/list?page=2"), queryparams.Config{})
	fmt.Println(res.URL())
	res = queryparamstest.Serve(next, ctxinfotest.Request("/part?page=4", ctxinfotest.HTMX("/list?page=4&x=1")), queryparams.Config{})
	fmt.Println(res.URL())
	res = queryparamstest.Serve(next, ctxinfotest.Request("/list?page=x"), queryparams.Config{})
	fmt.Println(res.Code, res.Faults()[0])
	// Output:
	// /list?page=3 replace
	// /list?page=5&x=1 replace
	// 400 page: cannot be read (sent "x"), expected a whole number up to 9
}

func TestURLFindsEveryMeans(t *testing.T) {
	t.Parallel()
	post := func(r *http.Request) { r.Method = http.MethodPost }
	for _, tt := range []struct {
		target string
		option ctxinfotest.Option
		cfg    queryparams.Config
		url    string
		how    string
	}{
		{"/l?page=2", nil, queryparams.Config{}, "/l?page=3", "replace"},
		{"/l?tab=push", nil, queryparams.Config{}, "/l?tab=push&page=2", "push"},
		{"/l?tab=push", ctxinfotest.HTMX("/m?z=1#f"), queryparams.Config{}, "/m?z=1&page=2&tab=push#f", "push"},
		{"/l", ctxinfotest.Boosted(), queryparams.Config{}, "/l?page=2", "push"},
		{"/l", post, queryparams.Config{}, "/l?page=2", "redirect"},
		{"/l?page=1", nil, queryparams.Config{Canonical: true}, "/l", "redirect"},
		{"/l?page=x", nil, queryparams.Config{}, "", ""},
	} {
		var options []ctxinfotest.Option
		if tt.option != nil {
			options = append(options, tt.option)
		}
		res := queryparamstest.Serve(next, ctxinfotest.Request(tt.target, options...), tt.cfg)
		if url, how := res.URL(); tt.how != "" && url != tt.url || how != tt.how {
			t.Errorf("%s: %q by %q, want %q by %q (%v)", tt.target, url, how, tt.url, tt.how, res.Err)
		}
	}
	res := queryparamstest.Serve(func(echo.Context) error { return errors.New("other") }, ctxinfotest.Request("/"), queryparams.Config{})
	if res.Faults() != nil || res.Err == nil {
		t.Errorf("another error: %v, faults %v", res.Err, res.Faults())
	}
}

// failures counts what RoundTrip reports.
type failures struct {
	testing.TB
	n int
}

func (f *failures) Helper()               {}
func (f *failures) Errorf(string, ...any) { f.n++ }

func TestRoundTripReportsWhatIsNotCarried(t *testing.T) {
	t.Parallel()
	queryparamstest.RoundTrip(t, views, view{Page: 1}, view{Page: 9, Tab: "a&b"})
	lossy := queryparams.Must(queryparams.NewSchema[struct {
		C float64 `query:"c"`
	}](queryparams.SchemaConfig{Codecs: []queryparams.Codec{queryparams.NewCodec("a number",
		func(string) (float64, error) { return 1, nil }, func(float64) (string, error) { return "1", nil })}}))
	f := &failures{TB: t}
	queryparamstest.RoundTrip(f, views, view{Page: 10})
	queryparamstest.RoundTrip(f, lossy, struct {
		C float64 `query:"c"`
	}{2})
	if f.n != 2 {
		t.Errorf("%d reports of two broken values", f.n)
	}
}
