package ctxinfo

import (
	"testing"
	"time"

	"golang.org/x/text/language"
)

// BenchmarkLocale compares a hit of the locale cache with parsing and matching
// by x/text.
func BenchmarkLocale(b *testing.B) {
	const header = "de-CH,de;q=0.9,en-US;q=0.8,en;q=0.7"
	supported := []language.Tag{language.English, language.German, language.French}
	want := language.German
	b.Run("reecho", func(b *testing.B) {
		m := newLocaleMatcher(supported)
		b.ReportAllocs()
		for b.Loop() {
			if m.supported[m.wish(header).match] != want {
				b.Fatal("another locale")
			}
		}
	})
	b.Run("xtext", func(b *testing.B) {
		m := language.NewMatcher(supported)
		b.ReportAllocs()
		for b.Loop() {
			tags, _, err := language.ParseAcceptLanguage(header)
			if err != nil {
				b.Fatal(err)
			}
			if _, i, _ := m.Match(tags...); supported[i] != want {
				b.Fatal("another locale")
			}
		}
	})
}

// BenchmarkZone compares a known zone name with time.LoadLocation, and a name
// that does not exist likewise.
func BenchmarkZone(b *testing.B) {
	for _, name := range []string{"Asia/Kolkata", "Asia/Nowhere"} {
		_, known := lookupZone(name)
		b.Run(name+"/reecho", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := lookupZone(name); ok != known {
					b.Fatal(ok)
				}
			}
		})
		b.Run(name+"/time", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := time.LoadLocation(name); (err == nil) != known {
					b.Fatal(err)
				}
			}
		})
	}
}
