package ctxinfo_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/ctxinfo"
)

var tags = cmpopts.EquateComparable(language.Tag{})

func parseTags(t testing.TB, names ...string) []language.Tag {
	t.Helper()
	var out []language.Tag
	for _, n := range names {
		tag, err := language.Parse(n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, tag)
	}
	return out
}

func TestAcceptLanguage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, header string
		list         string // the visitor's languages
		supported    string
		want         string
	}{
		{"the usual", "de-CH, de;q=0.9, en;q=0.5", "de-CH de en", "en de fr", "de"},
		{"one bad tag does not spoil the rest", "xx-invalid-zzzz, C, de", "de", "en de", "de"},
		{"parameters other than q", "en;level=1;q=0.5, de;q=0.6", "de en", "en de", "de"},
		{"a weight above 1 is malformed", "de;q=1.5, fr;q=0.1", "fr", "en de fr", "fr"},
		{"a weight of four decimals is malformed", "de;q=0.1234, fr", "fr", "en de fr", "fr"},
		{"no number", "de;q=, fr;q=x, it;q=-1, es;q=0.3", "es", "en de fr it es", "es"},
		{"q=0 excludes", "de;q=0, *", "", "de en", "en"},
		{"q=0 excludes longer tags", "de;q=0, *", "", "de-AT en", "en"},
		{"q=0 does not exclude other languages", "d;q=0, de", "de", "de en", "de"},
		{"q=0 excludes no tag that a longer range asks for", "en-GB, en;q=0, de;q=0.1", "en-GB de", "de en-GB en-US", "en-GB"},
		{"q=0 excludes what a shorter range asks for", "en, en-GB;q=0", "en", "de en-GB", "de"},
		{"q=0 and another weight for one tag", "de, de;q=0, en;q=0.1", "de en", "de en", "en"},
		{"everything excluded", "de;q=0, en;q=0, *", "", "de en", "de"},
		{"star is the default", "*", "", "en de", "en"},
		{"star by its weight", "de;q=0.3, *;q=0.5", "de", "en de", "en"},
		{"weights order, position breaks ties", "fr;q=0.5, en;q=0.8, de;q=0.8", "en de fr", "de fr", "de"},
		{"the first served choice wins", "pl, de;q=0.8, en;q=0.9", "pl en de", "de en", "en"},
		{"zh-CN is not served by zh-Hant", "zh-CN, de;q=0.1", "zh-CN de", "en zh-Hant de", "de"},
		{"zh-TW is served by zh-Hant", "zh-TW", "zh-TW", "en zh-Hant", "zh-Hant"},
		{"the supported tag is returned, not an augmented one", "en-GB-u-rg-chzzzz", "en-GB-u-rg-chzzzz", "de en", "en"},
		{"nothing served", "pl", "pl", "en de", "en"},
		{"nothing sent", "", "", "en de", "en"},
		{"no supported locales", "pt-BR, en", "pt-BR en", "", "pt-BR"},
		{"no supported locales, nothing sent", "", "", "", "und"},
		{"empty elements", ", ,de,,", "de", "en de", "de"},
		{"16 tags", strings.Repeat("xx-invalid,", 15) + "de,fr", "de", "en fr de", "de"},
		{"1 KB", "fr," + strings.Repeat(" ", 1100) + "de", "fr", "en de fr", "fr"},
		{"cut at 1 KB within a tag", "fr," + strings.Repeat(" ", 1019) + "de-AT", "fr", "en de fr", "fr"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := mustNew(t, ctxinfo.Config{Locales: parseTags(t, strings.Fields(tt.supported)...)})
			r := request()
			if tt.header != "" {
				r.Header.Set("Accept-Language", tt.header)
			}
			for range 2 { // the second time from the cache
				in := p.FromRequest(r)
				if got := in.Locale().String(); got != tt.want {
					t.Errorf("Locale() = %s, want %s", got, tt.want)
				}
				if diff := cmp.Diff(parseTags(t, strings.Fields(tt.list)...), in.Locales(), tags, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("Locales() (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestAcceptLanguageOnSeveralLines(t *testing.T) {
	t.Parallel()
	in := mustNew(t, ctxinfo.Config{}).FromRequest(request("Accept-Language", "de;q=0.5", "Accept-Language", "fr"))
	if diff := cmp.Diff(parseTags(t, "fr", "de"), in.Locales(), tags); diff != "" {
		t.Errorf("Locales() (-want +got):\n%s", diff)
	}
}

func TestLocaleOverrideOrder(t *testing.T) {
	t.Parallel()
	const script = "ctx=1&lang=fr-CA&tz=UTC"
	tests := []struct{ cookie, want, source string }{
		{"", "de", "header Accept-Language"},
		{script, "fr", "cookie ctx"},
		{script + "; ctx_locale=it", "it", "cookie ctx_locale"},
		{script + "; ctx_locale=pl", "fr", "cookie ctx"},
		{"ctx_locale=not-a-tag-", "de", "header Accept-Language"},
		{"ctx_locale=" + strings.Repeat("x", 100), "de", "header Accept-Language"},
	}
	p := mustNew(t, ctxinfo.Config{Locales: parseTags(t, "en", "de", "fr", "it")})
	for _, tt := range tests {
		in := p.FromRequest(request("Accept-Language", "de", "Cookie", tt.cookie))
		if got := in.Locale().String(); got != tt.want {
			t.Errorf("%s: Locale() = %s, want %s", tt.cookie, got, tt.want)
		}
		if got := in.Source(ctxinfo.FacetLocale); got.String() != tt.source || got.Trusted {
			t.Errorf("%s: Source() = %v, trusted %v; want %s, not trusted", tt.cookie, got, got.Trusted, tt.source)
		}
	}
	in := p.FromRequest(request("Accept-Language", "de, it", "Cookie", "ctx_locale=it"))
	if diff := cmp.Diff(parseTags(t, "it", "de"), in.Locales(), tags); diff != "" {
		t.Errorf("Locales() with an override (-want +got):\n%s", diff)
	}
}

// Each of the visitor's languages is served by the locale that serves it best,
// and by none that is in another script.
func TestLocaleServesTheScript(t *testing.T) {
	t.Parallel()
	tests := []struct {
		available string
		want      map[string]string // by what is asked for; the first is for those that nothing serves
	}{
		{"en zh-CN zh-HK", map[string]string{
			"zh-TW": "zh-HK", "zh-Hant": "zh-HK", "zh-Hant-TW": "zh-HK", "zh-MO": "zh-HK", "zh-HK": "zh-HK", "zh-Hant-US": "zh-HK", "zh-Hant-CN": "zh-HK",
			"zh": "zh-CN", "zh-CN": "zh-CN", "zh-SG": "zh-CN", "zh-Hans": "zh-CN", "zh-Hans-HK": "zh-CN",
			"zh-TW,zh;q=0.9,en-US;q=0.8,en;q=0.7": "zh-HK", "yue": "en", "ja": "en",
		}},
		{"en zh zh-HK", map[string]string{"zh-TW": "zh-HK", "zh-Hant": "zh-HK", "zh": "zh", "zh-CN": "zh"}},
		{"en zh-Hans zh-Hant-HK", map[string]string{"zh-TW": "zh-Hant-HK", "zh-Hant": "zh-Hant-HK", "zh-MO": "zh-Hant-HK", "zh": "zh-Hans"}},
		{"en zh-HK", map[string]string{"zh-TW": "zh-HK", "zh-Hant": "zh-HK", "zh-CN": "en", "zh": "en"}},
		{"en zh-CN", map[string]string{"zh-TW": "en", "zh-HK": "en", "zh-Hant": "en", "zh-SG": "zh-CN"}},
		{"en zh-CN zh-TW", map[string]string{"zh-HK": "zh-TW", "zh-MO": "zh-TW", "zh-Hant": "zh-TW", "zh": "zh-CN"}},
		{"en zh-CN zh-TW zh-HK", map[string]string{"zh-MO": "zh-HK", "zh-Hant-HK": "zh-HK", "zh-Hant": "zh-TW", "zh-Hant-US": "zh-TW"}},
		{"en zh-TW zh-CN", map[string]string{"zh-HK": "zh-TW", "zh-Hans": "zh-CN"}},
		{"en sr sr-Latn", map[string]string{"sr-Latn-RS": "sr-Latn", "sr-ME": "sr-Latn", "sr-Cyrl": "sr", "sr-RS": "sr"}},
		{"en uz-Cyrl uz-Latn", map[string]string{"uz": "uz-Latn", "uz-Cyrl-UZ": "uz-Cyrl"}},
		{"en no nn", map[string]string{"nb": "no", "nb-NO": "no", "no": "no", "nn-NO": "nn"}},
		{"en pt-BR pt-PT", map[string]string{"pt": "pt-BR", "pt-AO": "pt-PT", "pt-MZ": "pt-PT"}},
		{"en es-ES es-MX", map[string]string{"es-AR": "es-MX", "es-419": "es-MX", "es": "es-ES"}},
		{"fr en-US en-GB", map[string]string{"en-AU": "en-GB", "en-CA": "en-GB", "en": "en-US"}},
		{"en de-CH de-DE", map[string]string{"de": "de-DE", "de-CH": "de-CH"}},
	}
	for _, tt := range tests {
		p := mustNew(t, ctxinfo.Config{Locales: parseTags(t, strings.Fields(tt.available)...)})
		for ask, want := range tt.want {
			if got := p.FromRequest(request("Accept-Language", ask)).Locale().String(); got != want {
				t.Errorf("%s with %s: Locale() = %s, want %s", ask, tt.available, got, want)
			}
			if strings.Contains(ask, ",") {
				continue
			}
			if got := p.FromRequest(request("Cookie", "ctx_locale="+ask)).Locale().String(); got != want {
				t.Errorf("the choice of %s with %s: Locale() = %s, want %s", ask, tt.available, got, want)
			}
		}
	}
}

func TestTimezone(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("no time zone data: %v", err)
	}
	p := mustNew(t, ctxinfo.Config{DefaultZone: berlin})
	tests := []struct{ cookie, name, location, source string }{
		{"ctx_tz=Asia/Kolkata", "Asia/Kolkata", "Asia/Kolkata", "cookie ctx_tz"},
		{"ctx=1&tz=Asia/Calcutta", "Asia/Calcutta", "Asia/Calcutta", "cookie ctx"},
		{"ctx=1&tz=Asia/Calcutta; ctx_tz=UTC", "UTC", "UTC", "cookie ctx_tz"},
		{"ctx_tz=Etc/GMT+5", "Etc/GMT+5", "Etc/GMT+5", "cookie ctx_tz"},
		{"ctx_tz=+05:45", "+05:45", "+05:45", "cookie ctx_tz"},
		{"ctx_tz=-03:30", "-03:30", "-03:30", "cookie ctx_tz"},
		{"", "", "Europe/Berlin", "default"},
		{"ctx_tz=Local", "", "Europe/Berlin", "default"},
		{"ctx_tz=", "", "Europe/Berlin", "default"},
		{"ctx_tz=../../etc/passwd", "", "Europe/Berlin", "default"},
		{"ctx_tz=/etc/localtime", "", "Europe/Berlin", "default"},
		{"ctx_tz=asia/kolkata", "", "Europe/Berlin", "default"},
		{"ctx_tz=+14:30", "", "Europe/Berlin", "default"},
		{"ctx_tz=-12:30", "", "Europe/Berlin", "default"},
		{"ctx_tz=+01:60", "", "Europe/Berlin", "default"},
		{"ctx_tz=+1:000", "", "Europe/Berlin", "default"},
	}
	for _, tt := range tests {
		in := p.FromRequest(request("Cookie", tt.cookie))
		if got := in.TimezoneName(); got != tt.name {
			t.Errorf("%s: TimezoneName() = %q, want %q", tt.cookie, got, tt.name)
		}
		if got := in.Timezone().String(); got != tt.location {
			t.Errorf("%s: Timezone() = %q, want %q", tt.cookie, got, tt.location)
		}
		if got := in.Source(ctxinfo.FacetTimezone).String(); got != tt.source {
			t.Errorf("%s: Source() = %q, want %q", tt.cookie, got, tt.source)
		}
		if _, ok := in.TimezoneOffset(); ok != (tt.name != "") {
			t.Errorf("%s: TimezoneOffset() known = %v", tt.cookie, ok)
		}
	}
}

func TestOffsetSigns(t *testing.T) {
	t.Parallel()
	summer := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	winter := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	in := mustNew(t, ctxinfo.Config{}).FromRequest(request("Cookie", "ctx_tz=America/New_York"))
	if in.TimezoneName() == "" {
		t.Skip("no time zone data")
	}
	for at, want := range map[time.Time]int{summer: -4, winter: -5} {
		if _, got := at.In(in.Timezone()).Zone(); got != want*60*60 {
			t.Errorf("the offset at %v is %d s, want %d h", at, got, want)
		}
	}
	synctest.Test(t, func(t *testing.T) { // which starts in the winter of 2000
		if got, ok := in.TimezoneOffset(); got != 300 || !ok {
			t.Errorf("TimezoneOffset() = %d, %v; want 300, true: positive is west, as in JavaScript", got, ok)
		}
		if got, want := time.Now().In(in.Timezone()), time.Now(); !got.Equal(want) || got.Location().String() != "America/New_York" {
			t.Errorf("Now() = %v, want %v in America/New_York", got, want)
		}
		time.Sleep(182 * 24 * time.Hour)
		if got, _ := in.TimezoneOffset(); got != 240 {
			t.Errorf("TimezoneOffset() in summer = %d, want 240", got)
		}
	})
	if got, _ := mustNew(t, ctxinfo.Config{}).FromRequest(request("Cookie", "ctx_tz=+05:30")).TimezoneOffset(); got != -330 {
		t.Errorf("TimezoneOffset() of +05:30 = %d, want -330", got)
	}
}

func TestTheme(t *testing.T) {
	t.Parallel()
	const (
		scheme = "Sec-CH-Prefers-Color-Scheme"
		motion = "Sec-CH-Prefers-Reduced-Motion"
		more   = "Sec-CH-Prefers-Contrast"
	)
	tests := []struct {
		name    string
		headers []string
		want    ctxinfo.Theme
		source  string
	}{
		{"nothing", nil, ctxinfo.Theme{}, "default"},
		{"hint, a structured string", []string{scheme, `"dark"`}, ctxinfo.Theme{Type: "dark"}, "header Sec-Ch-Prefers-Color-Scheme"},
		{"hint, a token", []string{scheme, "light"}, ctxinfo.Theme{Type: "light"}, "header Sec-Ch-Prefers-Color-Scheme"},
		{"hint, nonsense", []string{scheme, `"purple"`}, ctxinfo.Theme{}, "default"},
		{"hint twice", []string{scheme, `"dark"`, scheme, `"light"`}, ctxinfo.Theme{}, "default"},
		{"script cookie over hint", []string{scheme, `"dark"`, "Cookie", "ctx=1&theme=light"}, ctxinfo.Theme{Type: "light"}, "cookie ctx"},
		{"override over script cookie", []string{scheme, `"light"`, "Cookie", "ctx=1&theme=light; ctx_theme=dark"}, ctxinfo.Theme{Type: "dark"}, "cookie ctx_theme"},
		{"override that is none", []string{"Cookie", "ctx=1&theme=light; ctx_theme=blue"}, ctxinfo.Theme{Type: "light"}, "cookie ctx"},
		{"hint with a parameter", []string{scheme, ` "dark";x=?1 `}, ctxinfo.Theme{Type: "dark"}, "header Sec-Ch-Prefers-Color-Scheme"},
		{"hint, a boolean", []string{scheme, "?1"}, ctxinfo.Theme{}, "default"},
		{"script's digits", []string{scheme, `"light"`, motion, `"no-preference"`, "Cookie", "ctx=1&css=1110"}, ctxinfo.Theme{Type: "dark", ReducedMotion: true, Contrast: "more"}, "cookie ctx"},
		{"script's digits, none", []string{scheme, `"dark"`, motion, `"reduce"`, more, `"more"`, "Cookie", "ctx=1&css=0000"}, ctxinfo.Theme{Type: "light"}, "cookie ctx"},
		{"script's digits, less", []string{"Cookie", "ctx=1&css=0001"}, ctxinfo.Theme{Type: "light", Contrast: "less"}, "cookie ctx"},
		{"script's digits, malformed", []string{"Cookie", "ctx=1&css=111"}, ctxinfo.Theme{}, "default"},
		{"script's digits that are none", []string{"Cookie", "ctx=1&css=11x0"}, ctxinfo.Theme{}, "default"},
		{"another script's words over digits", []string{"Cookie", "ctx=1&css=1111&theme=light&motion=no-preference&contrast=custom"}, ctxinfo.Theme{Type: "light", Contrast: "custom"}, "cookie ctx"},
		{"a word that is none, and digits", []string{"Cookie", "ctx=1&css=1000&theme=blue"}, ctxinfo.Theme{Type: "dark"}, "cookie ctx"},
		{"overrides over the script", []string{"Cookie", "ctx=1&css=1111; ctx_theme=light; ctx_motion=no-preference; ctx_contrast=less"}, ctxinfo.Theme{Type: "light", Contrast: "less"}, "cookie ctx_theme"},
		{"overrides that are none", []string{"Cookie", "ctx=1&css=1110; ctx_theme=x; ctx_motion=x; ctx_contrast=x"}, ctxinfo.Theme{Type: "dark", ReducedMotion: true, Contrast: "more"}, "cookie ctx"},
		{"motion and contrast by hint", []string{motion, `"reduce"`, more, `"more"`}, ctxinfo.Theme{ReducedMotion: true, Contrast: "more"}, "default"},
		{"motion and contrast by script", []string{motion, `"reduce"`, "Cookie", "ctx=1&motion=no-preference&contrast=less"}, ctxinfo.Theme{Contrast: "less"}, "default"},
	}
	for _, tt := range tests {
		in := mustNew(t, ctxinfo.Config{}).FromRequest(request(tt.headers...))
		if got := in.Theme(); got != tt.want {
			t.Errorf("%s: Theme() = %+v, want %+v", tt.name, got, tt.want)
		}
		if got := in.Source(ctxinfo.FacetTheme).String(); got != tt.source {
			t.Errorf("%s: Source() = %q, want %q", tt.name, got, tt.source)
		}
	}
}

func TestScriptCookie(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, cookie, zone, theme, locale string }{
		{"all fields", "1&tz=Asia/Tokyo&lang=ja&theme=dark", "Asia/Tokyo", "dark", "ja"},
		{"an invalid field is ignored by itself", "1&tz=Mars/Phobos&lang=ja&theme=dark", "", "dark", "ja"},
		{"an unknown field", "1&x=y&theme=dark", "", "dark", "und"},
		{"a field twice", "1&theme=dark&theme=light&lang=ja", "", "", "ja"},
		{"another version", "2&theme=dark", "", "", "und"},
		{"no version", "theme=dark", "", "", "und"},
		{"256 bytes", "1&theme=dark&x=" + strings.Repeat("x", 241), "", "dark", "und"},
		{"257 bytes", "1&theme=dark&x=" + strings.Repeat("x", 242), "", "", "und"},
	}
	for _, tt := range tests {
		in := mustNew(t, ctxinfo.Config{}).FromRequest(request("Cookie", "ctx="+tt.cookie))
		if got := in.TimezoneName(); got != tt.zone {
			t.Errorf("%s: TimezoneName() = %q, want %q", tt.name, got, tt.zone)
		}
		if got := in.Theme().Type; got != tt.theme {
			t.Errorf("%s: Theme().Type = %s, want %s", tt.name, got, tt.theme)
		}
		if got := in.Locale().String(); got != tt.locale {
			t.Errorf("%s: Locale() = %s, want %s", tt.name, got, tt.locale)
		}
		for _, f := range []ctxinfo.Facet{ctxinfo.FacetTimezone, ctxinfo.FacetTheme, ctxinfo.FacetLocale} {
			if in.Source(f).Trusted {
				t.Errorf("%s: the %s is called trusted", tt.name, f)
			}
		}
	}
}

func TestPreferenceCookiesAreReadBack(t *testing.T) {
	t.Parallel()
	p := mustNew(t, behindPrivate())
	in := p.FromRequest(request("X-Forwarded-Proto", "https"))
	r := request()
	for name, value := range map[string]string{
		ctxinfo.ThemeCookie: "dark", ctxinfo.LocaleCookie: language.Japanese.String(), ctxinfo.TimezoneCookie: "Asia/Tokyo",
		ctxinfo.MotionCookie: "reduce", ctxinfo.ContrastCookie: "more",
	} {
		c, err := in.PreferenceCookie(name, value)
		if err != nil {
			if name == ctxinfo.TimezoneCookie {
				t.Skip("no time zone data")
			}
			t.Fatal(err)
		}
		if err := c.Valid(); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		if !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge <= 0 {
			t.Errorf("%v: want Secure, SameSite=Lax, Path=/ and a positive Max-Age", c)
		}
		r.AddCookie(c)
	}
	next := p.FromRequest(r)
	if got, want := next.Theme(), (ctxinfo.Theme{Type: "dark", ReducedMotion: true, Contrast: "more"}); got != want {
		t.Errorf("Theme() = %v, want %v", got, want)
	}
	for _, f := range []ctxinfo.Facet{ctxinfo.FacetTheme, ctxinfo.FacetReducedMotion, ctxinfo.FacetContrast} {
		if got := next.Source(f); got.Kind != "cookie" || got.Trusted {
			t.Errorf("Source(%s) = %v, trusted %v; want a cookie, not trusted", f, got, got.Trusted)
		}
	}
	off := p.FromRequest(request("Cookie", "ctx=1&css=0110; ctx_motion=no-preference; ctx_contrast="+"no-preference"))
	if got := off.Theme(); got.ReducedMotion || got.Contrast != "" {
		t.Errorf("Theme() = %v, want neither: that is the visitor's choice", got)
	}
	if got := next.Locale(); got != language.Japanese {
		t.Errorf("Locale() = %v, want ja", got)
	}
	if got := next.TimezoneName(); got != "Asia/Tokyo" {
		t.Errorf("TimezoneName() = %q, want Asia/Tokyo", got)
	}
	for _, name := range []string{ctxinfo.ThemeCookie, ctxinfo.LocaleCookie, ctxinfo.TimezoneCookie, ctxinfo.MotionCookie, ctxinfo.ContrastCookie} {
		if c, err := next.PreferenceCookie(name, ""); err != nil || c.MaxAge >= 0 || c.Secure || c.Value != "" {
			t.Errorf("%v, %v: want a deletion, not Secure over plain HTTP", c, err)
		}
	}
}

func TestPreferenceCookieRefusesWhatNobodyCouldRead(t *testing.T) {
	t.Parallel()
	in := ctxinfo.FromRequest(request())
	for _, tt := range []struct{ name, value, about string }{
		{"session", "", "use ThemeCookie"},
		{"session", "x", "use ThemeCookie"},
		{"", "", "use ThemeCookie"},
		{"ctx", "1&tz=UTC", "use ThemeCookie"},
		{ctxinfo.ThemeCookie, "unknown", "light or dark"},
		{ctxinfo.ThemeCookie, "Dark", "light or dark"},
		{ctxinfo.ThemeCookie, "blue", "light or dark"},
		{ctxinfo.MotionCookie, "true", "no-preference"},
		{ctxinfo.ContrastCookie, "high", "custom"},
		{ctxinfo.ContrastCookie, "9", "custom"},
		{ctxinfo.LocaleCookie, "und", "BCP 47"},
		{ctxinfo.LocaleCookie, "no such tag", "BCP 47"},
		{ctxinfo.LocaleCookie, "en; Domain=example.com", "BCP 47"},
		{ctxinfo.TimezoneCookie, "Local", "Europe/Oslo"},
		{ctxinfo.TimezoneCookie, "../UTC", "Europe/Oslo"},
	} {
		if c, err := in.PreferenceCookie(tt.name, tt.value); err == nil || !strings.Contains(err.Error(), tt.about) {
			t.Errorf("PreferenceCookie(%q, %q) = %v, %v; want an error that says %s", tt.name, tt.value, c, err, tt.about)
		}
	}
}

func TestIsEmbedded(t *testing.T) {
	t.Parallel()
	const dest = "Sec-Fetch-Dest"
	tests := []struct {
		name       string
		query      string
		headers    []string
		yes, known bool
		source     string
	}{
		{"nothing", "", nil, false, false, "default"},
		{"a frame's navigation", "", []string{dest, "iframe"}, true, true, "header Sec-Fetch-Dest"},
		{"fenced frame", "", []string{dest, "fencedframe"}, true, true, "header Sec-Fetch-Dest"},
		{"frame", "", []string{dest, "frame"}, true, true, "header Sec-Fetch-Dest"},
		{"embed", "", []string{dest, "embed"}, true, true, "header Sec-Fetch-Dest"},
		{"object", "", []string{dest, "object"}, true, true, "header Sec-Fetch-Dest"},
		{"a top-level navigation", "", []string{dest, "document"}, false, true, "header Sec-Fetch-Dest"},
		{"a fetch says nothing", "", []string{dest, "empty"}, false, false, "default"},
		{"the parameter says so", "a=1&embed=true", []string{dest, "document"}, true, true, "query embed"},
		{"the parameter says not", "embed=false", []string{dest, "iframe"}, false, true, "query embed"},
		{"the parameter says nothing", "embed=1", []string{dest, "iframe"}, true, true, "header Sec-Fetch-Dest"},
		{"the page's parameter", "", []string{"HX-Current-URL", "https://example.com/?embed=true#x", dest, "empty"}, true, true, "header Hx-Current-Url"},
		{"the script's header", "", []string{ctxinfo.EmbeddedHeader, "?1", dest, "empty"}, true, true, "header X-Ctx-Embedded"},
		{"the script's header, not", "", []string{ctxinfo.EmbeddedHeader, "?0", dest, "empty"}, false, true, "header X-Ctx-Embedded"},
		{"the script's header, nonsense", "", []string{ctxinfo.EmbeddedHeader, "yes"}, false, false, "default"},
	}
	for _, tt := range tests {
		r := withURL(t, request(tt.headers...), "/?"+tt.query)
		in := mustNew(t, ctxinfo.Config{}).FromRequest(r)
		if yes, known := in.IsEmbedded(); yes != tt.yes || known != tt.known {
			t.Errorf("%s: IsEmbedded() = %v, %v; want %v, %v", tt.name, yes, known, tt.yes, tt.known)
		}
		if got := in.Source(ctxinfo.FacetEmbedded).String(); got != tt.source {
			t.Errorf("%s: Source() = %q, want %q", tt.name, got, tt.source)
		}
	}
}

func TestCookies(t *testing.T) {
	t.Parallel()
	in := mustNew(t, ctxinfo.Config{}).FromRequest(request(
		"Cookie", `a=1; b="quoted"; bad name=x; c=%41; a=2; d; bad=b"d; =nameless`, "Cookie", "a=3; __Host-id=1; __Host-x=1; __Host-x=2",
	))
	all := [][2]string{}
	for n, v := range in.Cookies().All() {
		all = append(all, [2]string{n, v})
	}
	want := [][2]string{{"a", "1"}, {"b", "quoted"}, {"c", "%41"}, {"a", "2"}, {"d", ""}, {"a", "3"}, {"__Host-id", "1"}, {"__Host-x", "1"}, {"__Host-x", "2"}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("All() (-want +got):\n%s", diff)
	}
	if got, ok := in.Cookies().Get("a"); got != "1" || !ok {
		t.Errorf("Get(a) = %q, %v; want the first", got, ok)
	}
	if diff := cmp.Diff([]string{"1", "2", "3"}, in.Cookies().GetAll("a")); diff != "" {
		t.Errorf("GetAll(a) (-want +got):\n%s", diff)
	}
	if _, ok := in.Cookies().Get("A"); ok {
		t.Error("Get(A) finds a cookie of another name")
	}
	if got, ok := in.Cookies().Get("__Host-id"); got != "1" || !ok {
		t.Errorf("Get(__Host-id) = %q, %v", got, ok)
	}
	if got, ok := in.Cookies().Get("__Host-x"); ok {
		t.Errorf("Get(__Host-x) = %q: a __Host- cookie cannot come twice", got)
	}
}

func TestCookiesBounds(t *testing.T) {
	t.Parallel()
	count := func(headers ...string) int {
		n := 0
		for range mustNew(t, ctxinfo.Config{}).FromRequest(request(headers...)).Cookies().All() {
			n++
		}
		return n
	}
	if got := count("Cookie", strings.Repeat("a=1; ", 4000)); got != 256 {
		t.Errorf("of 4000 cookies %d are read, want 256", got)
	}
	big := strings.Repeat("x", 10<<10)
	if got := count("Cookie", "a="+big+"; b="+big+"; c=1"); got != 1 {
		t.Errorf("of two cookies of 10 KB and one behind them %d are read, want the first", got)
	}
	if got := count("Cookie", "a="+big, "Cookie", "b="+big, "Cookie", "c=1"); got != 1 {
		t.Errorf("of the same on three lines %d are read, want the first", got)
	}
}

// Streamlit's test ideas 108 (names in any case, eight spellings) and, with
// TestCookies, 109 (headers and cookies of the request).
func TestHeaders(t *testing.T) {
	t.Parallel()
	in := mustNew(t, ctxinfo.Config{}).FromRequest(request("X-Thing", "one", "X-Thing", "two"))
	for _, name := range []string{"X-Thing", "x-thing", "X-THING", "x-Thing", "X-tHING", "x-tHiNg", "X-thing", "x-THING"} {
		if got, ok := in.Headers().Get(name); got != "one" || !ok {
			t.Errorf("Get(%s) = %q, %v; want the first value", name, got, ok)
		}
		if diff := cmp.Diff([]string{"one", "two"}, in.Headers().GetAll(name)); diff != "" {
			t.Errorf("GetAll(%s) (-want +got):\n%s", name, diff)
		}
	}
	if _, ok := in.Headers().Get("X-Other"); ok {
		t.Error("Get(X-Other) finds a header that was not sent")
	}
	names := []string{}
	for n := range in.Headers().All() {
		names = append(names, n)
	}
	if diff := cmp.Diff([]string{"Host", "X-Thing"}, names); diff != "" {
		t.Errorf("All() (-want +got):\n%s", diff)
	}
	if got := maps.Collect(in.Headers().All())["Host"]; !slices.Equal(got, []string{"example.com"}) {
		t.Errorf("All() has Host %q, want example.com", got)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	const header = "X-Request-Id"
	good := "abc.DEF_123-456"
	tests := []struct {
		name    string
		remote  string
		headers []string
		kept    bool
	}{
		{"from a trusted proxy", "10.0.0.2:1", []string{header, good}, true},
		{"from anybody else", "203.0.113.9:1", []string{header, good}, false},
		{"too short", "10.0.0.2:1", []string{header, "abc1234"}, false},
		{"too long", "10.0.0.2:1", []string{header, strings.Repeat("a", 65)}, false},
		{"64", "10.0.0.2:1", []string{header, strings.Repeat("a", 64)}, true},
		{"other characters", "10.0.0.2:1", []string{header, "abc\r\nSet-Cookie: x"}, false},
		{"twice", "10.0.0.2:1", []string{header, good, header, good}, false},
		{"none", "10.0.0.2:1", nil, false},
	}
	for _, tt := range tests {
		in := mustNew(t, behindPrivate()).FromRequest(from(tt.remote, request(tt.headers...)))
		got := in.RequestID()
		if kept := len(tt.headers) > 0 && got == tt.headers[1]; kept != tt.kept {
			t.Errorf("%s: RequestID() = %q, want the one sent: %v", tt.name, got, tt.kept)
		}
		if got != in.RequestID() {
			t.Errorf("%s: RequestID() changes", tt.name)
		}
		if !tt.kept && (len(got) != 36 || got[14] != '7' || !strings.ContainsRune("89ab", rune(got[19]))) {
			t.Errorf("%s: RequestID() = %q, want a UUID of version 7", tt.name, got)
		}
	}
}

func TestTimezoneCookieWinsOverThePlace(t *testing.T) {
	t.Parallel()
	p := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare(cfRange).WithLocation())})
	in := p.FromRequest(from("203.0.113.9:1", request("CF-Timezone", "Europe/Zurich", "Cookie", "ctx_tz=+05:30")))
	if got := in.TimezoneName(); got != "+05:30" {
		t.Errorf("TimezoneName() = %q, want the visitor's choice", got)
	}
	in = p.FromRequest(from("203.0.113.9:1", request("CF-Timezone", "Europe/Zurich")))
	if got := in.Source(ctxinfo.FacetTimezone); got.String() != "header Cf-Timezone" || !got.Trusted {
		t.Errorf("Source(FacetTimezone) = %v, trusted %v", got, got.Trusted)
	}
}

func TestTimezoneOfThePlaceVaries(t *testing.T) {
	t.Parallel()
	p := mustNew(t, ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Cloudflare(cfRange).WithLocation())})
	for remote, want := range map[string]string{"203.0.113.9:1": "Cf-Timezone, Cookie, X-Forwarded-For", "198.51.100.7:1": "Cookie"} {
		res := serve(t, p, from(remote, request("CF-Timezone", "Europe/Zurich")), func(_ echo.Context, in *ctxinfo.Info) { in.Timezone() })
		if got := res.Header.Get("Vary"); got != want {
			t.Errorf("from %s: Vary = %q, want %q", remote, got, want)
		}
	}
}
