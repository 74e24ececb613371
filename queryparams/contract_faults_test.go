package queryparams_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/queryparams"
)

func TestUnknownKeys(t *testing.T) {
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
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{RejectUnknown: true}))
	_, err := s.Parse("zzz=1&pgae=2&sort=a&page=x&%zz=1")
	want := [][2]string{fault("page", "type"), fault("zzz", "unknown"), fault("pgae", "unknown"), fault("%zz", "unknown")}
	if d := cmp.Diff(want, faults(t, err)); d != "" {
		t.Fatalf("faults (-want +got):\n%s", d)
	}
	if errs, _ := errors.AsType[*queryparams.Errors](err); errs.Fields[2].Suggestion != "page" || errs.Fields[1].Suggestion != "" {
		t.Errorf("suggestions %q and %q, want page and none", errs.Fields[2].Suggestion, errs.Fields[1].Suggestion)
	}
	reads(t, "b=2&page=1&a=1&b=3", R{T: T{Page: 1}, Rest: url.Values{"a": {"1"}, "b": {"2", "3"}}})
	reads(t, "b=%zz", R{}, fault("b", "bad_encoding"))
	if err := schemaError[R](queryparams.SchemaConfig{RejectUnknown: true}); err == nil {
		t.Error("a rest field and RejectUnknown together have no error")
	}
}

func TestErrorsAreCompleteOrderedAndSafe(t *testing.T) {
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

func TestInvalidBecomesDefaultAndIsReported(t *testing.T) {
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
	reads(t, "l=x&l=y", T{[]int{1, 2}})
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

func TestValidateRunsAfterParseAndBeforeEncode(t *testing.T) {
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

func TestTextRules(t *testing.T) {
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

func TestPatternsAreLinear(t *testing.T) {
	t.Parallel()
	type T struct {
		S string `query:"s" pattern:"(a+)+b"`
	}
	reads(t, "s="+strings.Repeat("a", 4000), T{}, fault("s", "pattern")) // a backtracking engine would never end
}

// Every text of one or two bytes, and of up to five of those that mean something.
func TestNoTextPanics(t *testing.T) {
	t.Parallel()
	lenient := queryparams.Must(queryparams.NewSchema[Everything](queryparams.SchemaConfig{
		Codecs: []queryparams.Codec{celsius}, Lenient: true, FoldCase: true,
	}))
	try := func(raw string) {
		for _, prefix := range []string{"", "str=", "comma=", "map", "items", "pin", "dur=", "time="} {
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

func TestLimits(t *testing.T) {
	t.Parallel()
	type T struct {
		S string   `query:"s"`
		L []string `query:"l"`
		C []string `query:"c" style:"form,explode=false"`
	}
	reads(t, "s="+strings.Repeat("a", 4096), T{S: strings.Repeat("a", 4096)})
	reads(t, "s="+strings.Repeat("a", 4097), T{}, fault("s", "limit_value"))
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

func TestSecretsAreNotEchoedInPlaces(t *testing.T) {
	t.Parallel()
	type F struct {
		A int `query:"a"`
	}
	type T struct {
		M map[string]int `query:"m" secret:"true"`
		L []F            `query:"l" secret:"true"`
		S string         `query:"s" secret:"true" maxlen:"3"`
		I []int          `query:"i" secret:"true" style:"form,explode=false"`
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{RejectUnknown: true}))
	for _, raw := range []string{
		"m[hunter2]=x", "m[hunter2[]=1", "m[hunter2]=1&m[hunter2]=1", "l[0][a]=hunter2",
		"s=hunter2", "i=1,hunter2", "s=hunter2%zz", "l[0]=hunter2", "l=hunter2", "m=hunter2", "s=hunter2&s=hunter2",
	} {
		_, err := s.Parse(raw)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestARestFieldHasALimit(t *testing.T) {
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
