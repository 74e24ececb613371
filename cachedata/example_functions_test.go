package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/reecho-go/reecho/cachedata"
)

// Ten functions, as a program may have them.

func greeting(context.Context) (string, error) { return "hello", nil }

func square(_ context.Context, n int) (int, error) { return n * n, nil }

func route(_ context.Context, from, to string) (string, error) { return from + "-" + to, nil }

func sum(_ context.Context, ns ...int) (n int, err error) {
	for _, m := range ns {
		n += m
	}
	return n, nil
}

type repository struct{ prefix string }

func (r *repository) find(_ context.Context, id int) (string, error) {
	return fmt.Sprint(r.prefix, id), nil
}

func bounds(_ context.Context, ns []int) (low, high int, err error) {
	return slices.Min(ns), slices.Max(ns), nil
}

func decode[T any](_ context.Context, text string) (v T, err error) {
	_, err = fmt.Sscan(text, &v)
	return v, err
}

func lines(_ context.Context, text string) iter.Seq[string] { return strings.SplitSeq(text, "\n") }

func slug(title string) string { return strings.ReplaceAll(strings.ToLower(title), " ", "-") }

func capital(_ context.Context, country string) (string, bool, error) {
	return "Paris", country == "France", nil
}

// What each of them takes to be remembered.

var cfg = cachedata.Config{TTL: time.Minute}

var (
	greetings = cachedata.Must(cachedata.New0("greeting", greeting, cfg))
	squares   = cachedata.Must(cachedata.New("square", square, cfg))
	routes    = cachedata.Must(cachedata.New2("route", route, cfg))
	slugs     = cachedata.Must(cachedata.New("slug", cachedata.Pure(slug), cfg))
	capitals  = cachedata.Must(cachedata.New("capital", cachedata.Found(capital), cfg))

	sums = cachedata.Must(cachedata.New("sum", func(ctx context.Context, ns []int) (int, error) {
		return sum(ctx, ns...)
	}, cfg))

	allBounds = cachedata.Must(cachedata.New("bounds", func(ctx context.Context, ns []int) (b [2]int, err error) {
		b[0], b[1], err = bounds(ctx, ns)
		return b, err
	}, cfg))

	allLines = cachedata.Must(cachedata.New("lines", func(ctx context.Context, text string) ([]string, error) {
		return slices.Collect(lines(ctx, text)), nil
	}, cfg))
)

func decoded[T any](ctx context.Context, text string) (T, error) {
	c, err := cachedata.GetOrNew("decode "+reflect.TypeFor[T]().String(), decode[T], cfg)
	if err != nil {
		return *new(T), err
	}
	return c.Get(ctx, text)
}

func (r *repository) cached(ctx context.Context, id int) (string, error) {
	c, err := cachedata.GetOrNew("repository "+r.prefix, r.find, cfg)
	if err != nil {
		return "", err
	}
	return c.Get(ctx, id)
}

// Functions of all shapes are remembered, most of them by one line.
func Example_functions() {
	ctx := context.Background()
	show := func(v any, err error) { fmt.Println(v, err) }
	show(greetings.Get(ctx))
	show(squares.Get(ctx, 7))
	show(routes.Get(ctx, "A", "B"))
	show(sums.Get(ctx, []int{1, 2, 3}))
	show((&repository{"user "}).cached(ctx, 1))
	show(allBounds.Get(ctx, []int{3, 1, 2}))
	show(decoded[int](ctx, "12"))
	show(decoded[float64](ctx, "12"))
	show(allLines.Get(ctx, "a\nb"))
	show(slugs.Get(ctx, "A Title"))
	show(capitals.Get(ctx, "France"))
	_, err := capitals.Get(ctx, "Nowhere")
	fmt.Println(errors.Is(err, cachedata.ErrNotFound))
	// Output:
	// hello <nil>
	// 49 <nil>
	// A-B <nil>
	// 6 <nil>
	// user 1 <nil>
	// [1 3] <nil>
	// 12 <nil>
	// 12 <nil>
	// [a b] <nil>
	// a-title <nil>
	// Paris <nil>
	// true
}

// GetOrLoad has the load at the call, where it can use what only the caller has.
func ExampleCache_GetOrLoad() {
	ctx := context.Background()
	pages := cachedata.Must(cachedata.New("loaded at the call", cachedata.NoLoad[string, string], cfg))
	client := "a client of the caller"
	load := func(_ context.Context, url string) (string, error) { return url + " by " + client, nil }
	fmt.Println(pages.GetOrLoad(ctx, "/", load))
	fmt.Println(pages.Get(ctx, "/"))
	_, err := pages.Get(ctx, "/other")
	fmt.Println(err)
	// Output:
	// / by a client of the caller <nil>
	// / by a client of the caller <nil>
	// cachedata: there is no result, and the cache has no load function: use GetOrLoad, or Put
}

// Bypass asks the origin for one call, and leaves the cache alone.
func ExampleCache_Bypass() {
	ctx, n := context.Background(), 0
	counts := cachedata.Must(cachedata.New0("bypassed", func(context.Context) (int, error) { n++; return n, nil }, cfg))
	fmt.Println(counts.Get(ctx))
	fmt.Println(counts.Bypass(ctx, struct{}{}))
	fmt.Println(counts.Get(ctx))
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 1 <nil>
}
