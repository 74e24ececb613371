package queryparams_test

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/queryparams"
)

// small has a default, which is not written.
type small struct {
	A int `query:"a"`
	B int `query:"b" default:"7"`
}

func dict(t *testing.T, raw string) *queryparams.Params {
	t.Helper()
	p, err := queryparams.ParseParams(raw)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Repeats, order, absence; reserved keys are not seen.
func TestParamsReadLikeADict(t *testing.T) {
	t.Parallel()
	p := dict(t, "b=1&a=x&b=2&e=&Embed=true&embed_options=dark&v&bad=%zz%ff&semi=a;b")
	if v, ok := p.Get("b"); v != "2" || !ok {
		t.Errorf("Get of a repeated key = %q, %v; want the last value", v, ok)
	}
	if got := p.GetAll("b"); !cmp.Equal(got, []string{"1", "2"}) {
		t.Errorf("GetAll = %q", got)
	}
	if got := p.GetAll("none"); got == nil || len(got) != 0 {
		t.Errorf("GetAll of an absent key = %#v, want an empty list", got)
	}
	for key, want := range map[string]bool{"none": false, "e": true, "v": true} {
		if v, ok := p.Get(key); v != "" || ok != want {
			t.Errorf("Get(%q) = %q, %v; want an empty text, %v", key, v, ok, want)
		}
	}
	var items []string
	for k, v := range p.Items() {
		items = append(items, k+"="+v)
	}
	if d := cmp.Diff([]string{"b=2", "a=x", "e=", "v=", "bad=%zz\ufffd", "semi=a;b"}, items); d != "" {
		t.Errorf("Items (-want +got):\n%s", d)
	}
	for range p.Items() {
		break
	}
	if d := cmp.Diff(map[string]string{"b": "2", "a": "x", "e": "", "v": "", "bad": "%zz\ufffd", "semi": "a;b"}, maps.Collect(p.Items())); d != "" {
		t.Errorf("Items (-want +got):\n%s", d)
	}
	if got := p.ToMap()["b"]; !cmp.Equal(got, []string{"1", "2"}) {
		t.Errorf("ToMap()[b] = %q", got)
	}
	for _, key := range []string{"embed", "EMBED_OPTIONS", "Embed"} {
		if _, ok := p.Get(key); ok || len(p.GetAll(key)) != 0 {
			t.Errorf("the reserved key %q is visible", key)
		}
	}
	if got, want := p.Encode(), "b=1&a=x&b=2&e=&Embed=true&embed_options=dark&v=&bad=%25zz%EF%BF%BD&semi=a%3Bb"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
}

// Values become texts; reserved keys survive.
func TestParamsWrite(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(*queryparams.Params) error
		want string
	}{
		{"set keeps the place", func(p *queryparams.Params) error { return p.Set("b", 9) }, "a=1&b=9&embed=true&c=4"},
		{"set many", func(p *queryparams.Params) error { return p.Set("b", 8, "9") }, "a=1&b=8&b=9&embed=true&c=4"},
		{"set a new key", func(p *queryparams.Params) error { return p.Set("z", true) }, "a=1&b=2&embed=true&b=3&c=4&z=true"},
		{"set a list", func(p *queryparams.Params) error { return p.Set("a", []int{5, 6}) }, "a=5&a=6&b=2&embed=true&b=3&c=4"},
		{"set values of many types", func(p *queryparams.Params) error {
			return p.Set("a", 1.5, time.Minute, time.Unix(0, 0).UTC(), Level(2), new(7), time.Monday)
		}, "a=1.5&a=1m&a=1970-01-01T00:00:00Z&a=high&a=7&a=1&b=2&embed=true&b=3&c=4"},
		{"set an empty text", func(p *queryparams.Params) error { return p.Set("a", "") }, "a=&b=2&embed=true&b=3&c=4"},
		{"set nothing", func(p *queryparams.Params) error { return p.Set("b") }, "a=1&embed=true&c=4"},
		{"add", func(p *queryparams.Params) error { return p.Add("a", 2) }, "a=1&b=2&embed=true&b=3&c=4&a=2"},
		{"delete", func(p *queryparams.Params) error { return p.Delete("b") }, "a=1&embed=true&c=4"},
		{"delete what is not there", func(p *queryparams.Params) error { return p.Delete("q") }, "a=1&b=2&embed=true&b=3&c=4"},
		{"update", func(p *queryparams.Params) error {
			return p.Update(map[string]any{"y": 1, "b": "x", "x": []string{"p", "q"}})
		}, "a=1&b=x&embed=true&c=4&x=p&x=q&y=1"},
		{"replace", func(p *queryparams.Params) error { return p.Replace(map[string][]string{"y": {"1", "2"}, "n": nil}) }, "embed=true&y=1&y=2"},
		{"clear", func(p *queryparams.Params) error { return p.Clear() }, "embed=true"},
		{"struct", func(p *queryparams.Params) error {
			return queryparams.Must(queryparams.SchemaOf[small]()).Store(p, small{A: 5, B: 7})
		}, "embed=true&c=4&a=5"},
		{"schema", func(p *queryparams.Params) error { return filters.Store(p, Filter{Page: 2, Size: 20, Sort: "name"}) }, "a=1&b=2&embed=true&b=3&c=4&page=2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := dict(t, "a=1&b=2&embed=true&b=3&c=4")
			if err := tt.do(p); err != nil {
				t.Fatal(err)
			}
			if got := p.Encode(); got != tt.want {
				t.Errorf("query = %q, want %q", got, tt.want)
			}
		})
	}
}

// No maps, no reserved keys, all or nothing.
func TestRefusedWritesChangeNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(*queryparams.Params) error
		code queryparams.Code
	}{
		{"set reserved", func(p *queryparams.Params) error { return p.Set("embed", 1) }, queryparams.CodeReserved},
		{"set reserved in capitals", func(p *queryparams.Params) error { return p.Set("EMBED", 1) }, queryparams.CodeReserved},
		{"add reserved", func(p *queryparams.Params) error { return p.Add("embed_options", 1) }, queryparams.CodeReserved},
		{"delete reserved", func(p *queryparams.Params) error { return p.Delete("embed") }, queryparams.CodeReserved},
		{"update reserved", func(p *queryparams.Params) error { return p.Update(map[string]any{"a": 2, "embed": 1}) }, queryparams.CodeReserved},
		{"replace reserved", func(p *queryparams.Params) error { return p.Replace(map[string][]string{"a": {"2"}, "Embed": {"1"}}) }, queryparams.CodeReserved},
		{"nil", func(p *queryparams.Params) error { return p.Set("a", nil) }, queryparams.CodeNotAText},
		{"map", func(p *queryparams.Params) error { return p.Set("a", map[string]int{"b": 1}) }, queryparams.CodeNotAText},
		{"list with a map", func(p *queryparams.Params) error { return p.Set("a", []any{1, map[string]int{}}) }, queryparams.CodeNotAText},
		{"update with a map", func(p *queryparams.Params) error {
			return p.Update(map[string]any{"a": 2, "b": map[string]int{}})
		}, queryparams.CodeNotAText},
		{"nil pointer", func(p *queryparams.Params) error { return p.Set("a", (*int)(nil)) }, queryparams.CodeNotAText},
		{"empty key", func(p *queryparams.Params) error { return p.Set("", 1) }, queryparams.CodeBadKey},
		{"not UTF-8", func(p *queryparams.Params) error { return p.Set("a", "\xff") }, queryparams.CodeBadUTF8},
		{"too long", func(p *queryparams.Params) error { return p.Set("a", strings.Repeat("x", 5000)) }, queryparams.CodeLimitValue},
		{"too many", func(p *queryparams.Params) error { return p.Set("a", make([]int, 300)) }, queryparams.CodeLimitPairs},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const raw = "a=1&embed=true"
			p := dict(t, raw)
			err := tt.do(p)
			f, ok := errors.AsType[*queryparams.FieldError](err)
			if !ok || f.Code != tt.code {
				t.Errorf("error = %v, want code %s", err, tt.code)
			}
			if got := p.Encode(); got != raw {
				t.Errorf("query = %q after a refused write, want %q", got, raw)
			}
		})
	}
	if err := queryparams.Must(queryparams.SchemaOf[Span]()).Store(dict(t, ""), Span{From: 2, To: 1}); err == nil {
		t.Error("an invalid value is stored")
	}
}

// All values by key are the way back.
func TestParamsMapRoundTrips(t *testing.T) {
	t.Parallel()
	p := dict(t, "a=1&b=2&a=3&embed=true")
	m := p.ToMap()
	if err := p.Replace(m); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, p.ToMap()); d != "" {
		t.Errorf("Replace(ToMap()) (-want +got):\n%s", d)
	}
	m["a"][0] = "changed"
	p.GetAll("a")[0] = "changed"
	if got := p.GetAll("a"); !cmp.Equal(got, []string{"1", "3"}) {
		t.Errorf("GetAll = %q: the caller's slice is the Params' own", got)
	}
}

func TestParamsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	p := dict(t, "a=1")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			key := string(rune('a' + i%4))
			for range 50 {
				_ = p.Set(key, i)
				_, _ = p.Get(key)
				_ = p.ToMap()
				_ = p.Update(map[string]any{"x": i, "y": i})
				for range p.Items() {
				}
				p.PushHistory()
				_ = p.URL()
			}
		})
	}
	wg.Wait()
	x, _ := p.Get("x")
	if y, _ := p.Get("y"); x != y {
		t.Errorf("x = %s, y = %s: an Update was half applied", x, y)
	}
	if n := len(p.ToMap()); n != 6 {
		t.Errorf("%d keys, want 6", n)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	const raw = "page=7&n=&ids=1&ids=2&bad=x&d=5m&pa%67e2=3&on"
	if v, err := queryparams.Lookup(raw, "page", queryparams.Param[int]{Default: 1, Min: new(1), Max: new(10)}); v != 7 || err != nil {
		t.Errorf("page = %d, %v", v, err)
	}
	if v, err := queryparams.Lookup(raw, "page2", queryparams.Param[uint8]{}); v != 3 || err != nil {
		t.Errorf("an escaped name = %d, %v", v, err)
	}
	for _, name := range []string{"none", "n"} {
		if v, err := queryparams.Lookup(raw, name, queryparams.Param[int]{Default: 4}); v != 4 || err != nil {
			t.Errorf("missing %s = %d, %v; want the default", name, v, err)
		}
		_, err := queryparams.Lookup(raw, name, queryparams.Param[int]{Required: true})
		if d := cmp.Diff([][2]string{fault(name, "missing")}, faults(t, err)); d != "" {
			t.Errorf("required %s: %s", name, d)
		}
	}
	if v, err := queryparams.Lookup(raw, "on", queryparams.Param[bool]{}); !v || err != nil {
		t.Errorf("on = %v, %v", v, err)
	}
	if v, err := queryparams.Lookup("n", "n", queryparams.Param[int]{Default: 4}); v != 4 || err != nil {
		t.Errorf("valueless n = %d, %v", v, err)
	}
	if v, err := queryparams.Lookup(raw, "ids", queryparams.Param[[]int]{}); !cmp.Equal(v, []int{1, 2}) || err != nil {
		t.Errorf("ids = %v, %v", v, err)
	}
	if v, err := queryparams.Lookup(raw, "d", queryparams.Param[time.Duration]{Max: new(time.Hour)}); v != 5*time.Minute || err != nil {
		t.Errorf("d = %v, %v", v, err)
	}
	if v, err := queryparams.Lookup(raw, "d", queryparams.Param[queryparams.Opt[time.Duration]]{}); v != queryparams.Some(5*time.Minute) || err != nil {
		t.Errorf("optional d = %v, %v", v, err)
	}
	_, err := queryparams.Lookup(raw, "page", queryparams.Param[int]{Max: new(5)})
	if errs, _ := errors.AsType[*queryparams.Errors](err); errs == nil || errs.Fields[0].Code != queryparams.CodeRange || !strings.HasSuffix(errs.Fields[0].Expected, "to 5") {
		t.Errorf("above Max: %v", err)
	}
	odd := errors.New("must be even")
	_, err = queryparams.Lookup(raw, "page", queryparams.Param[int]{Check: func(n int) error {
		if n%2 != 0 {
			return odd
		}
		return nil
	}})
	if !errors.Is(err, odd) || !cmp.Equal(faults(t, err), [][2]string{fault("page", "invalid")}) {
		t.Errorf("Check: %v", err)
	}
	for _, name := range []string{"bad", "ids"} {
		if v, err := queryparams.Lookup(raw, name, queryparams.Param[int]{Default: 9}); v != 0 || err == nil {
			t.Errorf("%s as an int = %d, %v; want an error", name, v, err)
		}
	}
	if _, err := queryparams.Lookup(raw, "bad", queryparams.Param[string]{Min: new("a")}); err == nil {
		t.Error("Min on a string has no error")
	}
	if _, err := queryparams.Lookup(raw, "bad", queryparams.Param[Filter]{}); err == nil {
		t.Error("a struct that nests is no parameter, yet there is no error")
	}
	if _, err := queryparams.Lookup(strings.Repeat("&", 9000), "a", queryparams.Param[int]{}); err == nil {
		t.Error("a query beyond the limits has no error")
	}
}

func TestParamsRefuseBytes(t *testing.T) {
	t.Parallel()
	p := dict(t, "")
	err := p.Set("a", []byte("ab"))
	if f, ok := errors.AsType[*queryparams.FieldError](err); !ok || f.Code != queryparams.CodeNotAText {
		t.Errorf("Set of bytes = %v, query %q; want an error, not their numbers", err, p.Encode())
	}
}

func TestReplaceUndoesToMapForEmptyKeys(t *testing.T) {
	t.Parallel()
	p := dict(t, "=b&a=1")
	if err := p.Replace(p.ToMap()); err != nil || p.Encode() != "=b&a=1" {
		t.Errorf("Replace(ToMap()) = %v, %q", err, p.Encode())
	}
}

func TestLookupReadsWhatASchemaReads(t *testing.T) {
	t.Parallel()
	type T struct {
		IDs []int `query:"ids"`
	}
	for _, raw := range []string{"ids[0]=5&ids[1]=6", "ids%5B0%5D=5&ids[]=6", "ids[1]=5", "ids[0]=5&ids[0]=6", "ids[x]=5", "ids[00]=5", "ids]=1"} {
		want, wantErr := parse[T](t, raw)
		got, err := queryparams.Lookup(raw, "ids", queryparams.Param[[]int]{})
		if d := cmp.Diff(faults(t, wantErr), faults(t, err)); d != "" || !cmp.Equal(want.IDs, got) {
			t.Errorf("%s: %v, want %v; faults (-schema +lookup):\n%s", raw, got, want.IDs, d)
		}
	}
}

func TestManyKeysAreOneChange(t *testing.T) {
	t.Parallel()
	p := dict(t, "a=1&embed=true")
	var got []string
	p.OnChange(func(query string, _ bool) { got = append(got, query) })
	err := errors.Join(
		p.Update(map[string]any{"a": 2, "b": 3, "c": []int{4, 5}}),
		p.Replace(map[string][]string{"x": {"1"}, "y": {"2"}}),
		p.Replace(map[string][]string{"z": {"1", "2"}}),
		p.Clear(),
	)
	want := []string{"a=2&embed=true&b=3&c=4&c=5", "embed=true&x=1&y=2", "embed=true&z=1&z=2", "embed=true"}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("changes, %v (-want +got):\n%s", err, d)
	}
}

func TestReadingIsNoChange(t *testing.T) {
	t.Parallel()
	e, ended := serve(t, queryparams.Config{}, show(func(p *queryparams.Params) error {
		_, _ = p.Get("a")
		_ = p.ToMap()
		return nil
	}))
	for _, header := range [][]string{nil, {"HX-Request", "true"}} {
		rec := get(t, e, "/?a=1&a=2&b=%zz", header...)
		if rec.Body.String() != "<head></head>" || rec.Header().Get("HX-Replace-Url") != "" || *ended != nil {
			t.Errorf("%v: %s %v, %v", header, rec.Body, rec.Header(), *ended)
		}
	}
}

func TestListsOfTextsAreWrittenAndReadBack(t *testing.T) {
	t.Parallel()
	p := dict(t, "old=1&EMBED=true")
	want := map[string][]string{"a": {"x", "y"}, "empty": {""}}
	if err := p.Replace(want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, p.ToMap()); d != "" || p.Encode() != "EMBED=true&a=x&a=y&empty=" {
		t.Errorf("%s (-want +got):\n%s", p.Encode(), d)
	}
	if err := p.Replace(map[string][]string{"Embed": {"1"}}); err == nil {
		t.Error("a reserved key is written")
	}
}
