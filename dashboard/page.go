package dashboard

import (
	"bytes"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

//go:embed templates/*.html
var sources embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"asset":   assetURL,
	"count":   count[uint64],
	"number":  count[int],
	"size":    size,
	"percent": percent,
	"span":    span,
	"name":    func(s string) string { return shorten(s, maxName) },
	"text":    func(s string) string { return shorten(s, maxParameter) },
	"clock":   func(t time.Time) string { return t.Format(time.TimeOnly) },
	"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"tone":    tone,
}).ParseFS(sources, "templates/*.html"))

// tone returns the CSS class for a level of events.
func tone(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "bad"
	case l >= slog.LevelWarn:
		return "warm"
	case l >= slog.LevelInfo:
		return "good"
	}
	return "calm"
}

// perPage is how many rows a page has.
const perPage = 50

// page is the data of the templates: what all pages show, and View, which differs by page.
type page struct {
	Name  string // which page
	Title string
	Tabs  []tab
	Live  bool   // the script updates the page every two seconds
	Self  string // the address of this page
	Other string // the address of this page with the opposite of Live
	Done  string // a message about the action that led to this page
	Field string // the name of the form field of Config.Token
	Token string
	View  any

	query url.Values
}

// tab is a link to a page in the navigation.
type tab struct {
	Name, Title, Href string
	Current           bool
	Badge             int
}

// link returns the address of another page, with the Live of this one.
func (p *page) link(pairs ...string) string {
	q := url.Values{}
	if !p.Live {
		q.Set("live", "off")
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return "?" + q.Encode() // with the question mark, because an empty reference would keep the present query
}

// with returns the address of this page with parameters set or, for an empty value, removed.
func (p *page) with(pairs ...string) string {
	q := url.Values{}
	for name, values := range p.query {
		if name != "done" {
			q[name] = values
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		q.Del(pairs[i])
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return "?" + q.Encode()
}

// doneTexts has the messages after an action, by the parameter "done" of the address.
var doneTexts = map[string]string{
	"cleared":   "Cleared.",
	"deleted":   "Deleted.",
	"refreshed": "Loaded again.",
	"gone":      "There is no such entry any more.",
	"ended":     "Logged out.",
}

// maxParameter bounds a parameter of the query. Longer ones are ignored.
const maxParameter = 256

// queryNames are the names of the query parameters that pages use.
var queryNames = []string{"page", "id", "sort", "p", "q", "state", "level", "live", "done"}

// show answers a GET. found is the view that an action has made, or nil.
func (d *Dashboard) show(w http.ResponseWriter, r *http.Request, found *sessionsView) {
	asked := r.URL.Query()
	query := url.Values{}
	for _, name := range queryNames {
		if v := asked.Get(name); v != "" && len(v) <= maxParameter {
			query.Set(name, v)
		}
	}
	p := &page{query: query, Name: query.Get("page"), Live: query.Get("live") != "off"}
	p.Self = p.with()
	live := "off"
	if !p.Live {
		live = ""
	}
	p.Other = p.with("live", live)
	p.Done = doneTexts[query.Get("done")]
	if d.cfg.Token != nil {
		p.Field, p.Token = d.cfg.Token(r)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	status := http.StatusOK
	if !d.view(r, p, found) {
		status = http.StatusNotFound
		p.Name, p.Title, p.Live, p.View = "missing", "Not found", false, nil
	}
	name := "page"
	if r.Header.Get("HX-Request") == "true" && r.Method == http.MethodGet {
		name = "live"
	}
	var body bytes.Buffer
	if err := templates.ExecuteTemplate(&body, name, p); err != nil {
		http.Error(w, "The page cannot be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes()) // if this fails, the client is gone
	}
}

// view sets the title and View of the page that p names, and reports whether there is such a page.
func (d *Dashboard) view(r *http.Request, p *page, found *sessionsView) bool {
	caches := d.snapshot()
	if r.Method != http.MethodHead {
		d.history.note(time.Now(), caches)
	}
	advice := advise(caches)
	events, notices := d.events.read()
	p.Tabs = d.tabs(p, caches, len(advice)+len(notices))
	switch p.Name {
	case "":
		p.Title, p.View = "Caches", cachesPage(p, caches)
	case "cache":
		c := byID(caches, p.query.Get("id"))
		if c == nil {
			return false
		}
		p.Title, p.View = c.Name, d.cachePage(p, c, advice)
	case "loads":
		p.Title, p.View = "Loads in flight", d.loadsPage(p, caches)
	case "resources":
		p.Title, p.View = "Resources", d.resourcesPage(p)
	case "sessions":
		if d.cfg.Sessions == nil {
			return false
		}
		if found == nil {
			found = new(sessionsView)
		}
		found.Stats = d.cfg.Sessions.Stats()
		p.Title, p.View = "Sessions", found
	case "responses":
		if len(d.cfg.Responses) == 0 {
			return false
		}
		p.Title, p.View = "Responses", d.responsesPage(p)
	case "events":
		p.Title, p.View = "Events", eventsPage(p, events)
	case "advice":
		p.Title, p.View = "Advice", advicePage(p, caches, advice, notices)
	default:
		return false
	}
	return true
}

// tabs returns the navigation.
func (d *Dashboard) tabs(p *page, caches []*cacheState, advice int) []tab {
	loading := 0
	for _, c := range caches {
		loading += c.stats.InFlight
	}
	all := []tab{{Title: "Caches"}, {Name: "loads", Title: "Loads", Badge: loading}, {Name: "resources", Title: "Resources"}}
	if d.cfg.Sessions != nil {
		all = append(all, tab{Name: "sessions", Title: "Sessions"})
	}
	if len(d.cfg.Responses) > 0 {
		all = append(all, tab{Name: "responses", Title: "Responses"})
	}
	all = append(all, tab{Name: "events", Title: "Events"}, tab{Name: "advice", Title: "Advice", Badge: advice})
	for i := range all {
		t := &all[i]
		t.Href = p.link("page", t.Name)
		t.Current = t.Name == p.Name || t.Name == "" && p.Name == "cache"
	}
	return all
}

// pager splits a long table into pages and links them.
type pager struct {
	From, To, All    int
	Previous, Next   string // addresses; empty: there is none
	Deeper           bool   // there are rows beyond maxDepth
	first, last, num int
}

// maxDepth is how many rows of a table can be reached page by page. To see others, the reader
// filters the table.
const maxDepth = 10_000

// newPager returns the pager of a table with all rows, for the page that the query asks for.
func newPager(p *page, all int) *pager {
	num, _ := strconv.Atoi(p.query.Get("p"))
	reach := min(all, maxDepth)
	num = min(max(num, 1), max((reach+perPage-1)/perPage, 1))
	g := &pager{All: all, num: num, first: (num - 1) * perPage, last: min(num*perPage, reach), Deeper: all > reach}
	g.From, g.To = min(g.first+1, g.last), g.last
	if num > 1 {
		g.Previous = p.with("p", strconv.Itoa(num-1))
	}
	if g.last < reach {
		g.Next = p.with("p", strconv.Itoa(num+1))
	}
	return g
}

// column is the head of a column, by which the table may be sorted.
type column struct {
	Title, Href, Sort string // Sort is the value of aria-sort if the table is sorted by it
	Number            bool
}

// columns returns the heads of a table, and the name of the order in which it is sorted. pairs
// has, for each column, its title and the name of its order, or "" if the table cannot be sorted
// by it. The columns from the index numbers on hold numbers. first is the default order.
func columns(p *page, first string, numbers int, pairs ...string) (all []column, order string) {
	order = p.query.Get("sort")
	valid := false
	for i := 1; i < len(pairs); i += 2 {
		valid = valid || pairs[i] != "" && pairs[i] == order
	}
	if !valid {
		order = first
	}
	for i := 0; i < len(pairs); i += 2 {
		c := column{Title: pairs[i], Number: i/2 >= numbers}
		if name := pairs[i+1]; name != "" {
			c.Href = p.with("sort", name, "p", "")
			if name == order {
				c.Sort = "descending"
				if name == "name" {
					c.Sort = "ascending"
				}
			}
		}
		all = append(all, c)
	}
	return all, order
}
