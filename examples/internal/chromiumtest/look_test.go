package chromiumtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/examples/internal/chromiumtest"
)

var browser chromiumtest.Browser

func TestMain(m *testing.M) {
	code := m.Run()
	if err := browser.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Each text of the page is read or not as its id says: a number is the contrast that
// is found.
const texts = `<!doctype html><style>
body { background: #fff; color: #000 }
details:not([open]) { color: #eee }
input::placeholder { color: #999; opacity: 1 }
</style>
<p>black</p>
<p style="color: #777">4.48 grey</p>
<p style="color: #767676">just dark enough</p>
<p style="color: #949494; font-size: 24px">large</p>
<p style="color: #949494; font-size: 19px; font-weight: 700">large and bold</p>
<p style="color: #949494; font-size: 19px">3.03 not large</p>
<div style="background: #000"><p style="background: #ffffff80">5.32 is enough on half of white</p><p style="background: #ffffffe0; color: #fff">1.32 white</p></div>
<div style="opacity: .5"><p>3.98 faint</p></div>
<svg><text y="20" fill="#888" color="#000">3.54 drawn</text><text y="40">drawn black<title>a tip</title></text></svg>
<p hidden style="color: #fff">hidden</p><p style="visibility: hidden; color: #fff">invisible</p><p style="opacity: 0">clear</p>
<details><summary style="color: #000">shut</summary>inside</details>
<button disabled style="color: #ccc">off</button>
<input name="2.85" placeholder="empty"><input name="full" placeholder="x" value="black"><select name="1.61" style="color: #ccc; background: #fff"><option>one</option></select>`

func TestTextsThatAreHardToReadAreFound(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, texts) }))
	defer site.Close()
	b := browser.NewTab(t)
	b.Allow("favicon", "status of 404")
	b.Open(site.URL)
	want := []string{"1.32 1.32 white", "1.61 field 1.61", "2.85 field 2.85", "3.03 3.03 not large", "3.54 3.54 drawn", "3.98 3.98 faint", "4.48 4.48 grey"}
	got := b.HardToRead()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("hard to read are\n%q, want\n%q", got, want)
	}
	if wide := b.TooWide(); len(wide) > 0 {
		t.Errorf("too wide: %q", wide)
	}
	chromiumtest.Eval[bool](b, `document.querySelector('p').style.setProperty('width', '2000px') || true`)
	if wide := b.TooWide(); len(wide) < 2 || !strings.Contains(wide[len(wide)-1], "black") {
		t.Errorf("too wide: %q", wide)
	}
	chromiumtest.Eval[bool](b, `(document.body.innerHTML = '') || true`)
	if got := b.HardToRead(); !slices.Equal(got, []string{"no text is visible"}) {
		t.Errorf("of nothing: %q", got)
	}
}
