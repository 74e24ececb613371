package queryparams_test

import (
	"errors"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/queryparams"
)

// FuzzParse reads any bytes by the schema of every type: no panic, memory
// bounded, errors complete, and what is accepted is written and read back.
func FuzzParse(f *testing.F) {
	for _, raw := range []string{
		"", "&&=&", "int=7&tags=a&tags[]=b&str=hello+world%21", "in[m][a]=1&pin[p].x=2&map[=&map[]=1", "time=2024-01-02T03:04:05+02:00&dur=P1DT2H",
		"pipe=a|b%7Cc&space=a+b%20c&dash=1--2", "str=%zz%ff%00;&int8=128&bool&r[0]=1",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var (
			v   Everything
			err error
		)
		if got, limit := allocated(func() { v, err = everything.Parse(raw) }), uint64(4*len(raw)+defaultCost); got > limit {
			t.Errorf("%d bytes of query allocate %d, more than %d", len(raw), got, limit)
		}
		if err != nil {
			errs, ok := errors.AsType[*queryparams.Errors](err)
			if !ok || len(errs.Fields) == 0 || len(errs.Fields) > 20 {
				t.Fatalf("error %v is a %T", err, err)
			}
			for _, e := range errs.Fields {
				if e.Code == "" || e.Detail == "" || e.Offset > len(raw) || e.Value != nil && strings.ContainsAny(*e.Value, "\x00\n\r\x1b") {
					t.Errorf("fault %+v", e)
				}
			}
			if d := cmp.Diff(Everything{}, v, same); d != "" {
				t.Errorf("a value comes with the error:\n%s", d)
			}
			return
		}
		written, err := everything.Encode(v)
		if err != nil { // what was read may take more room written in full
			ee, ok := errors.AsType[*queryparams.EncodeError](err)
			if !ok {
				t.Fatalf("Encode: %v", err)
			}
			for _, e := range ee.Fields {
				if !strings.HasPrefix(string(e.Code), "limit_") && e.Code != queryparams.CodeCannotCarry {
					t.Errorf("Encode of what Parse read from %q: %v", raw, err)
				}
			}
			return
		}
		back, err := everything.Parse(written)
		if err != nil {
			t.Fatalf("Parse(%q), written for %q: %v", written, raw, err)
		}
		if d := cmp.Diff(v, back, same); d != "" {
			t.Errorf("%q reads back from %q as another value:\n%s", raw, written, d)
		}
		if again, err := everything.Encode(back); again != written || err != nil {
			t.Errorf("%q, read and written again, is %q, %v", written, again, err)
		}
	})
}

// FuzzRoundTrip draws values from the fuzzer's seed and texts.
func FuzzRoundTrip(f *testing.F) {
	f.Add(uint64(1), "a b", "é;&")
	f.Add(uint64(2), "", "%2C")
	f.Fuzz(func(t *testing.T, seed uint64, a, b string) {
		v := maker{rand.New(rand.NewPCG(seed, 0))}.everything()
		v.Str, v.Comma, v.Tags, v.Map = a, []string{a, b}, []string{b}, map[string]int{a: 1, b: 2}
		checkRoundTrip(t, v)
		v.Map, v.Comma = nil, nil
		checkRoundTrip(t, v)
		checkRoundTrip(t, Everything{Str: a, Tags: []string{b}, Int8: 7, BoolOn: true, Level: 1, TagsDef: []string{a, b}})
	})
}

// FuzzLenient compares lenient reading with net/url on what both take alike,
// and the dictionary with itself.
func FuzzLenient(f *testing.F) {
	f.Add("a=1&b=%41+c&a=2")
	f.Add("%E2%82=%F0%9F%92&=&&x")
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := queryparams.ParseParams(raw)
		if err != nil {
			return
		}
		back, err := queryparams.ParseParams(p.Encode())
		if err != nil { // the escaped form may be beyond the limits
			return
		}
		if d := cmp.Diff(p.ToMap(), back.ToMap()); d != "" || back.Encode() != p.Encode() {
			t.Errorf("%q written as %q reads back differently:\n%s", raw, p.Encode(), d)
		}
		std, err := url.ParseQuery(raw)
		if err != nil || len(std) == 0 {
			return
		}
		for key, values := range std { // net/url keeps what is not UTF-8
			if !utf8.ValidString(key + strings.Join(values, "")) {
				return
			}
		}
		for key, values := range std {
			if reserved := strings.EqualFold(key, "embed") || strings.EqualFold(key, "embed_options"); !reserved && !cmp.Equal(p.GetAll(key), values) {
				t.Errorf("%q: %q = %q, net/url reads %q", raw, key, p.GetAll(key), values)
			}
		}
	})
}

// FuzzDuration has time.ParseDuration as its oracle where both read a text.
func FuzzDuration(f *testing.F) {
	type T struct {
		D time.Duration `query:"d"`
	}
	s := queryparams.Must(queryparams.SchemaOf[T]())
	for _, text := range []string{"1h30m", "-1.5h", "1w2d", "P1DT2H", "1us1µs", ".5s", "9223372036854775807ns"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := s.Parse("d=" + url.QueryEscape(text))
		want, werr := time.ParseDuration(text)
		if werr == nil && text != "" && (err != nil || got.D != want) {
			t.Errorf("%q = %v, %v; time.ParseDuration reads %v", text, got.D, err, want)
		}
		if err == nil {
			raw, err := s.Encode(got)
			back, perr := s.Parse(raw)
			if err != nil || perr != nil || back != got {
				t.Errorf("%q = %v, written %q, reads back %v (%v, %v)", text, got.D, raw, back.D, err, perr)
			}
		}
	})
}
