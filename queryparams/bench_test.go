package queryparams_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/queryparams"
)

// search is the struct of the published comparisons: six fields.
type search struct {
	Page int      `query:"page"`
	Size int      `query:"size"`
	Q    string   `query:"q"`
	Sort string   `query:"sort"`
	Desc bool     `query:"desc"`
	Tags []string `query:"tags"`
}

const searchQuery = "page=2&size=50&q=hello+world&sort=name&desc=true&tags=a&tags=b"

var searches = queryparams.Must(queryparams.NewSchema[search](queryparams.SchemaConfig{}))

// BenchmarkParse has url.ParseQuery, which only splits and decodes, as its
// measure: the schema's row is to be below it.
func BenchmarkParse(b *testing.B) {
	b.Run("url.ParseQuery", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = url.ParseQuery(searchQuery)
		}
	})
	b.Run("schema", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = searches.Parse(searchQuery)
		}
	})
}

// BenchmarkParseRatio alternates the two, so that a busy machine slows both,
// and reports the median of the ratios.
func BenchmarkParseRatio(b *testing.B) {
	const rounds = 200
	var ratios []float64
	for b.Loop() {
		std := clock(func() {
			for range rounds {
				_, _ = url.ParseQuery(searchQuery)
			}
		})
		ours := clock(func() {
			for range rounds {
				_, _ = searches.Parse(searchQuery)
			}
		})
		ratios = append(ratios, ours/std)
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "of-ParseQuery")
}

func clock(f func()) float64 {
	start := time.Now()
	f()
	return float64(time.Since(start))
}

func BenchmarkEncode(b *testing.B) {
	v, err := searches.Parse(searchQuery)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = searches.Encode(v)
	}
}

func BenchmarkGet(b *testing.B) {
	c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/?"+searchQuery, http.NoBody), nil)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = queryparams.Get(c, "page", queryparams.Param[int]{Default: 1, Min: new(1), Max: new(100)})
	}
}

// BenchmarkErrors is a query in which everything is wrong.
func BenchmarkErrors(b *testing.B) {
	raw := "page=x&size=y&desc=z" + strings.Repeat("&tags=%zz", 20)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = searches.Parse(raw)
	}
}

// BenchmarkUnknown shows that foreign parameters cost linear time.
func BenchmarkUnknown(b *testing.B) {
	s := queryparams.Must(queryparams.NewSchema[search](queryparams.SchemaConfig{
		Limits: queryparams.Limits{MaxBytes: -1, MaxPairs: -1},
	}))
	for name, n := range map[string]int{"1250": 1250, "10000": 10000} {
		raw := strings.Repeat("unknown=1&", n)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Parse(raw)
			}
		})
	}
}
