package workloads

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/cachedata"
)

// Pages is a public site with the models of an ORM: pages of 20 articles with
// seven pointers each, which have tags for each article, author and list. Some of
// the calls are writes, which clear by the tag of an author. Otter has no tags and
// no copies: who takes it writes both by hand, an index of keys for each tag and a
// copy in loops.
func Pages() []bench.Workload {
	var out []bench.Workload
	for _, percent := range []int{2, 10} {
		name := fmt.Sprintf("pages of 20 articles, %d %% writes", percent)
		out = append(out,
			pagesWorkload(bench.Workload{Name: name + ": CPU time"}, percent),
			pagesWorkload(bench.Workload{Name: name, Parallel: true}, percent),
			pagesWorkload(bench.Workload{Name: name + ": stale answers of 100,000", Unit: "answers", Once: true}, percent))
	}
	return out
}

// model is what each row of a table has.
type model struct {
	ID                   uint
	CreatedAt, UpdatedAt time.Time
	DeletedAt            struct {
		Time  time.Time
		Valid bool
	}
}

type author struct {
	model
	Name, Email string
	Version     uint64 // how often it was written
}

type article struct {
	model
	Title, Body string
	AuthorID    uint
	Author      *author
	Subtitle    *string
	PublishedAt *time.Time
	Views       *int64
	Rating      *float64
	Featured    *bool
	ParentID    *uint
	Tags        []string
}

type pageKey struct{ List, Page int }

// The site: how many authors, lists and pages it has.
const (
	siteAuthors = 512
	siteLists   = 8
	sitePages   = 32
	pageLength  = 20
)

// site is the origin: how often each author was written.
type site struct {
	versions [siteAuthors]atomic.Uint64
}

// authorOf is the author of an article on a page.
func authorOf(k pageKey, i int) int {
	return (k.List*31 + k.Page*7 + i/4*13) % siteAuthors // five authors on a page
}

// load reads a page.
func (s *site) load(k pageKey) []article {
	rows := make([]article, pageLength)
	for i := range rows {
		a := authorOf(k, i)
		id := uint((k.List*sitePages+k.Page)*pageLength + i)
		m := model{ID: id, CreatedAt: time.Unix(int64(id), 0), UpdatedAt: time.Unix(int64(id), 0)}
		rows[i] = article{
			model: m, Title: "A title of usual length", Body: "The beginning of a text that goes on for long", AuthorID: uint(a),
			Author:   &author{model: m, Name: "A name", Email: "name@example.com", Version: s.versions[a].Load()},
			Subtitle: new("A subtitle"), PublishedAt: new(time.Unix(int64(id), 0)), Views: new(int64(id)), Rating: new(4.5), Featured: new(i == 0), ParentID: new(id),
			Tags: []string{"go", "web"},
		}
	}
	return rows
}

// stale is how many of the authors on a page are older than seen.
func stale(rows []article, seen *[pageLength]uint64) bool {
	for i := range rows {
		if rows[i].Author.Version < seen[i] {
			return true
		}
	}
	return false
}

func authorTag(a int) string { return "author:" + strconv.Itoa(a) }

// pageTags are the tags of a page: its articles, its authors and its list.
func pageTags(k pageKey, rows []article) []string {
	tags := []string{"list:" + strconv.Itoa(k.List)}
	for i := range rows {
		tags = append(tags, "article:"+strconv.Itoa(int(rows[i].ID)))
		if i%4 == 0 {
			tags = append(tags, authorTag(int(rows[i].AuthorID)))
		}
	}
	return tags
}

// copyPage is the copy that somebody writes by hand.
func copyPage(rows []article) []article {
	own := slices.Clone(rows)
	for i := range own {
		r := &own[i]
		r.Author, r.Subtitle, r.PublishedAt, r.Views = new(*r.Author), new(*r.Subtitle), new(*r.PublishedAt), new(*r.Views)
		r.Rating, r.Featured, r.ParentID = new(*r.Rating), new(*r.Featured), new(*r.ParentID)
		r.Tags = slices.Clone(r.Tags)
	}
	return own
}

// pages is a cache of pages.
type pages struct {
	get   func(context.Context, pageKey) ([]article, error)
	clear func(ctx context.Context, tag string) error
	close func()
}

func ownPages(s *site) (pages, error) {
	group, err := cachedata.NewGroup("pages", cachedata.GroupConfig{})
	if err != nil {
		return pages{}, err
	}
	c, err := cachedata.New("pages", func(_ context.Context, k pageKey) ([]article, error) { return s.load(k), nil },
		cachedata.Config{Group: group, TTL: time.Hour}, cachedata.Funcs[pageKey, []article]{Tags: pageTags})
	if err != nil {
		return pages{}, err
	}
	return pages{
		get:   c.Get,
		clear: func(ctx context.Context, tag string) error { return c.ClearTag(ctx, tag) },
		close: func() { _ = group.Close(context.Background()) },
	}, nil
}

// otterPages is otter with an index of the keys that have a tag.
func otterPages(s *site) (pages, error) {
	c, err := otter.New(&otter.Options[pageKey, []article]{MaximumSize: 10_000, ExpiryCalculator: otter.ExpiryWriting[pageKey, []article](time.Hour)})
	if err != nil {
		return pages{}, err
	}
	var mu sync.Mutex
	index := map[string]map[pageKey]struct{}{}
	loader := otter.LoaderFunc[pageKey, []article](func(_ context.Context, k pageKey) ([]article, error) {
		rows := s.load(k)
		mu.Lock()
		defer mu.Unlock()
		for _, tag := range pageTags(k, rows) {
			if index[tag] == nil {
				index[tag] = map[pageKey]struct{}{}
			}
			index[tag][k] = struct{}{}
		}
		return rows, nil
	})
	return pages{
		get: func(ctx context.Context, k pageKey) ([]article, error) {
			rows, err := c.Get(ctx, k, loader)
			return copyPage(rows), err
		},
		clear: func(_ context.Context, tag string) error {
			mu.Lock()
			keys := index[tag]
			delete(index, tag)
			mu.Unlock()
			for k := range keys {
				c.Invalidate(k)
			}
			return nil
		},
		close: func() { c.StopAllGoroutines() },
	}, nil
}

func pagesWorkload(w bench.Workload, percent int) bench.Workload {
	w.Group, w.Reference = "pages", otterByHand
	w.Prepare = func() (rows []bench.Row, _ error) {
		for _, peer := range []struct {
			name string
			open func(*site) (pages, error)
		}{{Ours, ownPages}, {otterByHand, otterPages}} {
			s := &site{}
			p, err := peer.open(s)
			if err != nil {
				return rows, err
			}
			row := bench.Row{Peer: peer.name, Close: p.close, Check: func() error { return p.check(s) }}
			if w.Unit == "" {
				row.Op = func(i int) error {
					_, err := p.call(s, i, percent)
					return err
				}
			} else {
				row.Figure = func() (float64, error) { return p.staleAnswers(s, percent) }
			}
			rows = append(rows, row)
		}
		return rows, nil
	}
	return w
}

const otterByHand = "otter, tags and copies by hand"

// call is the i-th call: a read, or a write of an author, and whether what was read
// is older than the last write that had ended when the read began.
func (p *pages) call(s *site, i, percent int) (old bool, err error) {
	ctx := context.Background()
	n := int(uint64(i+1) * 0x9e3779b97f4a7c15 >> 33)
	if n%100 < percent {
		a := n / 100 % siteAuthors
		s.versions[a].Add(1)
		return false, p.clear(ctx, authorTag(a))
	}
	k := pageKey{n / 100 % siteLists, n / 1000 % sitePages}
	rows, err := p.get(ctx, k)
	return len(rows) != pageLength, err
}

// staleAnswers lets readers and a writer run at once, and counts the answers that are
// older than a clear that had returned before the call.
func (p *pages) staleAnswers(s *site, percent int) (float64, error) {
	const answers = 100_000
	var cleared [siteAuthors]atomic.Uint64
	var next, stales atomic.Int64
	errs := make([]error, 2*runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			ctx := context.Background()
			for i := next.Add(1); i <= answers && errs[w] == nil; i = next.Add(1) {
				n := int(uint64(i) * 0x9e3779b97f4a7c15 >> 33)
				if n%100 < percent {
					a := n / 100 % siteAuthors
					version := s.versions[a].Add(1)
					errs[w] = p.clear(ctx, authorTag(a))
					for old := cleared[a].Load(); old < version && !cleared[a].CompareAndSwap(old, version); old = cleared[a].Load() {
					}
					continue
				}
				k := pageKey{n / 100 % siteLists, n / 1000 % sitePages}
				var seen [pageLength]uint64
				for i := range seen {
					seen[i] = cleared[authorOf(k, i)].Load()
				}
				rows, err := p.get(ctx, k)
				if errs[w] = err; stale(rows, &seen) {
					stales.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return float64(stales.Load()), errors.Join(errs...)
}

// check says whether pages are right, one's own, and new after a clear.
func (p *pages) check(s *site) error {
	ctx, k := context.Background(), pageKey{1, 2}
	a := authorOf(k, 0)
	for range 3 {
		version := s.versions[a].Add(1)
		if err := p.clear(ctx, authorTag(a)); err != nil {
			return err
		}
		rows, err := p.get(ctx, k)
		if err != nil || len(rows) != pageLength || rows[0].Author.Version != version {
			return errors.Join(fmt.Errorf("%d articles, or an author who is not of version %d", len(rows), version), err)
		}
		*rows[0].Subtitle, rows[1].Tags[0] = "changed", "changed"
		again, err := p.get(ctx, k)
		if err != nil || *again[0].Subtitle != "A subtitle" || again[1].Tags[0] != "go" {
			return errors.Join(errors.New("a page is not the caller's own"), err)
		}
	}
	return nil
}
