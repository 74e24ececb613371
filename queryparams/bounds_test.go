package queryparams_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/queryparams"
)

// unbounded is a schema of every kind of collection, without limits on the
// query, so that only the algorithm bounds the work.
type unbounded struct {
	A []int             `query:"a"`
	S []string          `query:"s" style:"form,explode=false"`
	M map[string]string `query:"m"`
	N *struct {
		X []string `query:"x"`
	} `query:"n"`
	L []struct {
		X int      `query:"x"`
		S []string `query:"s"`
	} `query:"l"`
	F *struct {
		X int `query:"x"`
	} `query:"f" style:"form,explode=false"`
}

var unboundeds = queryparams.Must(queryparams.NewSchema[unbounded](queryparams.SchemaConfig{
	Limits:  queryparams.Limits{MaxBytes: -1, MaxPairs: -1, MaxKeyLen: -1, MaxValueLen: -1},
	Unknown: queryparams.UnknownReject,
}))

// quicks is unboundeds with a quick way of reading.
var quicks = queryparams.Must(queryparams.NewSchema[unbounded](queryparams.SchemaConfig{
	Limits: queryparams.Limits{MaxBytes: -1, MaxPairs: -1, MaxKeyLen: -1, MaxValueLen: -1},
}))

// hostile are the queries that made other libraries allocate or loop.
var hostile = map[string]string{
	"one large index":       "a[15999]=1",
	"nested indices":        strings.Repeat("a[15999][15999][15999][15999]=1&", 100),
	"distinct brackets":     distinct(8000),
	"ampersands":            strings.Repeat("&", 1<<20),
	"pairs":                 strings.Repeat("a&", 100_000),
	"commas":                "s=" + strings.Repeat(",", 1<<20),
	"unknown keys":          strings.Repeat("zz=1&", 100_000),
	"open brackets":         strings.Repeat("m[", 1<<19),
	"escapes":               "s=" + strings.Repeat("%41", 1<<18),
	"broken escapes":        "s=" + strings.Repeat("%", 1<<20),
	"bad UTF-8":             "m[x]=" + strings.Repeat("%ff", 1<<18),
	"equals":                strings.Repeat("=", 1<<20),
	"a large element":       "l[15999][x]=1",
	"one element's fields":  strings.Repeat("l[0][s]=&", 100_000),
	"elements":              elements(50_000),
	"pairs in one value":    "f=" + strings.Repeat("x,1,", 1<<18),
	"names in one value":    "f=" + strings.Repeat("zz,1,", 1<<18),
	"one long unknown name": strings.Repeat("x", 1<<20),
}

func distinct(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("m[" + strconv.Itoa(i) + "]=x&k" + strconv.Itoa(i) + "[x]=1&")
	}
	return b.String()
}

func elements(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("l[" + strconv.Itoa(i) + "][x]=1&")
	}
	return b.String()
}

// allocated is what f allocates, in bytes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// fixedCost is what one reading may allocate whatever the query's length:
// lists up to MaxElements and the faults that are reported.
const fixedCost = 96 << 10

// Not parallel: it counts the allocations of the whole process.
func TestSQ2_MemoryIsBoundedByTheQuery(t *testing.T) {
	for name, raw := range hostile {
		got := allocated(func() { _, _ = unboundeds.Parse(raw) })
		if limit := uint64(4*len(raw) + fixedCost); got > limit {
			t.Errorf("%s: %d bytes of query allocate %d, more than %d", name, len(raw), got, limit)
		}
		got = allocated(func() { _, _ = quicks.Parse(raw) })
		if limit := uint64(4*len(raw) + fixedCost); got > limit {
			t.Errorf("%s: the quick way: %d bytes of query allocate %d, more than %d", name, len(raw), got, limit)
		}
		got = allocated(func() { _, _ = queryparams.ParseParams(raw) })
		if limit := uint64(4*len(raw) + fixedCost); got > limit {
			t.Errorf("%s: Params of %d bytes of query allocate %d, more than %d", name, len(raw), got, limit)
		}
	}
}

// Not parallel: it measures time. The factor leaves room for caches; quadratic
// work would be 64 times. The best of many rounds counts, since the machine may
// be busy with something else.
func TestSQ3_TimeIsLinear(t *testing.T) {
	once := func(raw string) time.Duration {
		start := time.Now()
		_, _ = unboundeds.Parse(raw)
		return time.Since(start)
	}
	for name, unit := range map[string]string{"unknown": "zz=1&", "pairs": "a=1&", "maps": "m[x]=1&", "escapes": "%41", "commas": "s=,,,,&", "brackets": "[m[", "elements": "l[0][x]=&"} {
		short, long := strings.Repeat(unit, 4_000), strings.Repeat(unit, 32_000)
		small, large := time.Duration(1<<62), time.Duration(1<<62)
		linear := false
		for round := 0; round < 50 && !linear; round++ {
			small, large = min(small, once(short)), min(large, once(long))
			linear = large < 20*small
		}
		if !linear {
			t.Errorf("%s: 8 times the query takes %v after %v", name, large, small)
		}
	}
}

// Not parallel: it counts allocations.
func TestAllocations(t *testing.T) {
	if soaktest.Race {
		t.Skip("the race detector empties pools at random")
	}
	v, err := searches.Parse(searchQuery)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		most float64
		f    func()
	}{
		{"Parse of 7 pairs to 6 fields", 3, func() { _, _ = searches.Parse(searchQuery) }},
		{"Encode", 2, func() { _, _ = searches.Encode(v) }},
		{"Lookup of an int", 1, func() {
			_, _ = queryparams.Lookup(searchQuery, "page", queryparams.Param[int]{Default: 1, Min: 1, Max: 100})
		}},
	} {
		if got := testing.AllocsPerRun(200, tt.f); got > tt.most {
			t.Errorf("%s: %v allocations, want at most %v", tt.name, got, tt.most)
		}
	}
}
