package queryparams_test

import (
	"errors"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/queryparams"
)

func TestListStyles(t *testing.T) {
	t.Parallel()
	type T struct {
		Form  []string `query:"form"`
		Comma []string `query:"comma" style:"form,explode=false"`
		Space []string `query:"space" style:"spaceDelimited"`
		Pipe  []string `query:"pipe" style:"pipeDelimited"`
		Dash  []int    `query:"dash" style:"sep=-"`
		IDs   []int    `query:"ids"`
	}
	colors := []string{"blue", "black"}
	reads(t, "form=blue&form=black", T{Form: colors})
	reads(t, "form[]=blue&form[]=black", T{Form: colors})
	reads(t, "form=a,b", T{Form: []string{"a,b"}})
	reads(t, "comma=blue,black", T{Comma: colors})
	reads(t, "comma=a%2Cb", T{Comma: []string{"a,b"}})
	reads(t, "comma=blue&comma=black", T{Comma: colors})
	reads(t, "space=blue%20black", T{Space: colors})
	reads(t, "space=blue+black", T{Space: colors})
	reads(t, "pipe=blue|black", T{Pipe: colors})
	reads(t, "pipe=blue%7cblack", T{Pipe: colors})
	reads(t, "dash=1-%2D2", T{Dash: []int{1, -2}})
	reads(t, "ids=1&ids=x&ids=", T{}, fault("ids[1]", "type"), fault("ids[2]", "type"))
}

func TestListRules(t *testing.T) {
	t.Parallel()
	type T struct {
		L []int    `query:"l" minitems:"1" maxitems:"3" min:"1"`
		E []string `query:"e" enum:"a|b" style:"form,explode=false"`
	}
	reads(t, "l=1&l=2&l=3&e=b,a", T{L: []int{1, 2, 3}, E: []string{"b", "a"}})
	reads(t, "l=1&l=2&l=3&l=4&e=a,z", T{}, fault("l", "too_many"), fault("e[1]", "enum"))
	reads(t, "l=", T{}, fault("l", "too_few"))
	reads(t, "l=1&l=0", T{}, fault("l[1]", "out_of_range"))
}

func TestMapsAndStructs(t *testing.T) {
	t.Parallel()
	type N struct {
		A string   `query:"a"`
		L []string `query:"l"`
	}
	type T struct {
		M   map[string]int      `query:"m" maxitems:"2"`
		IP  map[netip.Addr]bool `query:"ip"`
		N   N                   `query:"n"`
		P   *N                  `query:"p"`
		Dot N                   `query:"dot" style:"dotted"`
	}
	reads(t, "m[a]=1&m%5Bb%5D=2", T{M: map[string]int{"a": 1, "b": 2}})
	reads(t, "m=", T{M: map[string]int{}})
	reads(t, "ip[::1]", T{IP: map[netip.Addr]bool{netip.IPv6Loopback(): true}})
	reads(t, "n[a]=1&n[l]=x&n[l][]=y", T{N: N{"1", []string{"x", "y"}}})
	reads(t, "p[a]=1", T{P: &N{A: "1"}})
	reads(t, "p=", T{P: &N{}})
	reads(t, "p=1&n=1&n[l]=", T{N: N{L: []string{}}})
	reads(t, "dot.a=1&dot.l=2", T{Dot: N{"1", []string{"2"}}})
	reads(t, "m[a=1&m]=1&ma]=1&n[a=1", T{})
	reads(t, "m[]=1", T{}, fault("m[]", "bad_key"))
	reads(t, "m[a][b]=1", T{}, fault("m[a][b]", "bad_key"))
	reads(t, "m[a]=1&m[a]=2", T{}, fault("m[a]", "duplicate"))
	reads(t, "m[a]=1&m[b]=2&m[c]=3", T{}, fault("m", "too_many"))
	reads(t, "m[a]=x", T{}, fault("m[a]", "type"))
	reads(t, "ip[zz]=1", T{}, fault("ip[zz]", "bad_key"))
	reads(t, "m=1", T{}, fault("m", "bad_key"))
}

func TestListsOfStructsAreDense(t *testing.T) {
	t.Parallel()
	type S struct {
		Z []int `query:"z"`
	}
	type E struct {
		X int               `query:"x" max:"9"`
		Y string            `query:"y" default:"d"`
		M map[string]string `query:"m"`
		S []S               `query:"s" maxitems:"2"`
		P *S                `query:"p"`
	}
	type T struct {
		L []E   `query:"l" maxitems:"3"`
		N []int `query:"n"`
	}
	d := E{Y: "d"}
	reads(t, "l[0][x]=1&l%5B1%5D[y]=b&l[0][y]=a", T{L: []E{{X: 1, Y: "a"}, {Y: "b"}}})
	reads(t, "l=", T{L: []E{}})
	reads(t, "l[0]=&l[1]", T{L: []E{d, d}})
	reads(t, "l[0][s][0][z]=1&l[0][s][0][z]=2&l[0][s][1]=&l[0][m][k]=v&l[0][p]=", T{L: []E{
		{Y: "d", M: map[string]string{"k": "v"}, S: []S{{Z: []int{1, 2}}, {}}, P: &S{}},
	}})
	reads(t, "l[0][p][z][0]=4&l[0][zz]=5", T{L: []E{{Y: "d", P: &S{Z: []int{4}}}}}) // what is unknown is ignored, inside too
	reads(t, "n[0]=5&n[1]=6&n[]=7&n=8", T{N: []int{5, 6, 7, 8}})
	reads(t, "l[1][x]=1", T{}, fault("l[1]", "bad_index"))
	reads(t, "l[0][x]=1&l[2][x]=1", T{}, fault("l[2]", "bad_index"))
	reads(t, "l[0][x]=1&l[1][x]=10&l[1][x]=1&l[0][x]=y", T{}, fault("l[0][x]", "duplicate"), fault("l[1][x]", "duplicate"))
	reads(t, "l[0][s][0][z]=q&l[1][x]=10", T{}, fault("l[0][s][0][z][0]", "type"), fault("l[1][x]", "out_of_range"))
	reads(t, "l[0][s][0]=&l[0][s][1]=&l[0][s][2]=", T{}, fault("l[0][s]", "too_many"))
	reads(t, "l[0]=&l[1]=&l[2]=&l[3]=", T{}, fault("l", "too_many"))
	reads(t, "l[0]=x", T{}, fault("l[0]", "bad_key"))
	reads(t, "l=x", T{}, fault("l", "bad_key"))
	reads(t, "l[0][s]=1", T{}, fault("l[0][s]", "bad_key"))
	reads(t, "l[0][m][]=1", T{}, fault("l[0][m][]", "bad_key"))
	reads(t, "n[1]=5", T{}, fault("n[1]", "bad_index"))
	reads(t, "n[0]=5&n[0]=6", T{}, fault("n[0]", "bad_index"))
	for _, nobodys := range []string{"l[00][x]=1", "l[+0][x]=1", "l[-1][x]=1", "l[x]=1", "l[0]x=1", "l[0", "l[]=1", "l[0]x]=1", "l[9999999999]=", "n[00]=1", "n[a]=1"} {
		reads(t, nobodys, T{})
	}

	few := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Limits: queryparams.Limits{MaxElements: 3}}))
	three := T{L: []E{{X: 1, Y: "d"}, {X: 1, Y: "e"}}}
	if raw, err := few.Encode(three); err != nil || strings.Count(raw, "&") != 2 {
		t.Errorf("three parameters: %q, %v", raw, err)
	}
	three.L[0].Y = "e"
	if raw, err := few.Encode(three); err == nil {
		t.Errorf("four parameters of three at most are written: %q", raw)
	}
	if _, err := few.Parse("l[0][x]=1&l[0][y]=e&l[1][x]=1&l[1][y]=e"); err == nil || !strings.Contains(err.Error(), "at most 3 parameters") {
		t.Errorf("four parameters of three at most are read: %v", err)
	}

	strict := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{RejectUnknown: true}))
	_, err := strict.Parse("l[0][xx]=1&l[0][p]=1&l[0][;]=1&l[0][x]=%")
	want := [][2]string{fault("l[0][xx]", "unknown"), fault("l[0][p]", "unknown"), fault("l[0][;]", "unknown"), fault("l[0][x]", "bad_encoding")}
	if diff := cmp.Diff(want, faults(t, err)); diff != "" {
		t.Errorf("inside an element (-want +got):\n%s", diff)
	}
	errs, _ := errors.AsType[*queryparams.Errors](err)
	for _, f := range errs.Fields {
		if f.Parameter != "l" {
			t.Errorf("%s: the parameter is %q, want l", f.Path, f.Parameter)
		}
	}
}

func TestFoldCase(t *testing.T) {
	t.Parallel()
	type N struct {
		A int `query:"a"`
	}
	type T struct {
		Page int               `query:"page"`
		Sort string            `query:"Sort" duplicate:"first"`
		Last string            `query:"last" duplicate:"last"`
		Tags []string          `query:"tags"`
		M    map[string]string `query:"m"`
		L    []N               `query:"l"`
		P    *N                `query:"p"`
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{FoldCase: true}))
	for raw, want := range map[string]T{
		"PAGE=1&%53ORT=x":                        {Page: 1, Sort: "x"},
		"SORT=a&sort=b&Sort=c":                   {Sort: "c"}, // the exact one
		"SORT=a&sort=b":                          {Sort: "a"},
		"Last=a&last=b&LAST=c":                   {Last: "b"},
		"Last=a&LAST=c":                          {Last: "c"},
		"TAGS=a&tags[]=b&Tags%5B%5D=c&taGs[3]=d": {Tags: []string{"a", "b", "c", "d"}},
		"M[Key]=v":                               {M: map[string]string{"Key": "v"}},
		"L[0][A]=1&l[1]=":                        {L: []N{{1}, {}}},
		"P[A]=2":                                 {P: &N{2}},
		"P=":                                     {P: &N{}},
	} {
		got, err := s.Parse(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", raw, diff)
		}
	}
	_, err := s.Parse("page=1&PAGE=2")
	if diff := cmp.Diff([][2]string{fault("page", "duplicate")}, faults(t, err)); diff != "" {
		t.Errorf("both spellings (-want +got):\n%s", diff)
	}
	type clash struct {
		A int `query:"a"`
		B int `query:"A"`
	}
	if err := schemaError[clash](queryparams.SchemaConfig{FoldCase: true}); err == nil {
		t.Error("names that differ in case alone are accepted")
	}
	if err := schemaError[clash](); err != nil {
		t.Error(err)
	}
}

func TestSchemaErrorsComeTogetherAtStartUp(t *testing.T) {
	t.Parallel()
	type N struct {
		A int `query:"a"`
	}
	type Loop struct {
		Next *Loop `query:"next"`
	}
	type Bad struct {
		A      int           `query:"a" min:"x" max:"1"`
		Dup    int           `query:"a"`
		Empty  int           `query:""`
		Chan   chan int      `query:"chan"`
		Bytes  []byte        `query:"bytes"`
		Any    any           `query:"any"`
		Enum   string        `query:"enum" enum:"a|b" default:"c"`
		Re     string        `query:"re" pattern:"("`
		Layout time.Time     `query:"layout" layout:"noon"`
		hidden int           `query:"hidden"`
		Range  int           `query:"range" min:"2" max:"1"`
		Foo    string        `query:"foo" min:"1"`
		Ptr    *int          `query:"ptr" default:"1"`
		Loop   *Loop         `query:"loop"`
		Style  []int         `query:"style" style:"matrix"`
		Deep   [][]N         `query:"deep"`
		Req    int           `query:"req" required:"true" default:"1"`
		Brack  int           `query:"a[b]"`
		Rest   []string      `query:",rest"`
		Bool   bool          `query:"bool" required:"maybe"`
		Unit   time.Duration `query:"unit" unit:"y"`
		Max    []int         `query:"max" maxitems:"-1"`
	}
	err := schemaError[Bad]()
	se, ok := errors.AsType[*queryparams.SchemaError](err)
	if !ok {
		t.Fatalf("error = %v (%T), want a *SchemaError", err, err)
	}
	for _, want := range []string{
		`min:"x"`, `"a" is taken`, "Bad.Empty", "Bad.Chan", "is bytes", "Bad.Any", "Bad.Re", `layout "noon"`, "tagged but not exported",
		"min is more than max", `min:"1" does not apply`, `default:"1" does not apply`, "nest more than 5 deep", `style:"matrix"`, "[]queryparams_test.N is not a single value",
		"no use for a default", "bracket", "must be a url.Values", `required:"maybe"`, `unit "y"`, `maxitems:"-1"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %s:\n%v", want, err)
		}
	}
	if se.Type != reflect.TypeFor[Bad]() {
		t.Errorf("Type = %v", se.Type)
	}
	type BadDefault struct {
		Enum string `query:"enum" enum:"a|b" default:"c"`
		N    int    `query:"n" default:"x"`
	}
	if err := schemaError[BadDefault](); err == nil || !strings.Contains(err.Error(), `default:"c"`) || !strings.Contains(err.Error(), `default:"x"`) {
		t.Errorf("bad defaults: error = %v, want both named", err)
	}
	if _, err := queryparams.TypeOf(reflect.TypeFor[int]()); err == nil {
		t.Error("a schema of int has no error")
	}
	if err := schemaError[N](queryparams.SchemaConfig{Codecs: []queryparams.Codec{{}, {}}}); err == nil || strings.Count(err.Error(), "SchemaConfig.") != 2 {
		t.Errorf("bad config: error = %v, want two problems", err)
	}
}

func TestMapTakesNamesOfANestedStruct(t *testing.T) {
	t.Parallel()
	type N struct {
		A int `query:"a"`
	}
	type T struct {
		M map[string]int `query:"m"`
		N N              `query:"m"`
	}
	if _, err := queryparams.TypeOf(reflect.TypeFor[T]()); err == nil {
		t.Error("two fields that both want m[a] make a schema")
	}
}

// DecodeOnly has no MarshalText.
type DecodeOnly struct{}

func (*DecodeOnly) UnmarshalText([]byte) error { return nil }

func TestDecodeOnlyTypeIsAStartUpError(t *testing.T) {
	t.Parallel()
	type T struct {
		D DecodeOnly `query:"d"`
	}
	if _, err := queryparams.TypeOf(reflect.TypeFor[T]()); err == nil || !strings.Contains(err.Error(), "no MarshalText") {
		t.Errorf("error = %v, want one that asks for MarshalText", err)
	}
}

func TestCustomTypes(t *testing.T) {
	t.Parallel()
	got, err := everything.Parse("level=high&c=20.5C&big=123456789012345678901234567890&url=https://example.org/%3Fa%3Db&levels=low&levels=high")
	if err != nil {
		t.Fatal(err)
	}
	if got.Level != 2 || got.C != 20.5 || got.Big.String() != "123456789012345678901234567890" || got.URL.Host != "example.org" || !cmp.Equal(got.Levels, []Level{0, 2}) {
		t.Errorf("got %+v", got)
	}
	_, err = everything.Parse("level=huge&c=hot&ip=zz")
	if d := cmp.Diff([][2]string{fault("level", "type"), fault("c", "type"), fault("ip", "type")}, faults(t, err)); d != "" {
		t.Errorf("faults (-want +got):\n%s", d)
	}
	if errs, _ := errors.AsType[*queryparams.Errors](err); errs.Fields[1].Expected != "degrees such as 20C" || errs.Fields[2].Expected != "an IP address" {
		t.Errorf("expected %q and %q", errs.Fields[1].Expected, errs.Fields[2].Expected)
	}
	type T struct {
		B big.Int `query:"b" default:"5"`
	}
	if v, err := parse[T](t, ""); err != nil || v.B.Int64() != 5 {
		t.Errorf("big.Int default = %v, %v", &v.B, err)
	}
}

type Paging struct {
	Page int `query:"page"`
}

func TestAnEmbeddedPointerIsNotIgnored(t *testing.T) {
	t.Parallel()
	type T struct {
		*Paging
	}
	if _, err := queryparams.TypeOf(reflect.TypeFor[T]()); err == nil || !strings.Contains(err.Error(), "Paging") {
		t.Errorf("error = %v, want one that names the embedded pointer", err)
	}
}
