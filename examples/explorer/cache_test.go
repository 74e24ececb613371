package main

import (
	"errors"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store/boltstore"
)

var cacheLine = regexp.MustCompile(`id="cache-(\w+)">\s*<p><span class="badge (\w+)">[^<]+</span> <span>([^<]+)</span> <span>query took ([\d.,]+)\x{a0}ms`)

// caches is what each panel says about its result.
func (r response) caches(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, m := range cacheLine.FindAllStringSubmatch(r.body, -1) {
		all[m[1]] = m[2]
		if m[3] == "" || m[4] == "" {
			t.Errorf("%s does not tell its age and cost: %q", m[1], m)
		}
	}
	if len(all) != 6 {
		t.Fatalf("%d panels say where their results came from, want 6: %v", len(all), all)
	}
	return all
}

func (r response) want(t *testing.T, kind string, except ...string) {
	t.Helper()
	for panel, got := range r.caches(t) {
		want := kind
		for _, e := range except {
			if e == panel {
				want = map[string]string{"hit": "miss", "miss": "hit"}[kind]
			}
		}
		if got != want {
			t.Errorf("%v: %s is a %s, want a %s", r.url, panel, got, want)
		}
	}
}

func TestPanelsSayHitOrMiss(t *testing.T) {
	t.Parallel()
	site := siteOn(t, t.TempDir())
	v := site.visitor(t)
	v.get("/?state=Ohio").want(t, "miss")
	v.get("/?state=Ohio").want(t, "hit")
	v.get("/?state=Ohio&page=2").want(t, "hit", "strikes")
	v.get("/?state=Ohio&page=2&sort=-cost").want(t, "hit", "strikes")
	v.get("/?state=Iowa").has(t, 400)
	v.get("/?state=Utah").want(t, "miss")
	site.visitor(t).get("/?state=Ohio").want(t, "hit") // results are everybody's

	// The same selection in other words is the same key.
	v.get("/?size=Small&size=Large").want(t, "miss")
	v.get("/?size=Large&size=Small&size=Large").want(t, "hit")
}

func TestClearingDropsOneResultOrAll(t *testing.T) {
	t.Parallel()
	v := siteOn(t, t.TempDir()).visitor(t)
	for _, panel := range []string{"totals", "months", "airports", "species", "phases", "strikes"} {
		v.get("/?state=Ohio")
		v.get("/?state=Utah")
		page := v.post("/clear", "panel", panel, "query", "state=Ohio")
		if page.url.RequestURI() != "/?state=Ohio" {
			t.Errorf("it leads to %v", page.url)
		}
		page.has(t, 200, "Cleared one result.")
		page.want(t, "hit", panel)
		page = v.get("/?state=Ohio")
		page.want(t, "hit")
		page.lacks(t, "Cleared one result.") // a message is shown once
		v.get("/?state=Utah").want(t, "hit")
	}
	page := v.post("/clear", "panel", "all", "query", "state=Ohio")
	page.has(t, 200, "Cleared all cached results.")
	page.want(t, "miss")
	v.get("/?state=Utah").want(t, "miss")
}

func TestResultsComeFromDiskAfterARestart(t *testing.T) {
	t.Parallel()
	cfg := config{State: t.TempDir(), Persist: filepath.Join(t.TempDir(), "results.db"), Budget: time.Minute}
	start := func() (*site, *visitor) {
		a, err := newApp(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		s := &site{httptest.NewTLSServer(a), a}
		return s, s.visitor(t)
	}
	stop := func(s *site) {
		t.Helper()
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
	first, v := start()
	v.get("/?state=Utah").want(t, "miss")
	v.get("/?state=Ohio").want(t, "miss")
	if err := first.app.results.group.ClearTag(t.Context(), "state Utah"); err != nil {
		t.Error(err)
	}
	if _, err := newApp(t.Context(), cfg); !errors.Is(err, boltstore.ErrInUse) {
		t.Errorf("a second program on the file: %v", err)
	}
	stop(first)

	again, v := start()
	defer stop(again)
	page := v.get("/?state=Ohio")
	page.want(t, "hit")
	page.has(t, 200, "From disk")
	v.get("/?state=Ohio").has(t, 200, "Hit")
	v.get("/?state=Utah").want(t, "miss")
}
