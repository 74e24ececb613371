package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/echov4"
)

type User struct {
	ID    int
	Name  string
	Roles []string
}

func loadUser(_ context.Context, id int) (User, error) {
	fmt.Println("loading", id)
	return User{ID: id, Name: "Ann", Roles: []string{"admin"}}, nil
}

var users = cachedata.Must(cachedata.New("users", loadUser, cachedata.Config{TTL: time.Minute}))

// Everybody gets a copy of their own: what one does to it, the next does not see.
func Example() {
	ctx := context.Background()
	for range 2 {
		u, err := users.Get(ctx, 42)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(u.Name, u.Roles)
		u.Roles[0] = "changed"
	}
	// Output:
	// loading 42
	// Ann [admin]
	// Ann [admin]
}

// Several arguments are a struct. What the loader needs, but what does not
// change the result, is left out of the key.
func ExampleNew_severalArguments() {
	type query struct {
		State   string
		Species []string
		Log     func(string) `hash:"ignore"`
	}
	counts := cachedata.Must(cachedata.New("counts", func(_ context.Context, q query) (int, error) {
		q.Log("counting in " + q.State)
		return len(q.State) + len(q.Species), nil
	}, cachedata.Config{}))

	log := func(s string) { fmt.Println(s) }
	n, _ := counts.Get(context.Background(), query{"Texas", []string{"gull", "dove"}, log})
	m, _ := counts.Get(context.Background(), query{State: "Texas", Species: []string{"gull", "dove"}})
	fmt.Println(n, m)
	// Output:
	// counting in Texas
	// 7 7
}

// Repo is a service whose method is slow.
type Repo struct{ prefix string }

// Title is the slow method.
func (r *Repo) Title(_ context.Context, id int) (string, error) {
	return fmt.Sprint(r.prefix, id), nil
}

// A method value captures its receiver, which is no part of the key.
func ExampleNew_methodValue() {
	repo := &Repo{prefix: "report "}
	titles := cachedata.Must(cachedata.New("titles", repo.Title, cachedata.Config{}))
	title, err := titles.Get(context.Background(), 7)
	fmt.Println(title, err)
	// Output:
	// report 7 <nil>
}

// Tree has a cache whose loader uses that cache with other keys. As a package
// variable this would be an initialization cycle, which Go refuses.
type Tree struct{ sizes *cachedata.Cache[string, int] }

func NewTree(children map[string][]string) (*Tree, error) {
	t := &Tree{}
	var err error
	t.sizes, err = cachedata.New("tree sizes", func(ctx context.Context, node string) (int, error) {
		size := 1
		for _, child := range children[node] {
			n, err := t.sizes.Get(ctx, child) // pass on ctx: it knows the way here
			if err != nil {
				return 0, err
			}
			size += n
		}
		return size, nil
	}, cachedata.Config{})
	return t, err
}

func ExampleNew_cacheInAStruct() {
	t, err := NewTree(map[string][]string{"root": {"a", "b"}, "a": {"c"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := t.sizes.Get(context.Background(), "root")
	fmt.Println(n, err)

	loop, _ := cachedata.NewGroup("loop", cachedata.GroupConfig{})
	var self *cachedata.Cache[int, int]
	self = cachedata.Must(cachedata.New("self", func(ctx context.Context, k int) (int, error) {
		return self.Get(ctx, k)
	}, cachedata.Config{Group: loop}))
	_, err = self.Get(context.Background(), 1)
	cycle, ok := errors.AsType[*cachedata.CycleError](err)
	fmt.Println(ok, len(cycle.Path))
	// Output:
	// 4 <nil>
	// true 2
}

// Meta says what a result cost, and how old it is.
func ExampleCache_GetMeta() {
	squares := cachedata.Must(cachedata.New("squares", func(_ context.Context, n int) (int, error) { return n * n, nil }, cachedata.Config{}))
	for range 2 {
		v, meta, err := squares.GetMeta(context.Background(), 9)
		fmt.Println(v, meta.Source, err)
	}
	// Output:
	// 81 load <nil>
	// 81 hit <nil>
}

// The fingerprint is a short name for logs and events: the same for equal
// arguments in every process, and no identity. Whoever wants to can make two
// arguments share one; they never share a result.
func ExampleCache_Fingerprint() {
	type filter struct {
		State string
		Tags  []string `hash:"set"`
	}
	hits := cachedata.Must(cachedata.New("filters", func(_ context.Context, f filter) (int, error) {
		return len(f.Tags), nil
	}, cachedata.Config{}))
	a, err := hits.Fingerprint(filter{"Texas", []string{"day", "rain"}})
	b, _ := hits.Fingerprint(filter{"Texas", []string{"rain", "day"}})
	c, _ := hits.Fingerprint(filter{"Ohio", nil})
	fmt.Println(a == b, a == c, err)
	// Output:
	// true false <nil>
}

// HashFuncs makes a type part of the key that could not be: here a database
// by its name, so that each has results of its own.
func ExampleConfig_hashFuncs() {
	type database struct {
		name string
		lock chan struct{} // cannot identify anything
	}
	type query struct {
		DB  *database
		SQL string
	}
	counts := cachedata.Must(cachedata.New("rows", func(_ context.Context, q query) (string, error) {
		fmt.Println("asking", q.DB.name)
		return q.DB.name + ": 3 rows", nil
	}, cachedata.Config{
		Keys: cachedata.KeyConfig{HashFuncs: map[reflect.Type]func(any) (any, error){
			reflect.TypeFor[*database](): func(v any) (any, error) { return v.(*database).name, nil },
		}},
	}))
	ctx := context.Background()
	for _, name := range []string{"main", "replica", "main"} {
		db := &database{name, make(chan struct{})} // another pointer each time
		fmt.Println(counts.Get(ctx, query{db, "select ..."}))
	}
	// Output:
	// asking main
	// main: 3 rows <nil>
	// asking replica
	// replica: 3 rows <nil>
	// main: 3 rows <nil>
}

// Clearing over HTTP is for those whom authorize lets in.
func ExampleGroup_ClearBy() {
	group, _ := cachedata.NewGroup("reports", cachedata.GroupConfig{
		OnClear: func(_ context.Context, what cachedata.Cleared) { fmt.Println("cleared", what.Entries) },
	})
	daily := cachedata.Must(cachedata.New("daily", loadUser, cachedata.Config{Group: group}))
	_, _ = daily.Get(context.Background(), 1)

	handler, err := echov4.ClearHandler(group, func(c echo.Context) error {
		if c.Request().Header.Get("Authorization") != "Bearer sesame" {
			return echo.ErrUnauthorized
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := echo.New()
	e.POST("/admin/clear", handler)
	for _, token := range []string{"Bearer guess", "Bearer sesame"} {
		req := httptest.NewRequest(http.MethodPost, "/admin/clear", http.NoBody)
		req.Header.Set("Authorization", token)
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		fmt.Println(rec.Code)
	}
	// Output:
	// loading 1
	// 401
	// cleared 1
	// 204
}

// A list of a hundred users is one query, and a list that has most of them in
// common with it asks for the rest only.
func ExampleNewBatch() {
	names := map[int]string{1: "Ada", 2: "Grace", 3: "Katherine"}
	users := cachedata.Must(cachedata.NewBatch("names", func(_ context.Context, ids []int) (map[int]string, error) {
		fmt.Println("SELECT ... WHERE id IN", ids)
		found := make(map[int]string)
		for _, id := range ids {
			if name, ok := names[id]; ok {
				found[id] = name
			}
		}
		return found, nil
	}, cachedata.Config{TTL: time.Minute}))

	ctx := context.Background()
	first, err := users.GetMany(ctx, []int{1, 2})
	fmt.Println(first, err)
	second, err := users.GetMany(ctx, []int{1, 2, 3, 4})
	fmt.Println(second, err)
	_, err = users.Get(ctx, 4)
	fmt.Println(errors.Is(err, cachedata.ErrNotFound))
	// Output:
	// SELECT ... WHERE id IN [1 2]
	// map[1:Ada 2:Grace] <nil>
	// SELECT ... WHERE id IN [3 4]
	// map[1:Ada 2:Grace 3:Katherine] <nil>
	// SELECT ... WHERE id IN [4]
	// true
}

// When the origin answers in part, so does GetMany, and says what is missing.
func ExampleBatchError() {
	stock := cachedata.Must(cachedata.NewBatch("stock", func(_ context.Context, ids []string) (map[string]int, error) {
		return map[string]int{"apple": 3}, errors.New("warehouse 2 does not answer")
	}, cachedata.Config{}))

	m, err := stock.GetMany(context.Background(), []string{"apple", "pear"})
	fmt.Println(m)
	if failed, ok := errors.AsType[*cachedata.BatchError[string]](err); ok {
		fmt.Println(failed)
		fmt.Println("pear:", failed.Failed["pear"])
	}
	// Output:
	// map[apple:3]
	// cachedata: stock: 1 of 2 keys failed, the first with: warehouse 2 does not answer
	// pear: warehouse 2 does not answer
}
