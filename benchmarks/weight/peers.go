package main

import "time"

// peers are what is weighed: a cache of strings to a struct with a time to live
// and a loader, where the library has one, and the use of one key.
func peers() []library {
	return []library{
		{
			Name:    "cachedata.New",
			Imports: []string{"context", "time", "github.com/reecho-go/reecho/cachedata"},
			Use: `	c := cachedata.Must(cachedata.New("users%[1]d", func(context.Context, string) (V%[1]d, error) { return V%[1]d{}, nil },
		cachedata.Config{TTL: time.Minute}))
	Sink, _ = c.Get(context.Background(), "k")
`,
			First: 4_190_000, // 2 MB over otter with a loader
			File:  40 << 10, CPU: 300 * time.Millisecond,
		},
		{
			Name:    "cacheresource.New",
			Imports: []string{"context", "time", "github.com/reecho-go/reecho/cacheresource"},
			Use: `	r := cacheresource.Must(cacheresource.New("users%[1]d", func(context.Context, string) (V%[1]d, error) { return V%[1]d{}, nil },
		cacheresource.Config{TTL: time.Minute}))
	_ = r.Do(context.Background(), "k", func(v V%[1]d) error { Sink = v; return nil })
`,
			File: 40 << 10, CPU: 300 * time.Millisecond,
		},
		{
			Name:    "otter with TTL and loader",
			Imports: []string{"context", "time", "github.com/maypok86/otter/v2"},
			Use: `	c := otter.Must(&otter.Options[string, V%[1]d]{MaximumSize: 10_000, ExpiryCalculator: otter.ExpiryWriting[string, V%[1]d](time.Minute)})
	Sink, _ = c.Get(context.Background(), "k", otter.LoaderFunc[string, V%[1]d](func(context.Context, string) (V%[1]d, error) { return V%[1]d{}, nil }))
`,
		},
		{
			Name:    "golang-lru expirable",
			Imports: []string{"time", "github.com/hashicorp/golang-lru/v2/expirable"},
			Use: `	c := expirable.NewLRU[string, V%[1]d](10_000, nil, time.Minute)
	c.Add("k", V%[1]d{})
	Sink, _ = c.Get("k")
`,
		},
	}
}
