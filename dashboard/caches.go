package dashboard

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

// cacheState is the state of a cache during a request.
type cacheState struct {
	Name, Group string

	id      string
	cache   cachedata.AnyCache
	stats   cachedata.Stats
	config  cachedata.Config
	samples []sample
}

// idOf returns a short id for use in addresses.
func idOf(parts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	return hex.EncodeToString(sum[:8])
}

// snapshot returns the state of all caches.
func (d *Dashboard) snapshot() (all []*cacheState) {
	for _, g := range d.cfg.Caches {
		for _, c := range g.Caches() {
			all = append(all, &cacheState{Name: c.Name(), Group: g.Name(), id: idOf(g.Name(), c.Name()), cache: c, stats: c.Stats(), config: c.Config()})
		}
	}
	return all
}

func byID(caches []*cacheState, id string) *cacheState {
	if i := slices.IndexFunc(caches, func(c *cacheState) bool { return c.id == id }); i >= 0 {
		return caches[i]
	}
	return nil
}

// tile is a number with a title.
type tile struct {
	Title, Value, Note string
	Tone               string
}

// total adds up the numbers that tiles show.
type total struct {
	calls, served, loads, failed uint64
	bytes                        int64
	entries, inFlight, waiters   int
}

func (t *total) add(s cachedata.Stats) {
	t.calls += calls(s)
	t.served += s.Hits + s.StaleHits
	t.loads += s.Loads
	t.failed += s.LoadErrors
	t.bytes += s.Bytes
	t.entries += s.Entries
	t.inFlight += s.InFlight
	t.waiters += s.Waiters
}

func (t *total) tiles() []tile {
	all := []tile{
		{Title: "Hit ratio", Value: "–"},
		{Title: "Calls", Value: count(t.calls)},
		{Title: "Loads", Value: count(t.loads), Note: "none failed"},
		{Title: "Kept", Value: count(t.entries), Note: size(t.bytes)},
		{Title: "In flight", Value: count(t.inFlight), Note: count(t.waiters) + " waiting"},
	}
	if t.calls > 0 {
		all[0].Value = percent(float64(t.served) / float64(t.calls))
	}
	if t.failed > 0 {
		all[2].Note, all[2].Tone = count(t.failed)+" failed", "bad"
	}
	return all
}

// badge shows a state in one word.
type badge struct{ Text, Tone, Title string }

// badges returns a badge for each unusual state of a cache.
func (c *cacheState) badges() (all []badge) {
	s := &c.stats
	if s.InFlight > 0 {
		all = append(all, badge{"loading", "good", count(s.InFlight) + " loads run now"})
	}
	if s.StoreDown > 0 {
		all = append(all, badge{"store down", "bad", "Its store has failed several times in a row, and is left alone for a while."})
	}
	if s.LoadErrors > 0 && s.LoadErrors*10 >= s.Loads {
		all = append(all, badge{"failing", "bad", count(s.LoadErrors) + " of " + count(s.Loads) + " loads have failed"})
	}
	if s.FailSafe > 0 {
		all = append(all, badge{"fail-safe", "warm", count(s.FailSafe) + " calls got an expired result, since a load had failed"})
	}
	return all
}

// cachesView is the list of caches.
type cachesView struct {
	Tiles   []tile
	Columns []column
	Rows    []cacheRow
	Pager   *pager
	Query   string // the text for which the names are searched
	None    bool   // there is no cache at all
}

type cacheRow struct {
	Name, Group, Href        string
	Ratio, Calls, Loads      string
	P50, P99, Entries, Bytes string
	Chart                    *line
	Badges                   []badge
}

func cachesPage(p *page, caches []*cacheState) *cachesView {
	v := &cachesView{Query: p.query.Get("q"), None: len(caches) == 0}
	var sum total
	for _, c := range caches {
		sum.add(c.stats)
	}
	v.Tiles = sum.tiles()
	var order string
	v.Columns, order = columns(p, "-calls", 1, "Cache", "name", "Hit ratio", "-ratio", "Calls", "-calls", "Loads", "-loads", "Load p50", "", "Load p99", "-p99", "Kept", "-entries", "Size", "-bytes")
	found := caches
	if v.Query != "" {
		found = nil
		for _, c := range caches {
			if strings.Contains(strings.ToLower(c.Name), strings.ToLower(v.Query)) {
				found = append(found, c)
			}
		}
	}
	sorted := slices.Clone(found)
	slices.SortStableFunc(sorted, func(a, b *cacheState) int { return compareCaches(order, a, b) })
	v.Pager = newPager(p, len(sorted))
	for _, c := range sorted[v.Pager.first:v.Pager.last] {
		row := cacheRow{
			Name: shorten(c.Name, maxName), Group: shorten(c.Group, maxName), Href: p.link("page", "cache", "id", c.id),
			Ratio: "–", Calls: count(calls(c.stats)), Loads: count(c.stats.Loads), P50: "–", P99: "–",
			Entries: count(c.stats.Entries), Bytes: size(c.stats.Bytes),
			Chart: ratioLine(c.samples, 96, 22), Badges: c.badges(),
		}
		if calls(c.stats) > 0 {
			row.Ratio = percent(c.stats.HitRatio())
		}
		if c.stats.Loads > 0 {
			row.P50, row.P99 = span(c.stats.LoadTimes.Quantile(0.5)), span(c.stats.LoadTimes.Quantile(0.99))
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func compareCaches(order string, a, b *cacheState) int {
	switch order {
	case "name":
		return strings.Compare(a.Name, b.Name)
	case "-ratio":
		return cmp.Compare(b.stats.HitRatio(), a.stats.HitRatio())
	case "-loads":
		return cmp.Compare(b.stats.Loads, a.stats.Loads)
	case "-p99":
		return cmp.Compare(b.stats.LoadTimes.Quantile(0.99), a.stats.LoadTimes.Quantile(0.99))
	case "-entries":
		return cmp.Compare(b.stats.Entries, a.stats.Entries)
	case "-bytes":
		return cmp.Compare(b.stats.Bytes, a.stats.Bytes)
	}
	return cmp.Compare(calls(b.stats), calls(a.stats))
}

// cacheView is one cache.
type cacheView struct {
	ID, Group string
	Tiles     []tile
	Badges    []badge
	Ratio     *line
	Times     *line
	Loads     *bars
	Evictions []fact
	Advice    []advice
	Settings  []fact
	States    []choice
	Columns   []column
	Entries   []entryRow
	Pager     *pager
	Part      bool // only Looked entries were read
	Looked    int
	Keys      bool // keys are shown
	Hits      bool // reads of entries are counted
	Visitors  bool // entries belong to visitors
}

// fact is a name with a text.
type fact struct{ Name, Value string }

// choice is a filter that can be chosen.
type choice struct {
	Title, Href string
	Current     bool
}

// entryRow is one entry.
type entryRow struct {
	Fingerprint, Key          string
	State, Tone               string
	Age, Expires, Took, Bytes string
	Hits, Waiting             string
	Tags                      []string
	MoreTags                  int
}

// maxLooked is how many entries are read for a page. A cache may have millions.
const maxLooked = 20_000

func (d *Dashboard) cachePage(p *page, c *cacheState, all []advice) *cacheView {
	s := &c.stats
	var sum total
	sum.add(*s)
	v := &cacheView{
		ID: c.id, Group: shorten(c.Group, maxName), Tiles: sum.tiles(), Badges: c.badges(),
		Ratio: ratioLine(c.samples, 520, 120), Times: timesLine(c.samples, 520, 120), Loads: loadBars(s.LoadTimes, 520, 120),
		Settings: settings(&c.config), Keys: d.cfg.ShowKeys, Hits: c.config.CountHits, Visitors: c.config.Scope == cachedata.Session,
	}
	for _, a := range all {
		if a.id == c.id {
			v.Advice = append(v.Advice, a)
		}
	}
	for _, cause := range []observe.Cause{
		observe.CauseSize, observe.CauseExpired, observe.CauseIdle, observe.CauseReplaced, observe.CauseDeleted, observe.CauseCleared, observe.CauseSession,
	} {
		if n := s.Evictions[cause]; n > 0 {
			v.Evictions = append(v.Evictions, fact{string(cause), count(n)})
		}
	}
	if s.Refused > 0 {
		v.Evictions = append(v.Evictions, fact{"never kept", count(s.Refused)})
	}
	v.Looked = maxLooked
	v.entries(p, c)
	return v
}

// entries reads the entries that the page shows.
func (v *cacheView) entries(p *page, c *cacheState) {
	var order string
	v.Columns, order = columns(p, "-age", 1, "Key", "", "State", "", "Age", "-age", "Expires", "expires", "Load took", "-took", "Size", "-bytes", "Hits", "-hits", "", "")
	wanted := p.query.Get("state")
	number, _ := strconv.Atoi(p.query.Get("p"))
	top := newTop(order, min(max(number, 1), maxDepth/perPage)*perPage)
	states := make(map[string]int)
	looked := 0
	for e := range c.cache.Entries() {
		if looked++; looked > maxLooked {
			v.Part = true
			break
		}
		states[e.State]++
		if wanted == "" || wanted == e.State {
			top.add(e)
		}
	}
	all := 0
	for _, n := range states {
		all += n
	}
	v.States = []choice{{"all " + count(all), p.with("state", "", "p", ""), wanted == ""}}
	for _, state := range []string{"fresh", "early", "stale", "fail-safe", "error", "not found", "loading", "expired"} {
		if n := states[state]; n > 0 || wanted == state {
			v.States = append(v.States, choice{state + " " + count(n), p.with("state", state, "p", ""), wanted == state})
		}
	}
	v.Pager = newPager(p, top.seen)
	sorted := top.sorted()
	last := min(v.Pager.last, len(sorted))
	for _, e := range sorted[min(v.Pager.first, last):last] {
		v.Entries = append(v.Entries, v.row(e))
	}
}

// tones are the tones of states.
var tones = map[string]string{"fresh": "good", "early": "good", "stale": "warm", "fail-safe": "warm", "error": "bad", "not found": "calm", "loading": "good", "expired": "calm"}

func (v *cacheView) row(e *cachedata.EntryInfo) entryRow {
	r := entryRow{State: e.State, Tone: tones[e.State], Age: span(e.Age), Expires: "never", Took: "–", Bytes: size(e.Bytes), Hits: count(e.Hits)}
	if fp, err := e.Fingerprint(); err == nil {
		r.Fingerprint = fmt.Sprintf("%016x", fp)
	}
	if v.Keys {
		r.Key = shorten(fmt.Sprintf("%+v", e.Key), maxName)
	}
	if !e.Expires.IsZero() {
		switch left := time.Until(e.Expires); {
		case left > 0:
			r.Expires = "in " + span(left)
		default:
			r.Expires = span(-left) + " ago"
		}
	}
	if e.LoadTook > 0 {
		r.Took = span(e.LoadTook)
	}
	if e.Loading {
		r.Waiting = span(e.Running) + ", " + count(e.Waiters) + " waiting"
	}
	if e.State == "loading" {
		r.Age, r.Expires = "–", "–"
	}
	for i, tag := range e.Tags {
		if i == 3 {
			r.MoreTags = len(e.Tags) - i
			break
		}
		r.Tags = append(r.Tags, shorten(tag, 40))
	}
	return r
}

// top keeps the first entries in an order.
type top struct {
	most    int
	compare func(a, b *cachedata.EntryInfo) int
	first   []*cachedata.EntryInfo // the first of them sorted, if there were so many already
	full    bool
	seen    int
}

// newTop returns a top for the first most entries.
func newTop(order string, most int) *top {
	t := &top{most: most}
	switch order {
	case "expires":
		t.compare = func(a, b *cachedata.EntryInfo) int {
			if never := a.Expires.IsZero(); never != b.Expires.IsZero() {
				if never {
					return 1
				}
				return -1
			}
			return a.Expires.Compare(b.Expires)
		}
	case "-bytes":
		t.compare = func(a, b *cachedata.EntryInfo) int { return cmp.Compare(b.Bytes, a.Bytes) }
	case "-took":
		t.compare = func(a, b *cachedata.EntryInfo) int { return cmp.Compare(b.LoadTook, a.LoadTook) }
	case "-hits":
		t.compare = func(a, b *cachedata.EntryInfo) int { return cmp.Compare(b.Hits, a.Hits) }
	default:
		t.compare = func(a, b *cachedata.EntryInfo) int { return cmp.Compare(b.Age, a.Age) }
	}
	return t
}

func (t *top) add(e cachedata.EntryInfo) {
	t.seen++
	if t.full && t.compare(&e, t.first[t.most-1]) >= 0 {
		return
	}
	own := e // only the entries that are kept are allocated
	t.first = append(t.first, &own)
	if len(t.first) >= 2*t.most {
		t.shrink()
	}
}

func (t *top) shrink() {
	slices.SortFunc(t.first, t.compare)
	if len(t.first) >= t.most {
		clear(t.first[t.most:])
		t.first, t.full = t.first[:t.most], true
	}
}

func (t *top) sorted() []*cachedata.EntryInfo {
	t.shrink()
	return t.first
}

// loadsView is the list of running loads.
type loadsView struct {
	Rows []loadRow
	More int // how many are not shown
	Keys bool
}

type loadRow struct {
	Cache, Href      string
	Fingerprint, Key string
	Running          time.Duration
	Waiters          int
	Slow             bool
}

// slow is how long a load runs until it is marked as slow.
const slow = 5 * time.Second

// maxLoads is how many loads are shown.
const maxLoads = 200

func (d *Dashboard) loadsPage(p *page, caches []*cacheState) *loadsView {
	v := &loadsView{Keys: d.cfg.ShowKeys}
	for _, c := range caches {
		if c.stats.InFlight == 0 {
			continue
		}
		for e := range c.cache.Entries() {
			if !e.Loading {
				break // entries that are being loaded come first
			}
			r := loadRow{Cache: shorten(c.Name, maxName), Href: p.link("page", "cache", "id", c.id), Running: e.Running, Waiters: e.Waiters, Slow: e.Running > slow}
			if len(v.Rows) >= maxLoads*10 {
				v.More++
				continue
			}
			if fp, err := e.Fingerprint(); err == nil {
				r.Fingerprint = fmt.Sprintf("%016x", fp)
			}
			if v.Keys {
				r.Key = shorten(fmt.Sprintf("%+v", e.Key), maxName)
			}
			v.Rows = append(v.Rows, r)
		}
	}
	slices.SortStableFunc(v.Rows, func(a, b loadRow) int { return cmp.Compare(b.Running, a.Running) })
	if over := len(v.Rows) - maxLoads; over > 0 {
		v.More += over
		v.Rows = v.Rows[:maxLoads]
	}
	return v
}
