package main

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/reecho-go/reecho/ctxinfo"
)

func TestYouShowsEveryFacet(t *testing.T) {
	t.Parallel()
	seen := map[ctxinfo.Facet]bool{}
	for _, f := range allFacts() {
		seen[f.facet] = true
	}
	for f := ctxinfo.FacetIP; f <= ctxinfo.FacetPageURL; f++ {
		if !seen[f] {
			t.Errorf("%v is not shown", f)
		}
	}
}

// row is one facet of the page: value, source, trusted.
func row(id, value, source, trusted string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)<tr id="you-` + id + `">\s*<th[^>]*>[^<]+</th>\s*<td>` + value + `</td>\s*<td>` + source + `</td>\s*<td data-label="Trusted"><span class="badge \w+">` + trusted + `</span>`)
}

func TestYouSaysValueSourceAndTrust(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.header = http.Header{
		"Accept-Language": {"en-GB, fr;q=0.5"}, "User-Agent": {"curl/8"}, "X-Forwarded-For": {"6.6.6.6"}, "X-Forwarded-Host": {"evil.test"},
		"Save-Data": {"on"}, "Sec-Gpc": {"1"}, "Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"<b>"},
		"Cookie": {"ctx=1&tz=Asia/Kolkata&theme=dark&motion=reduce"}, "Sec-Fetch-Dest": {"document"},
		"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "X-Secret": {"<script>alert(1)</script>"},
	}
	page := v.get("/you")
	page.has(t, http.StatusOK, "What this server knows about you", "<code>X-Secret</code>", "<code>ctx</code>", "<td>default</td>\n<td data-label=\"Trusted\"></td>", `<tr id="you-hx-request">`)
	page.lacks(t, "header Sec-Fetch-Mode", "header HX-", "6.6.6.6", "evil.test", "alert(1)")
	for _, want := range []*regexp.Regexp{
		row("ip", `127\.0\.0\.1`, "connection", "yes"),
		row("scheme", "https", "connection", "yes"),
		row("host", `127\.0\.0\.1:\d+`, "header Host", "no"),
		row("locale", `en-GB ← en-GB, fr`, "header Accept-Language", "no"),
		row("time-zone", `Asia/Kolkata, now \d\d:\d\d &#43;05:30`, "cookie ctx", "no"),
		row("theme", "Dark", "cookie ctx", "no"),
		row("reduced-motion", "yes", "cookie ctx", "no"),
		row("embedded", "no", "header Sec-Fetch-Dest", "no"),
		row("user-agent", "an automated client", "header User-Agent", "no"),
		row("request-id", `[\w-]{8,64}`, "generated", "yes"),
		row("save-data", "yes", "header Save-Data", "no"),
		row("sec-gpc", "yes", "header Sec-GPC", "no"),
		row("sec-fetch-site", "cross-site", "header Sec-Fetch-Site", "no"),
		row("sec-fetch-dest", "document", "header Sec-Fetch-Dest", "no"),
		row("traceparent", `0af7651916cd43dd8448eb211c80319c`, "header Traceparent", "no"),
	} {
		if !want.MatchString(page.body) {
			t.Errorf("the page lacks %s\n%s", want, page.body)
			break
		}
	}
}

// The browser's own word reaches the page by the script, changes with it, and
// htmx says that the page is in no frame.
func TestBrowserYou(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	_, err := chromedp.Call(b.Context(), emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	b.open(p.URL)
	b.Click(`.visitor a[href="/you"]`)
	b.At("/you")
	cell := func(id string) string { return `document.querySelector("#you-` + id + `")?.innerText` }
	b.Until(cell("time-zone") + `.includes("Europe/Berlin")`)
	b.Until(cell("theme") + `.includes("Light")`)
	b.Until(cell("embedded") + `.includes("X-Ctx-Embedded")`)
	b.Scheme("dark")
	b.Until(cell("theme") + `.includes("Dark")`)
	b.At("/you")
	b.Until(cell("hx-request") + `.includes("HX-Request")`)
	b.Until(cell("sec-fetch-site") + `.includes("same-origin")`)
	b.Size(320, 900)
	if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		t.Errorf("the page is %d pixels too wide for a small phone", over)
	}
	b.Do(chromedp.Reload())
	b.Until(cell("embedded") + `.includes("Sec-Fetch-Dest")`)
	b.Until(cell("sec-fetch-mode") + `.includes("navigate")`)
	b.travels(chromedp.NavigateBack(), "/")
	b.Shows("1 to 25 of 10,000")
}
