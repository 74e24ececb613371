package queryparams_test

import (
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

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
}

var unboundeds = queryparams.Must(queryparams.NewSchema[unbounded](queryparams.SchemaConfig{
	Limits:        queryparams.Limits{MaxBytes: -1, MaxPairs: -1, MaxKeyLen: -1, MaxValueLen: -1},
	RejectUnknown: true,
}))

// folds is unboundeds with names in any case, more of them, and all of it read.
var folds = queryparams.Must(queryparams.NewSchema[struct {
	unbounded
	Alpha map[string]string `query:"alpha"`
	Beta  []string          `query:"beta"`
	Rest  url.Values        `query:",rest"`
}](queryparams.SchemaConfig{
	Limits:   queryparams.Limits{MaxBytes: -1, MaxPairs: -1, MaxKeyLen: -1, MaxValueLen: -1, MaxElements: 100},
	FoldCase: true,
}))

// hostile are the queries that made other libraries allocate or loop.
var hostile = map[string]string{
	"one large index":        "a[15999]=1",
	"nested indices":         strings.Repeat("a[15999][15999][15999][15999]=1&", 100),
	"distinct brackets":      distinct(8000),
	"ampersands":             strings.Repeat("&", 1<<20),
	"pairs":                  strings.Repeat("a&", 100_000),
	"commas":                 "s=" + strings.Repeat(",", 1<<20),
	"unknown keys":           strings.Repeat("zz=1&", 100_000),
	"open brackets":          strings.Repeat("m[", 1<<19),
	"escapes":                "s=" + strings.Repeat("%41", 1<<18),
	"broken escapes":         "s=" + strings.Repeat("%", 1<<20),
	"bad UTF-8":              "m[x]=" + strings.Repeat("%ff", 1<<18),
	"equals":                 strings.Repeat("=", 1<<20),
	"a large element":        "l[15999][x]=1",
	"one element's fields":   strings.Repeat("l[0][s]=&", 100_000),
	"elements":               elements(50_000),
	"one long unknown name":  strings.Repeat("x", 1<<20),
	"nested indices, dots":   dotted(100),
	"one large dotted":       "a.5000000=1",
	"a long name of spaces":  strings.Repeat("+", 1<<20),
	"a long escaped name":    strings.Repeat("%41", 1<<18),
	"a long broken name":     strings.Repeat("\xff", 1<<20),
	"a long key of a map":    "m[" + strings.Repeat("+", 1<<20) + "]=1",
	"empty keys of a map":    strings.Repeat("m%5B%5D=&", 900),
	"escaped elements":       strings.Repeat("l%5B0%5D%5Bs%5D=&", 60_000),
	"elements, not too many": strings.Repeat("l%5B0%5D%5Bs%5D=&", 900),
	"capital letters":        strings.Repeat("ZZZZ[Z]=1&", 100_000),
}

// dotted is the query that made other libraries allocate 205 MB of 1.7 KB.
func dotted(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("a." + strconv.Itoa(i) + ".b.15999.x=1&")
	}
	return b.String()
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

// What one reading may allocate whatever the query's length: lists and maps up
// to MaxElements, and the faults that are reported. By default, MaxPairs keeps
// lists short.
const (
	fixedCost   = 192 << 10
	defaultCost = 64 << 10
)

// Not parallel: it counts the allocations of the whole process.
func TestMemoryIsBoundedByTheQuery(t *testing.T) {
	for name, raw := range hostile {
		for by, read := range map[string]func(){
			"a schema":          func() { _, _ = unboundeds.Parse(raw) },
			"names in any case": func() { _, _ = folds.Parse(raw) },
			"Params":            func() { _, _ = queryparams.ParseParams(raw) },
			"Lookup":            func() { _, _ = queryparams.Lookup(raw, "a", queryparams.Param[[]int]{}) },
			"default limits":    func() { _, _ = everything.Parse(raw) },
		} {
			if got, limit := allocated(read), uint64(4*len(raw)+fixedCost); got > limit {
				t.Errorf("%s: %d bytes of query, read by %s, allocate %d, more than %d", name, len(raw), by, got, limit)
			}
		}
	}
}

// Not parallel: it measures time. The factor leaves room for caches; quadratic
// work would be 64 times. The best of many rounds counts, since the machine may
// be busy with something else, and a reading is so short that it often fits into
// one turn of the scheduler.
func TestTimeIsLinear(t *testing.T) {
	once := func(raw string) time.Duration {
		start := time.Now()
		_, _ = unboundeds.Parse(raw)
		return time.Since(start)
	}
	for name, unit := range map[string]string{"unknown": "zz=1&", "pairs": "a=1&", "maps": "m[x]=1&", "escapes": "%41", "commas": "s=,,,,&", "brackets": "[m[", "elements": "l[0][x]=&"} {
		short, long := strings.Repeat(unit, 1_000), strings.Repeat(unit, 8_000)
		small, large := time.Duration(1<<62), time.Duration(1<<62)
		linear := false
		for round := 0; round < 500 && !linear; round++ {
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
			_, _ = queryparams.Lookup(searchQuery, "page", queryparams.Param[int]{Default: 1, Min: new(1), Max: new(100)})
		}},
	} {
		if got := testing.AllocsPerRun(200, tt.f); got > tt.most {
			t.Errorf("%s: %v allocations, want at most %v", tt.name, got, tt.most)
		}
	}
}

func TestTextsCanBeKeptWithoutTheRequest(t *testing.T) {
	t.Parallel()
	within := func(s, of string) bool {
		a, b := uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(unsafe.Pointer(unsafe.StringData(of)))
		return b <= a && a < b+uintptr(len(of))
	}
	line := "GET /" + strings.Repeat("x", 1<<20) + "?q=some+text&tags=plain"
	raw := line[strings.IndexByte(line, '?')+1:]
	for _, clone := range []bool{false, true} {
		s := queryparams.Must(queryparams.NewSchema[Filter](queryparams.SchemaConfig{Clone: clone}))
		v, err := s.Parse(raw)
		if err != nil || within(v.Tags[0], line) == clone {
			t.Errorf("Clone %v: the text is in the request's line: %v, %v", clone, within(v.Tags[0], line), err)
		}
	}
}
