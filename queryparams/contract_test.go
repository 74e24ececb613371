package queryparams_test

import (
	"errors"
	"math"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/queryparams"
)

// reads checks that T's schema reads raw as want, or finds the faults.
func reads[T any](t *testing.T, raw string, want T, wantFaults ...[2]string) {
	t.Helper()
	got, err := parse[T](t, raw)
	if d := cmp.Diff(wantFaults, faults(t, err)); d != "" {
		t.Errorf("%T from %q: faults (-want +got):\n%s", want, raw, d)
	}
	if d := cmp.Diff(want, got, same); d != "" {
		t.Errorf("%T from %q (-want +got):\n%s", want, raw, d)
	}
}

func fault(path string, code queryparams.Code) [2]string { return [2]string{path, string(code)} }

func TestQ1_OrderAndDuplicatesAreKept(t *testing.T) {
	t.Parallel()
	type T struct {
		L []string `query:"l"`
	}
	reads(t, "l=b&x=1&l=a&l=b", T{[]string{"b", "a", "b"}})
}

func TestQ2_BadEscapes(t *testing.T) {
	t.Parallel()
	type T struct {
		N int
		S string `query:"s"`
	}
	_, err := parse[T](t, "x=%zz&s=ab%4")
	errs, _ := errors.AsType[*queryparams.Errors](err)
	if errs == nil || len(errs.Fields) != 1 {
		t.Fatalf("error = %v, want one fault: what is not a parameter is not judged", err)
	}
	if f := errs.Fields[0]; f.Code != queryparams.CodeBadEncoding || f.Parameter != "s" || f.Offset != len("x=%zz&s=ab") {
		t.Errorf("fault = %+v, want bad_encoding of s at its offset", f)
	}
	lenient := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Lenient: true}))
	for raw, want := range map[string]string{
		"s=ab%4": "ab%4", "s=%zz": "%zz", "s=%": "%", "s=%25%": "%%", "s=%ff": "\ufffd", "s=%E2%82": "\ufffd",
		"s=%E2%82A": "\ufffdA", "s=%F0%9F%92%A9": "💩", "s=%F0%9Fa%C0%80": "\ufffda\ufffd\ufffd", "s=%EF%BB%BF": "\ufeff", "s=%00": "\x00",
	} {
		if got, err := lenient.Parse(raw); got.S != want || err != nil {
			t.Errorf("lenient %q = %q, %v; want %q", raw, got.S, err, want)
		}
	}
}

func TestQ3_SemicolonsAndPluses(t *testing.T) {
	t.Parallel()
	type T struct {
		S  string    `query:"s"`
		At time.Time `query:"at"`
	}
	reads(t, "s=a;b=c+d", T{S: "a;b=c d"})
	at := time.Date(2024, 1, 2, 3, 4, 5, 0, time.FixedZone("", 7200))
	reads(t, "at=2024-01-02T03:04:05+02:00", T{At: at})
	reads(t, "at=2024-01-02T03:04:05%2B02:00", T{At: at})
	strict := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{RejectSemicolon: true}))
	if _, err := strict.Parse("s=a;b"); !cmp.Equal(faults(t, err), [][2]string{fault("s", "semicolon")}) {
		t.Errorf("RejectSemicolon: error = %v", err)
	}
	if v, err := strict.Parse("s=a%3Bb"); v.S != "a;b" || err != nil {
		t.Errorf("an escaped semicolon = %q, %v", v.S, err)
	}
}

func TestQ4_ControlCharactersAndUTF8(t *testing.T) {
	t.Parallel()
	type T struct {
		S string `query:"s"`
	}
	type Multi struct {
		S string `query:"s" allow:"control"`
	}
	reads(t, "s=a%00", T{}, fault("s", "control_char"))
	reads(t, "s=a%0D%0A", T{}, fault("s", "control_char"))
	reads(t, "s=a\x01", T{}, fault("s", "control_char"))
	reads(t, "s=%ff", T{}, fault("s", "bad_utf8"))
	reads(t, "s=\xff", T{}, fault("s", "bad_utf8"))
	reads(t, "s=%C3%A9\u00e9", T{"éé"})
	reads(t, "s=a%0D%0Ab", Multi{"a\r\nb"})
	reads(t, "s=%ff", Multi{}, fault("s", "bad_utf8"))
}

func TestQ5_KeysAreCaseSensitive(t *testing.T) {
	t.Parallel()
	type T struct {
		Page int `query:"page"`
	}
	reads(t, "PAGE=3&Page=4", T{})
	reads(t, "PAGE=3&page=2", T{2})
}

func TestQ6_Duplicates(t *testing.T) {
	t.Parallel()
	type T struct {
		N     int `query:"n"`
		First int `query:"first" duplicate:"first"`
		Last  int `query:"last" duplicate:"last"`
	}
	reads(t, "n=1&n=1", T{}, fault("n", "duplicate"))
	reads(t, "n=&n=1", T{}, fault("n", "duplicate"))
	reads(t, "first=1&first=x&last=y&last=2", T{First: 1, Last: 2})
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Duplicate: queryparams.DuplicateLast}))
	if v, err := s.Parse("n=1&n=2"); v.N != 2 || err != nil {
		t.Errorf("DuplicateLast: n = %d, %v", v.N, err)
	}
}

func TestQ7Q8_MissingEmptyAndZero(t *testing.T) {
	t.Parallel()
	type T struct {
		Page  int                  `query:"page" default:"5"`
		Name  string               `query:"name" default:"x"`
		Enum  string               `query:"enum" enum:"a|b" default:"a"`
		Bool  bool                 `query:"bool" default:"true"`
		P     *int                 `query:"p"`
		S     *string              `query:"s"`
		O     queryparams.Opt[int] `query:"o"`
		L     []int                `query:"l"`
		Given string               `query:"given" empty:"missing" default:"y"`
		Num   int                  `query:"num" empty:"reject"`
	}
	missing := T{Page: 5, Name: "x", Enum: "a", Bool: true, Given: "y"}
	with := func(edit func(*T)) T { v := missing; edit(&v); return v }
	reads(t, "", missing)
	reads(t, "page=0", with(func(v *T) { v.Page = 0 }))
	reads(t, "page=&enum=&bool=&p=&given=", missing)
	reads(t, "name=", with(func(v *T) { v.Name = "" }))
	reads(t, "name", with(func(v *T) { v.Name = "" }))
	reads(t, "s=", with(func(v *T) { v.S = new("") }))
	reads(t, "p=0", with(func(v *T) { v.P = new(0) }))
	reads(t, "o=", with(func(v *T) { v.O = queryparams.Cleared[int]() }))
	reads(t, "o=0", with(func(v *T) { v.O = queryparams.Some(0) }))
	reads(t, "l=", with(func(v *T) { v.L = []int{} }))
	reads(t, "num=", T{}, fault("num", "type"))
}

func TestQ7_Required(t *testing.T) {
	t.Parallel()
	type T struct {
		ID int      `query:"id" required:"true"`
		L  []string `query:"l" required:"true"`
	}
	reads(t, "identity=7&idx=1", T{}, fault("id", "missing"), fault("l", "missing"))
	reads(t, "id=0&l=", T{0, []string{}})
}

func TestQ9_Bools(t *testing.T) {
	t.Parallel()
	type T struct {
		On bool `query:"on"`
	}
	type Strict struct {
		On bool `query:"on" bool:"strict"`
	}
	for _, raw := range []string{"on", "on&x=1", "x=1&on", "on=true", "on=TRUE", "on=1", "on=t", "on=On", "on=yes"} {
		reads(t, raw, T{true})
	}
	for _, raw := range []string{"on=", "on=false", "on=0", "on=F", "on=off", "on=NO"} {
		reads(t, raw, T{false})
	}
	for _, raw := range []string{"on=2", "on=y", "on=+1", "on=truetrue"} {
		reads(t, raw, T{}, fault("on", "type"))
	}
	reads(t, "on=True", Strict{true})
	reads(t, "on=1", Strict{}, fault("on", "type"))
}

func TestQ10_Ints(t *testing.T) {
	t.Parallel()
	type T struct {
		I8  int8   `query:"i8"`
		I   int    `query:"i"`
		U8  uint8  `query:"u8"`
		U64 uint64 `query:"u64"`
	}
	reads(t, "i8=-128&u8=255", T{I8: -128, U8: 255})
	reads(t, "i=01&u8=%2B1", T{I: 1, U8: 1})
	for _, bad := range []string{"+1", "%201", "1%20", "1_000", "0x1", "1e3", "12abc", "1.0", "%D9%A1", "--1", "-"} {
		reads(t, "i="+bad, T{}, fault("i", "type"))
		reads(t, "u64="+bad, T{}, fault("u64", "type"))
	}
	reads(t, "i8=128&u8=256&u64=-1", T{}, fault("i8", "out_of_range"), fault("u8", "out_of_range"), fault("u64", "out_of_range"))
	_, err := parse[T](t, "i8=128")
	if errs, _ := errors.AsType[*queryparams.Errors](err); errs.Fields[0].Expected != "a whole number from -128 to 127" {
		t.Errorf("expected = %q, want the limits of int8", errs.Fields[0].Expected)
	}
}

func TestQ11_Floats(t *testing.T) {
	t.Parallel()
	type T struct {
		F   float64 `query:"f"`
		F32 float32 `query:"f32"`
		N   float64 `query:"n" allow:"nan"`
	}
	reads(t, "f=-1.5e3&f32=.5", T{F: -1500, F32: .5})
	for _, bad := range []string{"NaN", "Inf", "-inf", "0x1p-2", "1_0", "1,5", "e", "."} {
		reads(t, "f="+bad, T{}, fault("f", "type"))
	}
	reads(t, "f=1e999&f32=1e39", T{}, fault("f", "out_of_range"), fault("f32", "out_of_range"))
	reads(t, "n=-Inf", T{N: math.Inf(-1)})
	if v, err := parse[T](t, "n=nan"); err != nil || !math.IsNaN(v.N) {
		t.Errorf("n=nan with allow:nan = %v, %v", v.N, err)
	}
}

func TestQ12_Durations(t *testing.T) {
	t.Parallel()
	type T struct {
		D time.Duration `query:"d"`
		S time.Duration `query:"s" unit:"s" max:"1h"`
	}
	day := 24 * time.Hour
	for raw, want := range map[string]time.Duration{
		"5s": 5 * time.Second, "1h30m": 90 * time.Minute, "-1.5h": -90 * time.Minute, "1w2d3h": 9*day + 3*time.Hour, "0": 0,
		"PT5M": 5 * time.Minute, "P1DT2H": day + 2*time.Hour, "P2W": 14 * day, "pt0,5s": 500 * time.Millisecond, "-PT1H": -time.Hour,
		"2562047h47m16.854775807s": math.MaxInt64, "-2562047h47m16.854775808s": math.MinInt64,
	} {
		reads(t, "d="+raw, T{D: want})
	}
	for _, bad := range []string{"5", "5x", "s", "P", "PT", "P1Y", "P1M", "PT5M3H", "P1W2D", "1h-5m", "2562047h48m", "999999999999w", ".", "1..5h", "P1DT", "+-5s"} {
		reads(t, "d="+strings.ReplaceAll(bad, "+", "%2B"), T{}, fault("d", "type"))
	}
	reads(t, "s=90", T{S: 90 * time.Second})
	reads(t, "s=1m", T{S: time.Minute})
	reads(t, "s=3601", T{}, fault("s", "out_of_range"))
	reads(t, "s=9223372036854775807", T{}, fault("s", "out_of_range"))
}

func TestQ13_Times(t *testing.T) {
	t.Parallel()
	type T struct {
		At    time.Time `query:"at" min:"2000-01-01"`
		Local time.Time `query:"local" layout:"datetime-local" loc:"Europe/Oslo"`
		Unix  time.Time `query:"unix" layout:"unix"`
		Milli time.Time `query:"milli" layout:"unixmilli"`
		Own   time.Time `query:"own" layout:"02.01.2006|date"`
	}
	oslo, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)
	reads(t, "at=2024-01-02", T{At: day})
	reads(t, "at=2024-01-02t00:00:00z", T{At: day})
	reads(t, "at=2024-01-02T01:00:00.5%2B01:00", T{At: day.Add(500 * time.Millisecond)})
	reads(t, "local=2024-07-01T12:30", T{Local: time.Date(2024, 7, 1, 12, 30, 0, 0, oslo)})
	reads(t, "unix=1700000000&milli=1700000000123", T{Unix: time.Unix(1700000000, 0), Milli: time.UnixMilli(1700000000123)})
	reads(t, "own=02.01.2024", T{Own: day})
	reads(t, "own=2024-01-02", T{Own: day})
	for _, bad := range []string{"2024-13-01", "2024-02-30", "2024-1-2", "1700000000", "2024-01-02T25:00:00Z", "x"} {
		reads(t, "at="+bad, T{}, fault("at", "type"))
	}
	reads(t, "at=1999-12-31", T{}, fault("at", "out_of_range"))
	reads(t, "unix=99999999999999999", T{}, fault("unix", "type"))
}

func TestQ14_ListStyles(t *testing.T) {
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

func TestQ14_ListRules(t *testing.T) {
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

func TestQ16_MapsAndStructs(t *testing.T) {
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

func TestQ16_ListsOfStructsAreDense(t *testing.T) {
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

	strict := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Unknown: queryparams.UnknownReject, RejectSemicolon: true}))
	_, err := strict.Parse("l[0][xx]=1&l[0][p]=1&l[0][;]=1&l[0][x]=;")
	want := [][2]string{fault("l[0][xx]", "unknown"), fault("l[0][p]", "unknown"), fault("l[0][;]", "unknown"), fault("l[0][x]", "semicolon")}
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

func TestQ5_FoldCase(t *testing.T) {
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
	if _, err := queryparams.NewSchema[clash](queryparams.SchemaConfig{FoldCase: true}); err == nil {
		t.Error("names that differ in case alone are accepted")
	}
	if _, err := queryparams.NewSchema[clash](queryparams.SchemaConfig{}); err != nil {
		t.Error(err)
	}
}

func TestQ17_SchemaErrorsComeTogetherAtStartUp(t *testing.T) {
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
	_, err := queryparams.NewSchema[Bad](queryparams.SchemaConfig{})
	se, ok := errors.AsType[*queryparams.SchemaError](err)
	if !ok || se.StatusCode() != http.StatusInternalServerError {
		t.Fatalf("error = %v (%T), want a *SchemaError of status 500", err, err)
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
	if _, err := queryparams.NewSchema[BadDefault](queryparams.SchemaConfig{}); err == nil || !strings.Contains(err.Error(), `default:"c"`) || !strings.Contains(err.Error(), `default:"x"`) {
		t.Errorf("bad defaults: error = %v, want both named", err)
	}
	if _, err := queryparams.SchemaOf[int](); err == nil {
		t.Error("SchemaOf[int]() has no error")
	}
	if _, err := queryparams.NewSchema[N](queryparams.SchemaConfig{Unknown: 9, Duplicate: 9, Codecs: []queryparams.Codec{{}}}); err == nil || strings.Count(err.Error(), "SchemaConfig.") != 3 {
		t.Errorf("bad config: error = %v, want three problems", err)
	}
}

func TestQ17_MapTakesNamesOfANestedStruct(t *testing.T) {
	t.Parallel()
	type N struct {
		A int `query:"a"`
	}
	type T struct {
		M map[string]int `query:"m"`
		N N              `query:"m"`
	}
	if _, err := queryparams.SchemaOf[T](); err == nil {
		t.Error("two fields that both want m[a] make a schema")
	}
}

// DecodeOnly has no MarshalText.
type DecodeOnly struct{}

func (*DecodeOnly) UnmarshalText([]byte) error { return nil }

func TestQ18_DecodeOnlyTypeIsAStartUpError(t *testing.T) {
	t.Parallel()
	type T struct {
		D DecodeOnly `query:"d"`
	}
	if _, err := queryparams.SchemaOf[T](); err == nil || !strings.Contains(err.Error(), "no MarshalText") {
		t.Errorf("error = %v, want one that asks for MarshalText", err)
	}
}

func TestQ18_CustomTypes(t *testing.T) {
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

func TestQ19_UnknownKeys(t *testing.T) {
	t.Parallel()
	type T struct {
		Page int    `query:"page"`
		Sort string `query:"sort"`
	}
	type R struct {
		T
		Rest url.Values `query:",rest"`
	}
	reads(t, "pgae=1&utm=%zz", T{})
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Unknown: queryparams.UnknownReject}))
	_, err := s.Parse("zzz=1&pgae=2&sort=a&page=x&%zz=1")
	want := [][2]string{fault("page", "type"), fault("zzz", "unknown"), fault("pgae", "unknown"), fault("%zz", "unknown")}
	if d := cmp.Diff(want, faults(t, err)); d != "" {
		t.Fatalf("faults (-want +got):\n%s", d)
	}
	if errs, _ := errors.AsType[*queryparams.Errors](err); errs.Fields[2].Expected != "page" || errs.Fields[1].Expected != "" {
		t.Errorf("suggestions %q and %q, want page and none", errs.Fields[2].Expected, errs.Fields[1].Expected)
	}
	reads(t, "b=2&page=1&a=1&b=3", R{T: T{Page: 1}, Rest: url.Values{"a": {"1"}, "b": {"2", "3"}}})
	reads(t, "b=%zz", R{}, fault("b", "bad_encoding"))
	if _, err := queryparams.NewSchema[R](queryparams.SchemaConfig{Unknown: queryparams.UnknownReject}); err == nil {
		t.Error("a rest field and UnknownReject together have no error")
	}
}

func TestQ20_ErrorsAreCompleteOrderedAndSafe(t *testing.T) {
	t.Parallel()
	type T struct {
		A int    `query:"a"`
		B string `query:"b" maxlen:"3"`
		C int    `query:"c" secret:"true"`
		D []int  `query:"d"`
	}
	long := strings.Repeat("<x>\u202e", 40)
	raw := "d=1&d=z&c=hunter2&b=" + url.QueryEscape(long) + "&a=" + url.QueryEscape("\u0007y")
	_, err := parse[T](t, raw)
	errs, _ := errors.AsType[*queryparams.Errors](err)
	if errs == nil {
		t.Fatalf("error = %v", err)
	}
	want := [][2]string{fault("a", "control_char"), fault("b", "too_long"), fault("c", "type"), fault("d[1]", "type")}
	if d := cmp.Diff(want, faults(t, err)); d != "" {
		t.Fatalf("faults (-want +got):\n%s", d)
	}
	if got := *errs.Fields[1].Value; len([]rune(got)) != 65 || strings.Contains(got, "\u202e") {
		t.Errorf("echoed value = %q (%d runes), want 64 printable ones and an ellipsis", got, len([]rune(got)))
	}
	if *errs.Fields[0].Value != "\ufffdy" {
		t.Errorf("echoed control character = %q", *errs.Fields[0].Value)
	}
	if errs.Fields[2].Value != nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the secret is echoed: %v", err)
	}
	if errs.Fields[3].Parameter != "d" || errs.Fields[3].Path != "d[1]" || errs.Fields[3].Expected != "a whole number" {
		t.Errorf("item fault = %+v", errs.Fields[3])
	}
	if len(errs.Unwrap()) != 4 {
		t.Errorf("Unwrap() has %d errors, want 4", len(errs.Unwrap()))
	}
}

func TestQ22_InvalidBecomesDefaultAndIsReported(t *testing.T) {
	t.Parallel()
	v, corrected, err := filters.Correct("sort=bogus&page=2")
	if err != nil || v.Sort != "name" || v.Page != 2 {
		t.Fatalf("Correct = %+v, %v", v, err)
	}
	if len(corrected) != 1 || corrected[0].Parameter != "sort" || corrected[0].Code != queryparams.CodeEnum || corrected[0].Expected != "one of name, price" {
		t.Errorf("corrected = %v", corrected)
	}
	type T struct {
		L []int `query:"l" invalid:"default" default:"1,2"`
	}
	reads(t, "l=3&l=x", T{[]int{1, 2}})
}

// Span has a rule that tags cannot say.
type Span struct {
	From int `query:"from"`
	To   int `query:"to"`
}

var errPlain = errors.New("no spans on Sundays")

func (s *Span) Validate() error {
	switch {
	case s.From == 7:
		return errPlain
	case s.To < s.From:
		return errors.Join(&queryparams.FieldError{Parameter: "to", Detail: "is before from"}, nil)
	}
	return nil
}

func TestQ23_ValidateRunsAfterParseAndBeforeEncode(t *testing.T) {
	t.Parallel()
	reads(t, "from=1&to=2", Span{1, 2})
	reads(t, "from=3&to=2", Span{}, fault("to", "invalid"))
	reads(t, "from=x&to=2", Span{}, fault("from", "type"))
	if _, err := parse[Span](t, "from=7"); !errors.Is(err, errPlain) {
		t.Errorf("error = %v, want it to wrap what Validate returned", err)
	}
	s, _ := queryparams.SchemaOf[Span]()
	if raw, err := s.Encode(Span{From: 3, To: 2}); raw != "" || err == nil {
		t.Errorf("Encode of an invalid value = %q, %v", raw, err)
	}
}

func TestQ23_TextRules(t *testing.T) {
	t.Parallel()
	type T struct {
		S string `query:"s" minlen:"2" maxlen:"4" pattern:"[a-zé]+"`
	}
	reads(t, "s=%C3%A9%C3%A9%C3%A9%C3%A9", T{"éééé"})
	reads(t, "s=a", T{}, fault("s", "too_short"))
	reads(t, "s=abcde", T{}, fault("s", "too_long"))
	reads(t, "s=ab1", T{}, fault("s", "pattern"))
	reads(t, "s=", T{}, fault("s", "too_short"))
}

func TestSQ12_PatternsAreLinear(t *testing.T) {
	t.Parallel()
	type T struct {
		S string `query:"s" pattern:"(a+)+b"`
	}
	start := time.Now()
	reads(t, "s="+strings.Repeat("a", 4000), T{}, fault("s", "pattern")) // a backtracking engine would never end
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Every text of one or two bytes, and of up to five of those that mean something.
func TestSQ1_NoTextPanics(t *testing.T) {
	t.Parallel()
	lenient := queryparams.Must(queryparams.NewSchema[Everything](queryparams.SchemaConfig{
		Codecs: []queryparams.Codec{celsius}, Lenient: true, FoldCase: true,
	}))
	try := func(raw string) {
		for _, prefix := range []string{"", "str=", "comma=", "map", "items", "form=", "pin", "dur=", "time="} {
			_, _ = everything.Parse(prefix + raw)
			_, _ = lenient.Parse(prefix + raw)
		}
		_, _ = queryparams.ParseParams(raw)
		_, _ = queryparams.Lookup(raw, "a", queryparams.Param[[]int]{})
	}
	for a := range 256 {
		try(string([]byte{byte(a)}))
		for b := range 256 {
			if a%64 == b%64 || soaktest.Long() {
				try(string([]byte{byte(a), byte(b)}))
			}
		}
	}
	const special = "[]=&%0a"
	var grow func(text string, more int)
	grow = func(text string, more int) {
		try(text)
		for i := 0; more > 0 && i < len(special); i++ {
			grow(text+special[i:i+1], more-1)
		}
	}
	more := 3
	if soaktest.Long() {
		more = 6
	}
	grow("", more)
}

func TestQ27_Limits(t *testing.T) {
	t.Parallel()
	type T struct {
		S string   `query:"s"`
		L []string `query:"l"`
		C []string `query:"c" style:"form,explode=false"`
	}
	reads(t, "s="+strings.Repeat("a", 4096), T{S: strings.Repeat("a", 4096)})
	reads(t, "s="+strings.Repeat("a", 4097), T{}, fault("s", "limit_value"))
	reads(t, strings.Repeat("k", 129)+"=1", T{}, fault("", "limit_key"))
	reads(t, strings.Repeat("k&", 257), T{}, fault("", "limit_pairs"))
	reads(t, strings.Repeat("&", 8193), T{}, fault("", "limit_bytes"))
	reads(t, strings.Repeat("&", 8192), T{})
	reads(t, "c="+strings.Repeat(",", 1000), T{}, fault("c", "too_many"))
	many := strings.Repeat("l=%zz&", 30)
	_, err := parse[T](t, many)
	errs, _ := errors.AsType[*queryparams.Errors](err)
	if errs == nil || len(errs.Fields) != 20 || errs.Omitted != 10 {
		t.Errorf("30 faults: %v", err)
	}
	_, err = parse[T](t, strings.Repeat("&", 9000))
	if errs, _ := errors.AsType[*queryparams.Errors](err); errs.StatusCode() != http.StatusRequestURITooLong {
		t.Errorf("a query of 9000 bytes answers %d, want 414", errs.StatusCode())
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Limits: queryparams.Limits{MaxPairs: 2, MaxBytes: 40, MaxValueLen: 10, MaxElements: 2}}))
	for name, v := range map[string]T{
		"limit_pairs": {S: "a", L: []string{"b", "c"}}, "limit_value": {S: strings.Repeat("a", 11)}, "too_many": {L: []string{"a", "b", "c"}},
	} {
		_, err := s.Encode(v)
		if ee, ok := errors.AsType[*queryparams.EncodeError](err); !ok || string(ee.Fields[0].Code) != name {
			t.Errorf("Encode beyond the limits = %v, want %s", err, name)
		}
	}
}

type Paging struct {
	Page int `query:"page"`
}

func TestQ17_AnEmbeddedPointerIsNotIgnored(t *testing.T) {
	t.Parallel()
	type T struct {
		*Paging
	}
	if _, err := queryparams.SchemaOf[T](); err == nil || !strings.Contains(err.Error(), "Paging") {
		t.Errorf("error = %v, want one that names the embedded pointer", err)
	}
}

func TestQ13_RFC3339IsReadStrictly(t *testing.T) {
	t.Parallel()
	type T struct {
		At time.Time `query:"at" layout:"rfc3339"`
	}
	for _, bad := range []string{"2024-01-02T3:04:05Z", "2024-01-02T03:04:05%2B24:00", "2024-01-02T03:04:05%2B01:60", "2024-01-02T03:04:05,5Z", "2024-01-02T03:04:60Z"} {
		reads(t, "at="+bad, T{}, fault("at", "type"))
	}
}

func TestSQ9_SecretsAreNotEchoedInPlaces(t *testing.T) {
	t.Parallel()
	type F struct {
		A int `query:"a"`
	}
	type T struct {
		M map[string]int `query:"m" secret:"true"`
		F *F             `query:"f" style:"form,explode=false" secret:"true"`
		L []F            `query:"l" secret:"true"`
		S string         `query:"s" secret:"true" maxlen:"3"`
		I []int          `query:"i" secret:"true" style:"form,explode=false"`
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Unknown: queryparams.UnknownReject}))
	for _, raw := range []string{
		"m[hunter2]=x", "m[hunter2[]=1", "m[hunter2]=1&m[hunter2]=1", "f=hunter2,1", "f=a,hunter2", "f=%zzhunter2,1", "f=hunter2", "l[0][a]=hunter2",
		"s=hunter2", "i=1,hunter2", "s=hunter2%zz", "l[0]=hunter2", "l=hunter2", "m=hunter2", "s=hunter2&s=hunter2",
	} {
		_, err := s.Parse(raw)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestSQ2_ARestFieldHasALimit(t *testing.T) {
	t.Parallel()
	type T struct {
		A    int        `query:"a"`
		Rest url.Values `query:",rest"`
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Limits: queryparams.Limits{MaxElements: 2}}))
	if _, err := s.Parse("x=1&a=1&y=2"); err != nil {
		t.Error(err)
	}
	_, err := s.Parse("x=1&a=1&y=2&x=3")
	if d := cmp.Diff([][2]string{fault("", queryparams.CodeTooMany)}, faults(t, err)); d != "" || !strings.Contains(err.Error(), "at most 2 other parameters") {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if _, err := s.Encode(T{Rest: url.Values{"x": {"1", "2", "3"}}}); err == nil {
		t.Error("what would be refused is written")
	}
}
