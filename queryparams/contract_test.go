package queryparams_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

func TestOrderAndDuplicatesAreKept(t *testing.T) {
	t.Parallel()
	type T struct {
		L []string `query:"l"`
	}
	reads(t, "l=b&x=1&l=a&l=b", T{[]string{"b", "a", "b"}})
}

func TestBadEscapes(t *testing.T) {
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

func TestSemicolonsAndPluses(t *testing.T) {
	t.Parallel()
	type T struct {
		S  string    `query:"s"`
		At time.Time `query:"at"`
	}
	reads(t, "s=a;b=c+d", T{S: "a;b=c d"})
	at := time.Date(2024, 1, 2, 3, 4, 5, 0, time.FixedZone("", 7200))
	reads(t, "at=2024-01-02T03:04:05+02:00", T{At: at})
	reads(t, "at=2024-01-02T03:04:05%2B02:00", T{At: at})
	reads(t, "s=a%3Bb", T{S: "a;b"})
}

func TestControlCharactersAndUTF8(t *testing.T) {
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

func TestKeysAreCaseSensitive(t *testing.T) {
	t.Parallel()
	type T struct {
		Page int `query:"page"`
	}
	reads(t, "PAGE=3&Page=4", T{})
	reads(t, "PAGE=3&page=2", T{2})
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	type T struct {
		N     int `query:"n"`
		First int `query:"first" duplicate:"first"`
		Last  int `query:"last" duplicate:"last"`
	}
	reads(t, "n=1&n=1", T{}, fault("n", "duplicate"))
	reads(t, "n=&n=1", T{}, fault("n", "duplicate"))
	reads(t, "first=1&first=x&last=y&last=2", T{First: 1, Last: 2})
}

func TestMissingEmptyAndZero(t *testing.T) {
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

func TestRequired(t *testing.T) {
	t.Parallel()
	type T struct {
		ID int      `query:"id" required:"true"`
		L  []string `query:"l" required:"true"`
	}
	reads(t, "identity=7&idx=1", T{}, fault("id", "missing"), fault("l", "missing"))
	reads(t, "id=0&l=", T{0, []string{}})
}

func TestBools(t *testing.T) {
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

func TestInts(t *testing.T) {
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

func TestFloats(t *testing.T) {
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

func TestDurations(t *testing.T) {
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

func TestTimes(t *testing.T) {
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

func TestRFC3339IsReadStrictly(t *testing.T) {
	t.Parallel()
	type T struct {
		At time.Time `query:"at" layout:"rfc3339"`
	}
	for _, bad := range []string{"2024-01-02T3:04:05Z", "2024-01-02T03:04:05%2B24:00", "2024-01-02T03:04:05%2B01:60", "2024-01-02T03:04:05,5Z", "2024-01-02T03:04:60Z"} {
		reads(t, "at="+bad, T{}, fault("at", "type"))
	}
}
