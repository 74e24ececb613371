package queryparams_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/queryparams"
)

// Quick has a field for each decision of the quick way of reading.
type Quick struct {
	Embedded
	I     int                     `query:"i" default:"5" min:"-20" max:"99"`
	I8    int8                    `query:"i8" duplicate:"first"`
	I64   int64                   `query:"i64" invalid:"default"`
	Even  int                     `query:"even" enum:"0|2|4"`
	U     uint8                   `query:"u"`
	F     float64                 `query:"f"`
	S     string                  `query:"s"`
	Len   string                  `query:"len" minlen:"2" maxlen:"4" default:"ab"`
	Enum  string                  `query:"enum" enum:"a|b"`
	Ctl   string                  `query:"ctl" allow:"control" empty:"reject"`
	B     bool                    `query:"b"`
	Level Level                   `query:"level" default:"mid"`
	T     time.Time               `query:"t" layout:"date"`
	P     *int                    `query:"p"`
	O     queryparams.Opt[string] `query:"o"`
	L     []string                `query:"l" maxitems:"4"`
	Named Names                   `query:"named"`
	LD    []string                `query:"ld" default:"x,y"`
	N     []int                   `query:"n"`
	M     map[string]int          `query:"m"`
	G     *Innermost              `query:"g"`
	In    Innermost               `query:"in"`
}

type Names []string

// Without the strange members a schema whose every leaf is quick.
type Plain struct {
	A int      `query:"a"`
	B string   `query:"b"`
	C bool     `query:"c" required:"true"`
	D []string `query:"d"`
	E *string  `query:"é"`
}

func quickSchemas(limits queryparams.Limits) (*queryparams.Schema[Quick], *queryparams.Schema[Plain]) {
	cfg := queryparams.SchemaConfig{Limits: limits}
	lenient := cfg
	lenient.Lenient = true
	return queryparams.Must(queryparams.NewSchema[Quick](cfg)), queryparams.Must(queryparams.NewSchema[Plain](lenient))
}

// agree checks that both ways of reading say the same.
func agree[T any](t *testing.T, s *queryparams.Schema[T], raw string) {
	t.Helper()
	got, fixed, err := s.Correct(raw)
	want, wantFixed, wantErr := s.General().Correct(raw)
	if diff := cmp.Diff(faults(t, wantErr), faults(t, err)); diff != "" {
		t.Fatalf("%q: faults (-general +quick):\n%s", raw, diff)
	}
	if diff := cmp.Diff(want, got, same); diff != "" || len(fixed) != len(wantFixed) {
		t.Fatalf("%q: %d and %d corrections (-general +quick):\n%s", raw, len(wantFixed), len(fixed), diff)
	}
}

var (
	quickKeys   = strings.Fields("i i8 i64 even u f s len enum ctl b level t p o l named ld n m g in g[x] in[x] m[a] l[] l[0] n[0] deep a b c d %C3%A9 %C3%A9[] zz %69 I zz[] %zz & = zzzzzzzzzz m[aaaaaaaa]")
	quickValues = []string{
		"", "0", "1", "-1", "+1", "7", "99", "100", "-20", "-21", "128", "999999999999999999", "9999999999999999999", "01", "1a", "1.5",
		"true", "false", "TRUE", "tru", "falsey", "ab", "abcde", "a+b", "%41", "%C3%B8%C3%B8", "é", "%zz", "%00", "%ff", "a;b", "a=b", "mid", "2024-01-02", "x,y",
	}
)

func TestQuickReadingAgreesWithTheGeneral(t *testing.T) {
	t.Parallel()
	seed := soaktest.Seed()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 7))
	schema, plain := quickSchemas(queryparams.Limits{})
	tight, tightPlain := quickSchemas(queryparams.Limits{MaxBytes: 40, MaxPairs: 3, MaxKeyLen: 9, MaxValueLen: 5, MaxElements: 2, MaxErrors: 2})
	took, rounds := 0, soaktest.Rounds(60_000)
	for range rounds {
		var b strings.Builder
		for range rnd.IntN(6) {
			b.WriteString(quickKeys[rnd.IntN(len(quickKeys))])
			if rnd.IntN(20) > 0 {
				b.WriteString("=" + quickValues[rnd.IntN(len(quickValues))])
			}
			b.WriteString(strings.Repeat("&", 1+rnd.IntN(8)/7))
		}
		raw := b.String()
		if rnd.IntN(2) == 0 {
			raw = strings.TrimRight(raw, "&")
		}
		agree(t, schema, raw)
		agree(t, plain, raw)
		agree(t, tight, raw)
		agree(t, tightPlain, raw)
		if schema.TookQuick(raw) || plain.TookQuick(raw) {
			took++
		}
	}
	if took < rounds/20 {
		t.Errorf("the quick way took %d of %d queries: the law was hardly tested", took, rounds)
	}
}

func TestQuickReadingTakesWhatLinksHave(t *testing.T) {
	t.Parallel()
	if !searches.TookQuick(searchQuery) {
		t.Errorf("%s is read by the general way", searchQuery)
	}
	schema, plain := quickSchemas(queryparams.Limits{})
	for _, raw := range []string{
		"", "&&", "i=7&s=a+b&l=x&l=%C3%B8", "l=", "zz=1&utm=2&s=x", "s=x&i=-3", "t=2024-01-02&p=1&o=&even=2&level=low", "deep=x&ld=", "in%5Bx%5D=1", "u=7&f=1.5&b=true",
	} {
		if !schema.TookQuick(raw) {
			t.Errorf("%q is read by the general way", raw)
		}
	}
	if plain.TookQuick("a=1") {
		t.Error("a required parameter is missing, and the quick way did not see it")
	}
}

// FuzzQuick has the general way of reading as the quick way's oracle.
func FuzzQuick(f *testing.F) {
	for _, raw := range []string{searchQuery, "i=7&s=a+b&l=x&l=y&zz=1", "a=1&b=%C3%B8&c=true&d=&d=x", "l=&l=&l=&l=&l=", "i=-&i8=1&i8=2&%69=1"} {
		f.Add(raw)
	}
	schema, plain := quickSchemas(queryparams.Limits{})
	tight, _ := quickSchemas(queryparams.Limits{MaxBytes: 60, MaxPairs: 4, MaxKeyLen: 9, MaxValueLen: 6, MaxElements: 3, MaxErrors: 1})
	f.Fuzz(func(t *testing.T, raw string) {
		agree(t, schema, raw)
		agree(t, plain, raw)
		agree(t, tight, raw)
	})
}
