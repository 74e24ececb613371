package ctxinfotest_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
	"github.com/reecho-go/reecho/ctxinfo/ctxinfotest"
)

func Example() {
	in := ctxinfotest.New(ctxinfotest.Theme("dark"), ctxinfotest.Zone("+05:30"), ctxinfotest.Locales("de-CH", "en"), ctxinfotest.Embedded())
	embedded, _ := in.IsEmbedded()
	fmt.Println(in.Theme().Type, in.TimezoneName(), in.Locale(), embedded)
	// Output:
	// dark +05:30 de-CH true
}

func TestOptions(t *testing.T) {
	t.Parallel()
	r := ctxinfotest.Request("/part?x=1",
		ctxinfotest.Theme("dark"), ctxinfotest.Theme("light"), ctxinfotest.IP("2001:db8::7"), ctxinfotest.HTMX("/page"), ctxinfotest.Boosted(),
		ctxinfotest.Cookie("a", "1"), ctxinfotest.Cookie("b", "2"), ctxinfotest.Cookie("a", "3"), ctxinfotest.Header("X-Thing", "x"),
		ctxinfotest.Locales("fr"),
	)
	in := ctxinfo.From(echo.New().NewContext(r, httptest.NewRecorder()))
	if got := in.Theme().Type; got != "light" {
		t.Errorf("Theme().Type = %v, want the later option's", got)
	}
	if got := in.IP().String(); got != "2001:db8::7" {
		t.Errorf("IP() = %s", got)
	}
	if got := in.PageURL().String(); got != "http://example.com/page" || !client.HTMXOf(in).Request || !client.HTMXOf(in).Boosted {
		t.Errorf("PageURL() = %s", got)
	}
	if got := in.Cookies().GetAll("a"); len(got) != 1 || got[0] != "3" {
		t.Errorf("cookies a = %q, want the later option's alone", got)
	}
	if got, _ := in.Cookies().Get("b"); got != "2" {
		t.Errorf("cookie b = %q", got)
	}
	if got, _ := in.Headers().Get("X-Thing"); got != "x" {
		t.Errorf("X-Thing = %q", got)
	}
	if got := in.Locale(); got != language.French {
		t.Errorf("Locale() = %v", got)
	}
}
