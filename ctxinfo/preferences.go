package ctxinfo

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/ctxinfo/internal/zones"
	"github.com/reecho-go/reecho/internal/syntax"
)

// maxscriptCookie bounds the script's cookie.
const maxscriptCookie = 256

// Keys of the script's cookie.
const (
	keyZone     = "tz"
	keyLang     = "lang"
	keyTheme    = "theme"
	keyMotion   = "motion"
	keyContrast = "contrast"
	keyCSS      = "css"
)

// scriptField returns one field of the script's cookie, whose form is
// 1&key=value&key=value. A key that comes twice is no field.
func scriptField(cookie, key string) (string, bool) {
	rest, ok := strings.CutPrefix(cookie, "1&")
	if !ok || len(cookie) > maxscriptCookie {
		return "", false
	}
	var value string
	found := false
	for pair := range strings.SplitSeq(rest, "&") {
		k, v, ok := strings.Cut(pair, "=")
		if !ok || k != key {
			continue
		}
		if found {
			return "", false
		}
		value, found = v, true
	}
	return value, found
}

// mediaField returns what the field css of the script's cookie says about a
// setting. Its digits tell whether the media queries color-scheme:
// dark, reduced-motion, contrast: more and contrast: less match.
func mediaField(css, key string) (string, bool) {
	if len(css) != 4 || syntax.Span(css, func(c byte) bool { return c == '0' || c == '1' }) != 4 {
		return "", false
	}
	switch {
	case key == keyTheme && css[0] == '1':
		return "dark", true
	case key == keyTheme:
		return "light", true
	case key == keyMotion && css[1] == '1':
		return "reduce", true
	case key == keyContrast && css[2] == '1':
		return "more", true
	case key == keyContrast && css[3] == '1':
		return "less", true
	case key == keyMotion, key == keyContrast:
		return "no-preference", true
	}
	return "", false
}

func buildPreferences(in *Info, f *facts) preferences {
	var p preferences
	for name, value := range eachCookie(in.values(f, fieldCookie), scriptCookie) {
		// The first is that of the most specific path.
		if to := p.of(name); to != nil && *to == "" {
			*to = value
		}
	}
	return p
}

// of returns the field for the cookie of that name, or nil for any other name.
func (p *preferences) of(name string) *string {
	switch name {
	case ThemeCookie:
		return &p.theme
	case MotionCookie:
		return &p.motion
	case ContrastCookie:
		return &p.contrast
	case LocaleCookie:
		return &p.locale
	case TimezoneCookie:
		return &p.zone
	case scriptCookie:
		return &p.script
	}
	return nil
}

// override returns the first valid value that the visitor, by the cookie of a
// choice, or the page's script reports for a preference, and the name of the
// cookie.
func (in *Info) override(f *facts, choice, key string, valid func(string) bool) (value, name string, ok bool) {
	p := in.prefs.load(in, buildPreferences)
	f.read |= in.prefs.facts.read
	if v := *p.of(choice); v != "" && valid(v) {
		return v, choice, true
	}
	if v, ok := scriptField(p.script, key); ok && valid(v) {
		return v, scriptCookie, true
	}
	css, _ := scriptField(p.script, keyCSS)
	if v, ok := mediaField(css, key); ok {
		return v, scriptCookie, true
	}
	return "", "", false
}

// PreferenceCookie returns the cookie that makes value the visitor's choice from
// the next request on; an empty value removes the choice. Send the cookie with
// http.SetCookie. Name and value must be one of
//
//   - [ThemeCookie]: "light" or "dark";
//   - [MotionCookie]: "reduce" or "no-preference";
//   - [ContrastCookie]: "more", "less", "custom" or "no-preference";
//   - [LocaleCookie]: a BCP 47 tag;
//   - [TimezoneCookie]: a name that [Info.Timezone] knows.
//
// Any other name or value is an error, so you may pass both from a form.
//
// The cookie lasts a year. It is Secure if the request came over HTTPS: as for
// [Info.Scheme], set Config.Proxies if a proxy terminates TLS.
func (in *Info) PreferenceCookie(name, value string) (*http.Cookie, error) {
	check, known := choosable[name]
	switch {
	case !known:
		return nil, fmt.Errorf("ctxinfo: PreferenceCookie: %q is no cookie of a preference: use ThemeCookie, MotionCookie, ContrastCookie, LocaleCookie or TimezoneCookie", name)
	case value != "" && !check.valid(value):
		return nil, fmt.Errorf("ctxinfo: PreferenceCookie: %q is no value of %s: want %s, or nothing to take the choice back", value, name, check.want)
	}
	c := &http.Cookie{
		Name: name, Value: value, Path: "/",
		MaxAge: int((365 * 24 * time.Hour).Seconds()), SameSite: http.SameSiteLaxMode,
		Secure: in.Scheme() == "https",
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c, nil
}

// choosable has, for each preference cookie, a function that checks its value.
var choosable = map[string]struct {
	valid func(string) bool
	want  string
}{
	ThemeCookie:    {parses(parseTheme), "light or dark"},
	MotionCookie:   {parses(parseMotion), "reduce or no-preference"},
	ContrastCookie: {parses(parseContrast), "more, less, custom or no-preference"},
	LocaleCookie:   {parses(parseTag), "a BCP 47 tag such as en-GB"},
	TimezoneCookie: {parses(zones.Lookup), "a name such as Europe/Oslo, or an offset such as +05:30"},
}

// parses returns a function that reports whether parse accepts a text.
func parses[T any](parse func(string) (T, bool)) func(string) bool {
	return func(s string) bool {
		_, ok := parse(s)
		return ok
	}
}

// Theme is how the visitor wants pages to look.
type Theme struct {
	// Type is "light", "dark", or empty if it is not known. If it is empty, send
	// CSS that leaves the choice to the browser (color-scheme: light dark).
	Type string
	// ReducedMotion asks for little or no animation (prefers-reduced-motion).
	ReducedMotion bool
	// Contrast is the preferred contrast (prefers-contrast): "more", "less",
	// "custom", or empty if there is no preference or it is not known.
	Contrast string
}

func parseTheme(s string) (theme string, ok bool) {
	switch s {
	case "light":
		return "light", true
	case "dark":
		return "dark", true
	}
	return "", false
}

func parseMotion(s string) (reduced, ok bool) {
	return s == "reduce", s == "reduce" || s == "no-preference"
}

func parseContrast(s string) (contrast string, ok bool) {
	switch s {
	case "no-preference":
		return "", true
	case "more":
		return "more", true
	case "less":
		return "less", true
	case "custom":
		return "custom", true
	}
	return "", false
}

// preference resolves one setting: the cookie of a choice, the script's cookie,
// the client hint.
func preference[T any](in *Info, f *facts, choice, key string, hint field, parse func(string) (T, bool)) T {
	if v, name, ok := in.override(f, choice, key, parses(parse)); ok {
		t, _ := parse(v)
		f.source = Source{Kind: sourceCookie, Name: name}
		return t
	}
	t, ok := parse(syntax.Word(in.value(f, hint)))
	if ok {
		f.source = Source{Kind: sourceHeader, Name: headerNames[hint]}
	}
	return t
}

func buildTheme(in *Info, f *facts) string {
	return preference(in, f, ThemeCookie, keyTheme, fieldColorScheme, parseTheme)
}

func buildMotion(in *Info, f *facts) bool {
	return preference(in, f, MotionCookie, keyMotion, fieldReducedMotion, parseMotion)
}

func buildContrast(in *Info, f *facts) string {
	return preference(in, f, ContrastCookie, keyContrast, fieldContrast, parseContrast)
}

// Theme is how the visitor wants pages to look. Its sources, in order of
// precedence, are [ThemeCookie], [MotionCookie] and [ContrastCookie]; the page
// script's cookie; and the client hints that browsers send if Config.HintTheme
// asks for them.
func (in *Info) Theme() Theme {
	return Theme{
		Type:          *in.theme.see(in, buildTheme),
		ReducedMotion: *in.motion.see(in, buildMotion),
		Contrast:      *in.contrast.see(in, buildContrast),
	}
}

// acceptLanguage is what the request's Accept-Language asks for, nil without it.
func (in *Info) acceptLanguage(f *facts) *acceptLanguage {
	lines := in.values(f, fieldAcceptLanguage)
	if len(lines) == 0 {
		return nil
	}
	header, _ := syntax.JoinLines(lines, maxAcceptLanguage)
	return in.plugin.locales.acceptLanguage(header)
}

func buildLocale(in *Info, f *facts) locales {
	m := in.plugin.locales
	var l locales
	if v, name, ok := in.override(f, LocaleCookie, keyLang, func(s string) bool { _, ok := m.one(s); return ok }); ok {
		l.override, _ = m.one(v)
		l.tag = l.override
		f.source = Source{Kind: sourceCookie, Name: name}
		return l
	}
	l.acceptLanguage = in.acceptLanguage(f)
	switch {
	case l.acceptLanguage != nil && m.matcher == nil:
		if tags := l.acceptLanguage.tags(); len(tags) > 0 {
			l.tag = tags[0]
		}
	case l.acceptLanguage != nil && l.acceptLanguage.match >= 0:
		l.tag = m.supported[l.acceptLanguage.match]
	case m.matcher != nil:
		l.tag = m.supported[0]
		return l
	}
	if l.tag != language.Und {
		f.source = Source{Kind: sourceHeader, Name: headerNames[fieldAcceptLanguage]}
	}
	return l
}

// Locale is the locale to answer in. If Config.Locales is set, it is the best
// match among them, or the first if none matches. Otherwise it is the visitor's
// first choice, or language.Und. Its sources, in order of precedence, are
// [LocaleCookie], the page script's cookie and Accept-Language.
func (in *Info) Locale() language.Tag {
	return in.locale.see(in, buildLocale).tag
}

// Locales lists the languages that the visitor asks for, the preferred first; a
// choice by cookie comes before those of Accept-Language. The caller may change
// the slice.
func (in *Info) Locales() []language.Tag {
	l := in.locale.see(in, buildLocale)
	var tags []language.Tag
	if l.override != language.Und {
		tags = append(tags, l.override)
	}
	w := l.acceptLanguage
	if w == nil {
		var f facts
		w = in.acceptLanguage(&f)
		in.note(f.read)
	}
	if w != nil {
		for _, t := range w.tags() {
			if !slices.Contains(tags, t) {
				tags = append(tags, t)
			}
		}
	}
	return tags
}
