package copiermap_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jinzhu/copier"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cachedata/copiermap"
)

type User struct {
	ID    int
	Name  string
	Roles []string
}

// Get maps a result into a type of yours, by field name and by copier's tags. The
// result is yours: writing to it changes nothing in the cache.
func ExampleGet() {
	people := cachedata.Must(cachedata.New("people", func(_ context.Context, id int) (User, error) {
		return User{ID: id, Name: "Ben", Roles: []string{"guest"}}, nil
	}, cachedata.Config{}))
	type View struct {
		Label string `copier:"Name"`
		Roles []string
	}
	view, err := copiermap.Get[View](context.Background(), people, 1, copier.Option{})
	fmt.Println(view.Label, view.Roles, err)

	view.Roles[0] = "admin"
	again, _ := people.Get(context.Background(), 1)
	fmt.Println(again.Roles)
	// Output:
	// Ben [guest] <nil>
	// [guest]
}

// Into maps a value of your own, and leaves alone what has no counterpart in it. A
// number that does not fit is an error.
func ExampleInto() {
	view := struct {
		Label string `copier:"Name"`
		Theme string
	}{Theme: "dark"}
	err := copiermap.Into(&view, User{ID: 300, Name: "Ben"}, copier.Option{})
	fmt.Println(view.Label, view.Theme, err)

	var small struct{ ID int8 }
	fmt.Println(copiermap.Into(&small, User{ID: 300}, copier.Option{}))
	// Output:
	// Ben dark <nil>
	// copiermap: User.ID is 300, which does not fit into a int8: use a larger type, or a converter
}

// Engine is for types whose copies depend on copier's converters. New refuses
// what copier would get wrong.
func ExampleEngine() {
	type account struct {
		Name   string
		Secret string
	}
	redact := copier.Option{Converters: []copier.TypeConverter{{
		SrcType: account{}, DstType: account{},
		Fn: func(v any) (any, error) { return account{Name: v.(account).Name, Secret: "***"}, nil },
	}}}
	accounts, err := cachedata.New("accounts", func(context.Context, int) ([]account, error) {
		return []account{{"Ann", "12345"}}, nil
	}, cachedata.Config{Copy: cachedata.CopyConfig{Engine: copiermap.Engine(redact)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(accounts.Get(context.Background(), 1))

	_, err = cachedata.New("pointers", func(context.Context, int) (*account, error) { return nil, nil },
		cachedata.Config{Copy: cachedata.CopyConfig{Engine: copiermap.Engine(copier.Option{})}})
	refused, ok := errors.AsType[*cachedata.CopyError](err)
	fmt.Println(ok, refused.Path)
	// Output:
	// [{Ann ***}] <nil>
	// true *copiermap_test.account
}
