package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/examples/explorer/data"
)

// textsInUse is every text that goes through reader.T: those that stand in
// templates and Go files, and the values that are translated.
func textsInUse(t *testing.T) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	for pattern, call := range map[string]*regexp.Regexp{
		"templates/*.html": regexp.MustCompile(`\.T "([^"]+)"`),
		"*.go":             regexp.MustCompile(`(?:\.T\(|v\.column\(f, |NewHTTPError\(http\.\w+, )"([^"]+)"`),
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range call.FindAllStringSubmatch(string(text), -1) {
				used[m[1]] = true
			}
		}
	}
	strikes, err := data.Strikes()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range strikes {
		for _, value := range []string{s.Phase, s.Size, s.Damage, s.TimeOfDay} {
			used[value] = len(value) > 1 // B and C are codes
		}
	}
	for m := time.January; m <= time.December; m++ {
		used[m.String()] = true
	}
	for _, kind := range []string{"default", "connection", "header", "cookie", "query", "generated"} {
		used[kind] = true
	}
	for _, status := range []int{400, 403, 404, 405, 413, 414, 500, 503} {
		used[http.StatusText(status)] = true
	}
	crosswalk, err := data.Crosswalks()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range crosswalk {
		used[c.Note] = c.Note != ""
	}
	for _, f := range allFacts() {
		used[f.name] = true
	}
	for _, w := range allWords() {
		used[w.name] = true
	}
	for _, text := range []string{"Auto", "Light", "Dark", "your device’s setting"} {
		used[text] = true
	}
	return used
}

// German and French have every text, nothing that is not used, and the same
// verbs in the same order as the English.
func TestTranslationsAreComplete(t *testing.T) {
	t.Parallel()
	used := textsInUse(t)
	verbs := regexp.MustCompile(`%[a-z]`)
	for _, file := range []string{"de", "fr"} {
		raw, err := translations.ReadFile("locales/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var texts map[string]string
		if err := json.Unmarshal(raw, &texts); err != nil {
			t.Fatal(err)
		}
		for text, want := range used {
			if want && texts[text] == "" {
				t.Errorf("%s lacks %q", file, text)
			}
		}
		for text, translated := range texts {
			if !used[text] {
				t.Errorf("%s translates %q, which nobody says", file, text)
			}
			if a, b := verbs.FindAllString(text, -1), verbs.FindAllString(translated, -1); !slices.Equal(a, b) {
				t.Errorf("%s: %q has the verbs %v, its translation %v", file, text, a, b)
			}
		}
	}
}

// Text and what it stands on differ enough in both colour schemes (WCAG 2.2,
// AA: 4.5 to 1 for text, 3 to 1 for marks and controls).
func TestColoursContrast(t *testing.T) {
	t.Parallel()
	css, err := static.ReadFile("static/app.css")
	if err != nil {
		t.Fatal(err)
	}
	colours := map[string][2]float64{} // luminance, light and dark
	for _, m := range regexp.MustCompile(`--([\w-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\)`).FindAllStringSubmatch(string(css), -1) {
		colours[m[1]] = [2]float64{luminance(t, m[2]), luminance(t, m[3])}
	}
	for _, pair := range []struct {
		front, back string
		least       float64
	}{
		{"ink", "page", 4.5},
		{"ink", "card", 4.5},
		{"ink", "raised", 4.5},
		{"muted", "page", 4.5},
		{"muted", "card", 4.5},
		{"muted", "raised", 4.5},
		{"accent", "page", 4.5},
		{"accent", "card", 4.5},
		{"on-accent", "accent", 4.5},
		{"good", "good-page", 4.5},
		{"warm", "warm-page", 4.5},
		{"bad", "bad-page", 4.5},
		{"bad", "page", 4.5},
		{"edge", "card", 3},
		{"bar", "card", 3},
		{"dot", "card", 3},
	} {
		front, ok := colours[pair.front]
		back, ok2 := colours[pair.back]
		if !ok || !ok2 {
			t.Errorf("no colour %s or %s", pair.front, pair.back)
			continue
		}
		for i, scheme := range []string{"light", "dark"} {
			ratio := (max(front[i], back[i]) + 0.05) / (min(front[i], back[i]) + 0.05)
			if ratio < pair.least {
				t.Errorf("%s: %s on %s is %.2f to 1, want %.1f", scheme, pair.front, pair.back, ratio, pair.least)
			}
		}
	}
}

// luminance is the relative luminance of a colour of six hexadecimal digits.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(shift int) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}

func TestReaderWritesNumbersAndUnits(t *testing.T) {
	t.Parallel()
	texts, err := newCatalog()
	if err != nil {
		t.Fatal(err)
	}
	all := locales()
	us, uk, de := newReader(texts, all[0].Tag, mph), newReader(texts, all[1].Tag, kmh), newReader(texts, all[2].Tag, knots)
	for i, tt := range []struct{ got, want string }{
		{us.Speed(new(100)), "115\u00a0mph"},
		{uk.Speed(new(100)), "185\u00a0km/h"},
		{de.Speed(new(1000)), "1.000\u00a0kn"},
		{us.Speed(nil), "–"},
		{us.Dollars(1234567), "$1,234,567"},
		{de.Dollars(1234567), "1.234.567\u00a0$"},
		{us.ShortDollars(2.5e6), "$2.5M"},
		{us.ShortDollars(5000), "$5,000"},
		{de.ShortDollars(2.5e6), "2,5\u00a0Mio.\u00a0$"},
		{us.Age(999 * time.Millisecond), "just now"},
		{us.Age(59 * time.Second), "59 s old"},
		{us.Age(time.Minute), "1 min old"},
		{us.Age(49 * time.Hour), "49 h old"},
		{us.Took(1234 * time.Microsecond), "1.2\u00a0ms"},
		{us.Took(12345 * time.Microsecond), "12\u00a0ms"},
		{de.Took(1500 * time.Microsecond), "1,5\u00a0ms"},
		{us.Month(time.Date(1999, 3, 1, 0, 0, 0, 0, time.UTC)), "March 1999"},
		{de.Month(time.Date(1999, 3, 1, 0, 0, 0, 0, time.UTC)), "März 1999"},
		{uk.T("Colors"), "Colours"},
		{fmt.Sprint(uk.Percent(0.1234)), "12.3%"},
	} {
		if tt.got != tt.want {
			t.Errorf("%d: got %q, want %q", i, tt.got, tt.want)
		}
	}
}
