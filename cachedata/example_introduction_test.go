package cachedata_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/reecho-go/reecho/cachedata"
)

// These are the steps of docs/introduction.md, which shows them as they are.

// A cache is made of a function. Get calls the function once for each key.
func ExampleNew() {
	load := func(_ context.Context, id int) (string, error) {
		fmt.Println("loading", id) // a query that takes a second
		return "product " + strconv.Itoa(id), nil
	}
	products := cachedata.Must(cachedata.New("products", load, cachedata.Config{}))

	ctx := context.Background()
	fmt.Println(products.Get(ctx, 1))
	fmt.Println(products.Get(ctx, 1))
	fmt.Println(products.Get(ctx, 2))
	// Output:
	// loading 1
	// product 1 <nil>
	// product 1 <nil>
	// loading 2
	// product 2 <nil>
}

// Each caller gets a copy that it may change.
func ExampleCache_Get_copies() {
	load := func(context.Context) ([]string, error) { return []string{"red", "green"}, nil }
	colours := cachedata.Must(cachedata.New0("colours", load, cachedata.Config{}))

	ctx := context.Background()
	mine, err := colours.Get(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	mine[0] = "black"
	fmt.Println(colours.Get(ctx))
	// Output:
	// [red green] <nil>
}

// TTL says how long a result may be used. GetMeta says where it came from.
func ExampleConfig_timeToLive() {
	load := func(_ context.Context, city string) (int, error) { return len(city), nil }
	weather := cachedata.Must(cachedata.New("weather", load, cachedata.Config{TTL: time.Minute}))

	ctx := context.Background()
	for range 2 {
		degrees, meta, err := weather.GetMeta(ctx, "Oslo")
		fmt.Println(degrees, err, meta.Source, time.Until(meta.Expires) > 50*time.Second)
	}
	degrees, err := weather.Refresh(ctx, "Oslo") // loads now, whatever is kept
	fmt.Println(degrees, err, weather.Stats().Loads)
	// Output:
	// 4 <nil> load true
	// 4 <nil> hit true
	// 4 <nil> 2
}

// Two arguments are New2, more are a struct. All of them identify the result.
func ExampleNew2() {
	distance := func(_ context.Context, from, to string) (int, error) {
		fmt.Println("measuring", from, to)
		return len(from) + len(to), nil
	}
	distances := cachedata.Must(cachedata.New2("distances", distance, cachedata.Config{}))

	type filter struct {
		State   string
		Species []string
		Year    int
	}
	count := func(_ context.Context, f filter) (int, error) {
		fmt.Println("counting", f.State, f.Species, f.Year)
		return len(f.Species), nil
	}
	strikes := cachedata.Must(cachedata.New("strikes", count, cachedata.Config{}))

	ctx := context.Background()
	fmt.Println(distances.Get(ctx, "Oslo", "Rome"))
	fmt.Println(distances.Get(ctx, "Oslo", "Rome"))
	fmt.Println(strikes.Get(ctx, filter{"Texas", []string{"gull", "dove"}, 2024}))
	fmt.Println(strikes.Get(ctx, filter{"Texas", []string{"gull", "dove"}, 2024}))
	// Output:
	// measuring Oslo Rome
	// 8 <nil>
	// 8 <nil>
	// counting Texas [gull dove] 2024
	// 2 <nil>
	// 2 <nil>
}

// A hundred callers who miss the same key at once share one load.
func ExampleCache_Get_oneLoad() {
	load := func(_ context.Context, year int) (string, error) {
		fmt.Println("making the report of", year)
		return "report of " + strconv.Itoa(year), nil
	}
	yearly := cachedata.Must(cachedata.New("yearly reports", load, cachedata.Config{Timeout: 10 * time.Second}))

	var callers sync.WaitGroup
	for range 100 {
		callers.Go(func() {
			if _, err := yearly.Get(context.Background(), 2026); err != nil {
				fmt.Println(err)
			}
		})
	}
	callers.Wait()
	fmt.Println(yearly.Stats().Loads, "load")
	// Output:
	// making the report of 2026
	// 1 load
}

// After a write to the origin, Delete drops what was loaded before it.
func ExampleCache_Delete() {
	names := map[int]string{1: "Ada"} // stands for a database
	load := func(_ context.Context, id int) (string, error) { return names[id], nil }
	people := cachedata.Must(cachedata.New("people", load, cachedata.Config{}))

	ctx := context.Background()
	fmt.Println(people.Get(ctx, 1))
	names[1] = "Ada Lovelace"
	fmt.Println(people.Get(ctx, 1))
	if err := people.Delete(ctx, 1); err != nil {
		fmt.Println(err)
	}
	fmt.Println(people.Get(ctx, 1))
	// Output:
	// Ada <nil>
	// Ada <nil>
	// Ada Lovelace <nil>
}

// A result can have tags. ClearTag of the group drops all results that have one,
// in all caches of the group.
func ExampleGroup_ClearTag() {
	type article struct{ ID, Author int }
	byID := func(_ context.Context, id int) (article, error) {
		fmt.Println("loading article", id)
		return article{ID: id, Author: 7}, nil
	}
	byAuthor := func(_ context.Context, author int) ([]article, error) {
		fmt.Println("listing articles of", author)
		return []article{{1, author}, {2, author}}, nil
	}
	group := cachedata.Must(cachedata.NewGroup("blog", cachedata.GroupConfig{}))
	articles := cachedata.Must(cachedata.New("article", byID, cachedata.Config{Group: group}, cachedata.Funcs[int, article]{
		Tags: func(_ int, a article) []string { return []string{fmt.Sprint("author:", a.Author)} },
	}))
	lists := cachedata.Must(cachedata.New("articles of an author", byAuthor, cachedata.Config{Group: group}, cachedata.Funcs[int, []article]{
		KeyTags: func(author int) []string { return []string{fmt.Sprint("author:", author)} },
	}))

	ctx := context.Background()
	read := func() {
		_, err := articles.Get(ctx, 1)
		list, errList := lists.Get(ctx, 7)
		fmt.Println(len(list), errors.Join(err, errList))
	}
	read()
	read()
	fmt.Println("author 7 has a new name:", group.ClearTag(ctx, "author:7"))
	read()
	// Output:
	// loading article 1
	// listing articles of 7
	// 2 <nil>
	// 2 <nil>
	// author 7 has a new name: <nil>
	// loading article 1
	// listing articles of 7
	// 2 <nil>
}

// That there is nothing for a key can be remembered too, so that the origin is
// not asked again for each request.
func ExampleErrorConfig() {
	load := func(_ context.Context, name string) (int, error) {
		fmt.Println("SELECT ... WHERE name =", name)
		return 0, sql.ErrNoRows
	}
	accounts := cachedata.Must(cachedata.New("accounts", load, cachedata.Config{
		TTL: time.Minute,
		Errors: cachedata.ErrorConfig{
			NotFoundTTL: 10 * time.Second,
			IsNotFound:  func(err error) bool { return errors.Is(err, sql.ErrNoRows) },
		},
	}))

	ctx := context.Background()
	for range 2 {
		_, err := accounts.Get(ctx, "nobody")
		fmt.Println(errors.Is(err, sql.ErrNoRows))
	}
	_ = accounts.Delete(ctx, "nobody") // when such an account has been made
	_, err := accounts.Get(ctx, "nobody")
	fmt.Println(errors.Is(err, sql.ErrNoRows))
	// Output:
	// SELECT ... WHERE name = nobody
	// true
	// true
	// SELECT ... WHERE name = nobody
	// true
}

// Stale.For answers at once with the old result, and loads the new one in the
// background.
func ExampleStaleConfig() {
	price, refreshing := 100, make(chan int, 1)
	load := func(context.Context) (int, error) {
		price++
		if price > 101 {
			refreshing <- price
		}
		return price, nil
	}
	prices := cachedata.Must(cachedata.New0("price", load, cachedata.Config{
		TTL:   time.Nanosecond, // over at once, for this example
		Stale: cachedata.StaleConfig{For: time.Hour},
	}))

	ctx := context.Background()
	for range 2 {
		p, meta, err := prices.GetMeta(ctx, struct{}{})
		fmt.Println(p, meta.Source, err)
	}
	fmt.Println("refreshed to", <-refreshing)
	// Output:
	// 101 load <nil>
	// 101 stale <nil>
	// refreshed to 102
}

// Stale.OnError answers with the old result when the origin is down (fail-safe).
func ExampleStaleConfig_failSafe() {
	down, asked := false, 0
	load := func(context.Context) (string, error) {
		asked++
		if down {
			return "", errors.New("no route to host")
		}
		return "1 EUR = 11.70 NOK", nil
	}
	rates := cachedata.Must(cachedata.New0("rates", load, cachedata.Config{
		TTL:   time.Nanosecond, // over at once, for this example
		Stale: cachedata.StaleConfig{OnError: 24 * time.Hour, RetryAfter: time.Minute},
	}))

	ctx := context.Background()
	for range 3 {
		rate, meta, err := rates.GetMeta(ctx, struct{}{})
		fmt.Println(rate, meta.Source, err)
		down = true
	}
	fmt.Println("asked", asked, "times") // not again before RetryAfter
	// Output:
	// 1 EUR = 11.70 NOK load <nil>
	// 1 EUR = 11.70 NOK fail-safe <nil>
	// 1 EUR = 11.70 NOK fail-safe <nil>
	// asked 2 times
}

// Entries lists what a cache holds, and Stats counts what it has done.
func ExampleCache_Entries() {
	load := func(ctx context.Context, path string) (string, error) {
		cachedata.LoadingFrom(ctx).AddTags("page")
		return "<h1>" + path + "</h1>", nil
	}
	pages := cachedata.Must(cachedata.New("pages", load, cachedata.Config{
		TTL:        time.Hour,
		MaxEntries: 1_000,
		MaxBytes:   8 << 20,
		CountHits:  true,
	}))

	ctx := context.Background()
	for _, path := range []string{"/", "/", "/", "/about"} {
		if _, err := pages.Get(ctx, path); err != nil {
			fmt.Println(err)
		}
	}
	for e := range pages.Entries() {
		fmt.Println(e.Key, e.State, e.Tags, e.Hits)
	}
	stats := pages.Stats()
	fmt.Println(stats.Hits, stats.Misses, stats.Bytes < 8<<20)
	// Unordered output:
	// / fresh [page] 2
	// /about fresh [page] 0
	// 2 2 true
}

// After a write, clear by tags what may show it: the item, also if "not found" was
// remembered for it, and the lists, also those that do not contain it yet.
func Example_invalidation() {
	type article struct {
		ID    int
		Title string
	}
	rows := []article{{1, "Caching"}}             // stands for a database
	find := func(id int) (article, bool, error) { // the repository's methods have no context
		i := slices.IndexFunc(rows, func(a article) bool { return a.ID == id })
		if i < 0 {
			return article{}, false, nil
		}
		return rows[i], true, nil
	}
	list := func() ([]article, error) { return slices.Clone(rows), nil }

	group := cachedata.Must(cachedata.NewGroup("articles", cachedata.GroupConfig{}))
	cfg := cachedata.Config{
		Group:  group,
		TTL:    time.Hour, // in case a write does not come this way
		Errors: cachedata.ErrorConfig{NotFoundTTL: time.Minute},
	}
	tag := func(id int) string { return "article:" + strconv.Itoa(id) }
	byID := cachedata.Found(func(_ context.Context, id int) (article, bool, error) { return find(id) })
	articles := cachedata.Must(cachedata.New("article", byID, cfg, cachedata.Funcs[int, article]{
		KeyTags: func(id int) []string { return []string{tag(id)} },
	}))
	latest := cachedata.Must(cachedata.New0("latest", func(context.Context) ([]article, error) { return list() }, cfg, cachedata.Funcs[struct{}, []article]{
		KeyTags: func(struct{}) []string { return []string{"lists of articles"} },
	}))
	save := func(ctx context.Context, a article) (err error) {
		defer func() { // after the commit, and also if the write seems to have failed
			ctx := context.WithoutCancel(ctx) // also if the client has hung up
			err = errors.Join(err, group.ClearTag(ctx, tag(a.ID), "lists of articles"))
		}()
		rows = append(rows, a) // the transaction, with its commit
		return nil
	}

	ctx := context.Background()
	show := func() {
		a, err := articles.Get(ctx, 2)
		all, errAll := latest.Get(ctx)
		fmt.Println(a.Title, errors.Is(err, cachedata.ErrNotFound), len(all), errAll)
	}
	show()
	fmt.Println("saved:", save(ctx, article{2, "Tags"}))
	show()
	// Output:
	// true 1 <nil>
	// saved: <nil>
	// Tags false 2 <nil>
}
