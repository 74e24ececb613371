package queryparams_test

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/queryparams/queryparamstest"
)

// defects is every query that was measured on other Go libraries, with what is
// right: a value, or a fault by name. Each of them gets some of these wrong.
type defects struct {
	Page int            `query:"page" default:"5"`
	I8   int8           `query:"i8"`
	On   bool           `query:"on"`
	Tags []string       `query:"tags"`
	IDs  []int          `query:"ids" style:"form,explode=false"`
	Name string         `query:"name"`
	F    float64        `query:"f"`
	D    time.Duration  `query:"d"`
	T    time.Time      `query:"t"`
	IP   netip.Addr     `query:"ip"`
	P    *int           `query:"p"`
	M    map[string]int `query:"m"`
	L    []element      `query:"l"`
	ID   int            `query:"id" required:"true"`
}

type element struct {
	X int `query:"x"`
}

func TestPitfallsOfOtherLibraries(t *testing.T) {
	t.Parallel()
	instant := time.Date(2024, 1, 2, 3, 4, 5, 0, time.FixedZone("", 7200))
	tests := []struct {
		raw  string
		want func(*defects)
		errs [][2]string
	}{
		{raw: "page=", want: func(*defects) {}},
		{raw: "page=0", want: func(d *defects) { d.Page = 0 }},
		{raw: "page=1&page=2", errs: [][2]string{{"page", "duplicate"}}},
		{raw: "page=+1", errs: [][2]string{{"page", "type"}}},
		{raw: "page=%201", errs: [][2]string{{"page", "type"}}},
		{raw: "page=01", want: func(d *defects) { d.Page = 1 }},
		{raw: "page=%2B1", want: func(d *defects) { d.Page = 1 }},
		{raw: "i8=128", errs: [][2]string{{"i8", "out_of_range"}}},
		{raw: "PAGE=3", want: func(*defects) {}},
		{raw: "page=2&PAGE=3&Page=4", want: func(d *defects) { d.Page = 2 }},
		{raw: "on", want: func(d *defects) { d.On = true }},
		{raw: "on&page=1", want: func(d *defects) { d.On, d.Page = true, 1 }},
		{raw: "page=1&on", want: func(d *defects) { d.On, d.Page = true, 1 }},
		{raw: "on=on", want: func(d *defects) { d.On = true }},
		{raw: "on=yes", want: func(d *defects) { d.On = true }},
		{raw: "on=2", errs: [][2]string{{"on", "type"}}},
		{raw: "tags=", want: func(d *defects) { d.Tags = []string{} }},
		{raw: "tags=a,b", want: func(d *defects) { d.Tags = []string{"a,b"} }},
		{raw: "tags=a&tags=b", want: func(d *defects) { d.Tags = []string{"a", "b"} }},
		{raw: "tags=a%2Cb", want: func(d *defects) { d.Tags = []string{"a,b"} }},
		{raw: "tags[]=a&tags[]=b", want: func(d *defects) { d.Tags = []string{"a", "b"} }},
		{raw: "ids=1,2", want: func(d *defects) { d.IDs = []int{1, 2} }},
		{raw: "ids=1&ids=", errs: [][2]string{{"ids[1]", "type"}}},
		{raw: "ids=", want: func(d *defects) { d.IDs = []int{} }},
		{raw: "name=%zz", errs: [][2]string{{"name", "bad_encoding"}}},
		{raw: "page=%zz&name=ok", errs: [][2]string{{"page", "bad_encoding"}}},
		{raw: "name=a;b=c", want: func(d *defects) { d.Name = "a;b=c" }},
		{raw: "name=%00", errs: [][2]string{{"name", "control_char"}}},
		{raw: "name=%ff", errs: [][2]string{{"name", "bad_utf8"}}},
		{raw: "f=NaN", errs: [][2]string{{"f", "type"}}},
		{raw: "f=Inf", errs: [][2]string{{"f", "type"}}},
		{raw: "f=0x1p-2", errs: [][2]string{{"f", "type"}}},
		{raw: "d=5s", want: func(d *defects) { d.D = 5 * time.Second }},
		{raw: "d=5", errs: [][2]string{{"d", "type"}}},
		{raw: "t=2024-01-02", want: func(d *defects) { d.T = time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC) }},
		{raw: "t=2024-01-02T03:04:05+02:00", want: func(d *defects) { d.T = instant }},
		{raw: "t=1700000000", errs: [][2]string{{"t", "type"}}},
		{raw: "ip=zz", errs: [][2]string{{"ip", "type"}}},
		{raw: "p=", want: func(*defects) {}},
		{raw: "p=x", errs: [][2]string{{"p", "type"}}},
		{raw: "page=x&ids=y&f=z", errs: [][2]string{{"page", "type"}, {"ids[0]", "type"}, {"f", "type"}}},
		{raw: "m[a]=1", want: func(d *defects) { d.M = map[string]int{"a": 1} }},
		{raw: "m[a", want: func(*defects) {}},
		{raw: "ma]=1", want: func(*defects) {}},
		{raw: "l[0].x=1", want: func(*defects) {}}, // one way to write an element: l[0][x]
		{raw: "l.0.x=1", want: func(*defects) {}},
		{raw: "l[0][x]=1", want: func(d *defects) { d.L = []element{{1}} }},
	}
	for _, tt := range tests {
		t.Run(tt.raw, func(t *testing.T) {
			t.Parallel()
			want := defects{}
			if tt.want != nil {
				want = defects{Page: 5, ID: 1}
				tt.want(&want)
			}
			reads(t, tt.raw+"&id=1", want, tt.errs...)
		})
	}
	t.Run("identity=7&idx=1", func(t *testing.T) {
		t.Parallel()
		reads(t, "identity=7&idx=1", defects{}, [2]string{"id", "missing"})
	})
}

func TestPercentAndLineBreakInANameSurvive(t *testing.T) {
	t.Parallel()
	p, err := queryparams.ParseParams("")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Set("a%20b\nc", "%2C", ""); err != nil {
		t.Fatal(err)
	}
	back, err := queryparams.ParseParams(p.Encode())
	if err != nil || !cmp.Equal(back.ToMap(), map[string][]string{"a%20b\nc": {"%2C", ""}}) {
		t.Errorf("%q reads back as %v, %v", p.Encode(), back.ToMap(), err)
	}
}

func TestNamesThatLookLikeOthersAreTheirOwn(t *testing.T) {
	t.Parallel()
	// A name with a percent sign is escaped in links and found again.
	type T struct {
		V string `query:"a%20b"`
	}
	s := queryparams.Must(queryparams.SchemaOf[T]())
	raw, err := s.Encode(T{"x"})
	if raw != "a%2520b=x" || err != nil {
		t.Fatalf("Encode = %q, %v", raw, err)
	}
	reads(t, raw, T{"x"})
	reads(t, "a%20b=x", T{})
}

func TestTheOutcomeDoesNotDependOnTheOrderOfMaps(t *testing.T) {
	t.Parallel()
	type T struct {
		A, B int
		M    map[string]int `query:"m"`
		Page int            `query:"page"`
		Rest map[string][]string
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{RejectUnknown: true}))
	type F struct {
		Page int               `query:"page" duplicate:"last"`
		M    map[string]string `query:"m"`
		Rest url.Values        `query:",rest"`
	}
	folding := queryparams.Must(queryparams.NewSchema[F](queryparams.SchemaConfig{FoldCase: true}))
	outcome := func() string {
		_, err := s.Parse("?page=2&PAGE=3&page=x&m[b]=y&m[a]=z&m[a]=1&q=1&r=2&pge=3")
		p, perr := queryparams.ParseParams("z=1")
		if perr != nil {
			t.Fatal(perr)
		}
		uerr := p.Update(map[string]any{"d": 1, "c": 2, "b": 3, "a": []int{1, 2}})
		v := T{M: map[string]int{"x": 1, "y": 2, "z": 3, "w": 4}}
		raw, eerr := s.Encode(v)
		f, ferr := folding.Parse("Page=1&PAGE=2&page=3&pAGE=4&M[b]=1&m[a]=2&z=1&y=2&Z=3")
		back, berr := folding.Encode(f)
		diff, derr := folding.Diff(F{}, f)
		return fmt.Sprint(err, p.Encode(), uerr, raw, eerr, f, ferr, back, berr, diff, derr)
	}
	want := outcome()
	for range 1000 {
		if got := outcome(); got != want {
			t.Fatalf("outcome changed:\n%s\n%s", want, got)
		}
	}
	if !strings.Contains(want, "z=1&a=1&a=2&b=3&c=2&d=1") || !strings.Contains(want, "page=3&m%5Ba%5D=2&m%5Bb%5D=1&Z=3&y=2&z=1") {
		t.Errorf("outcome = %s", want)
	}
}

func TestVariantsOfANameDoNotPassAValidatedField(t *testing.T) {
	t.Parallel()
	type T struct {
		Page int `query:"page" max:"10"`
	}
	for _, raw := range []string{"pa%67e=1&page=99", "page=1&p%61ge=99", "%70%61%67%65=1&page=1"} {
		reads(t, raw, T{}, [2]string{"page", "duplicate"})
	}
	for _, raw := range []string{"page[]=99", "page%00=99", "page%20=99", "+page=99", "PAGE=99", "page.x=99", "page[0]=99"} {
		reads(t, raw, T{})
	}
}

func TestUntaggedFieldsAreNeverSet(t *testing.T) {
	t.Parallel()
	type T struct {
		IsAdmin bool
		admin   bool
		Off     string `query:"-"`
		Name    string `query:"name"`
	}
	got, err := parse[T](t, "IsAdmin=true&isadmin=true&admin=true&Off=x&-=x&off=x&name=n&IsAdmin")
	if err != nil || got != (T{Name: "n"}) || got.admin {
		t.Errorf("Parse = %+v, %v; want the name alone", got, err)
	}
}

func TestTooManyPairsAreAnErrorNotAnEmptyQuery(t *testing.T) {
	t.Parallel()
	type T struct {
		Name string `query:"name"`
	}
	raw := "name=ok" + strings.Repeat("&x", 100_000)
	reads(t, raw, T{}, [2]string{"", "limit_bytes"})
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Limits: queryparams.Limits{MaxBytes: -1}}))
	_, err := s.Parse(raw)
	errs, _ := errors.AsType[*queryparams.Errors](err)
	if errs == nil || errs.Fields[0].Code != queryparams.CodeLimitPairs || errs.StatusCode() != 400 {
		t.Errorf("error = %v, want limit_pairs and 400", err)
	}
	s = queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Limits: queryparams.Limits{MaxBytes: -1, MaxPairs: -1}}))
	if v, err := s.Parse(raw); v.Name != "ok" || err != nil {
		t.Errorf("without limits: %+v, %v", v, err)
	}
}

// What follows is what other libraries were seen to get wrong.

func TestAnExplicitZeroIsNotADefault(t *testing.T) {
	t.Parallel()
	type T struct {
		Page int     `query:"page" default:"5"`
		On   bool    `query:"on" default:"true"`
		F    float64 `query:"f" default:"1"`
	}
	reads(t, "page=0&on=false&f=0", T{})
	reads(t, "", T{5, true, 1})
}

func TestANameIsNotAPrefix(t *testing.T) {
	t.Parallel()
	type T struct {
		ID int `query:"id" required:"true"`
	}
	for _, raw := range []string{"identity=7", "idx=1", "id[]=1", "id[x]=1", "i=1", "id.x=1"} {
		reads(t, raw, T{}, fault("id", "missing"))
	}
}

func TestTheCaseOfANameDecidesTheSameEveryTime(t *testing.T) {
	t.Parallel()
	for range 500 {
		reads(t, "page=2&PAGE=3&id=1", defects{Page: 2, ID: 1})
		reads(t, "PAGE=3&Page=4&id=1", defects{Page: 5, ID: 1})
	}
}

func TestFlagsAreReadInEveryPositionAndNumbersDoNotWrap(t *testing.T) {
	t.Parallel()
	type T struct {
		On bool  `query:"on"`
		X  int   `query:"x"`
		I8 int8  `query:"i8"`
		U8 uint8 `query:"u8"`
	}
	for _, raw := range []string{"on&x=1", "x=1&on", "&on&&x=1&", "x=1&on&"} {
		reads(t, raw, T{On: true, X: 1})
	}
	reads(t, "i8=128&u8=256", T{}, fault("i8", "out_of_range"), fault("u8", "out_of_range"))
	reads(t, "i8=-129&u8=-1", T{}, fault("i8", "out_of_range"), fault("u8", "out_of_range"))
}

func TestABrokenOrLongQueryIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	reads(t, "page=%zz&name=ok&id=1", defects{}, fault("page", "bad_encoding"))
	reads(t, "id=1"+strings.Repeat("&", 9000), defects{}, fault("", "limit_bytes"))
	reads(t, "id=1"+strings.Repeat("&a", 300), defects{}, fault("", "limit_pairs"))
}

func TestEveryFaultNamesItsParameter(t *testing.T) {
	t.Parallel()
	_, err := parse[defects](t, "page=x&f=z&d=5")
	for _, want := range []string{"page: ", "f: ", "d: ", "id: is required"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

func TestAwkwardTextsReadBack(t *testing.T) {
	t.Parallel()
	type T struct {
		L []string `query:"a%20b" style:"form,explode=false"`
		N int      `query:"n"`
		B bool     `query:"b"`
	}
	queryparamstest.RoundTrip(t, queryparams.Must(queryparams.SchemaOf[T]()), T{L: []string{"%2C"}}, T{L: []string{""}}, T{L: []string{"a#f", "b\u0085"}})
	reads(t, "n=12abc", T{}, fault("n", "type"))
	reads(t, "n=1e3", T{}, fault("n", "type"))
	reads(t, "b=maybe", T{}, fault("b", "type"))
	u, err := url.Parse("/l?x=1#part")
	if err != nil {
		t.Fatal(err)
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Retain: []string{"*"}}))
	if got, err := s.LinkFrom(u, T{N: 2}); got != "/l?n=2&x=1" || err != nil {
		t.Errorf("LinkFrom = %q, %v: the fragment is no part of a value", got, err)
	}
}

func TestLinksKeepTheirOrderAndStayReadable(t *testing.T) {
	t.Parallel()
	type T struct {
		Z string   `query:"z"`
		A string   `query:"a"`
		L []string `query:"l" style:"form,explode=false"`
	}
	s := queryparams.Must(queryparams.SchemaOf[T]())
	if raw, err := s.Encode(T{Z: "10:30", A: "(x)", L: []string{"b", "a"}}); raw != "z=10:30&a=(x)&l=b,a" || err != nil {
		t.Errorf("Encode = %q, %v", raw, err)
	}
}
