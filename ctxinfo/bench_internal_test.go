package ctxinfo

import (
	"testing"

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
			if m.supported[m.acceptLanguage(header).match] != want {
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
