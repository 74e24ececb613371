package queryparams_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/queryparams"
)

func TestAnEmptyMapTakesTheRoomOfNoElement(t *testing.T) {
	t.Parallel()
	type T struct {
		M map[string]int `query:"m" maxitems:"1"`
		N int            `query:"n"`
	}
	reads(t, "m=&m=&m[a]=1", T{M: map[string]int{"a": 1}})
	reads(t, "m&m&m&m[a]=1&n=2", T{M: map[string]int{"a": 1}, N: 2})
	reads(t, "m[a]=1&m=&m=", T{M: map[string]int{"a": 1}})
	reads(t, "m=&m=&m=", T{M: map[string]int{}})
	reads(t, "m=&m=&m[a]=1&m[b]=2", T{}, fault("m", "too_many"))
	reads(t, "m=&m=&m=x", T{}, fault("m", "bad_key"))
}

func TestDiffTellsNamesOfTheRestApart(t *testing.T) {
	t.Parallel()
	type alone struct {
		Rest url.Values `query:",rest"`
	}
	type beside struct {
		Tags []string   `query:"tags"`
		Rest url.Values `query:",rest"`
	}
	want := []queryparams.Difference{{Parameter: "x", From: []string{"1"}}, {Parameter: "x[]", To: []string{"1"}}}
	x, list := url.Values{"x": {"1"}}, url.Values{"x[]": {"1"}}
	got, err := queryparams.Must(queryparams.SchemaOf[alone]()).Diff(alone{x}, alone{list})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("alone: %v, %v", diff, err)
	}
	got, err = queryparams.Must(queryparams.SchemaOf[beside]()).Diff(beside{[]string{""}, x}, beside{[]string{""}, list})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("beside: %v, %v", diff, err)
	}
}

func TestATypeThatEmbedsAnOptIsRefused(t *testing.T) {
	t.Parallel()
	type (
		embeds struct {
			queryparams.Opt[int]
			Lost string
		}
		points struct{ *queryparams.Opt[int] }
		hides  struct { // B would be no parameter
			queryparams.Opt[int] `query:"a"`
			B                    int `query:"b"`
		}
	)
	for _, typ := range []reflect.Type{reflect.TypeFor[embeds](), reflect.TypeFor[points](), reflect.TypeFor[hides](), reflect.TypeFor[[]embeds]()} {
		_, err := queryparams.CompileType(one(typ, ""), queryparams.SchemaConfig{})
		if err == nil || !strings.Contains(err.Error(), "embeds an Opt") && typ.Kind() == reflect.Struct {
			t.Errorf("%s: %v", typ, err)
		}
	}
}
