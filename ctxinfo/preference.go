package ctxinfo

import (
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// maxScriptCookie bounds the script's cookie.
const maxScriptCookie = 256

// Keys of the script's cookie.
const (
	keyZone     = "tz"
	keyLang     = "lang"
	keyTheme    = "theme"
	keyMotion   = "motion"
	keyContrast = "contrast"
)

// scriptField returns one field of the script's cookie, whose form is
// 1&key=value&key=value. A key that comes twice is no field.
func scriptField(cookie, key string) (string, bool) {
	rest, ok := strings.CutPrefix(cookie, "1&")
	if !ok || len(cookie) > maxScriptCookie {
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

// preferences are the cookies that carry preferences, found in one scan: the
// name of the script's is the beginning of all.
type preferences struct{ theme, locale, zone, script string }

func buildPreferences(in *Info, f *facts) preferences {
	var p preferences
	for name, value := range eachCookie(in.values(f, fieldCookie), ScriptCookie) {
		to := &p.script
		switch name {
		case ThemeCookie:
			to = &p.theme
		case LocaleCookie:
			to = &p.locale
		case TimezoneCookie:
			to = &p.zone
		case ScriptCookie:
		default:
			continue
		}
		if *to == "" { // the first is that of the most specific path
			*to = value
		}
	}
	return p
}

// override returns the first valid value that the visitor, by the setter
// cookie, or the page's script reports for a preference, and the name of the
// cookie. setter is empty for what has none.
func (in *Info) override(f *facts, setter, key string, valid func(string) bool) (value, name string, ok bool) {
	p := in.prefs.load(in, buildPreferences)
	f.read |= in.prefs.facts.read
	switch setter {
	case ThemeCookie:
		value = p.theme
	case LocaleCookie:
		value = p.locale
	case TimezoneCookie:
		value = p.zone
	}
	if value != "" && valid(value) {
		return value, setter, true
	}
	if v, ok := scriptField(p.script, key); ok && valid(v) {
		return v, ScriptCookie, true
	}
	return "", "", false
}

// ThemeCookie returns the cookie that makes t the visitor's theme from the
// next request on; Unknown takes the choice back. Send it with http.SetCookie.
func (in *Info) ThemeCookie(t ThemeType) *http.Cookie {
	v := ""
	if t != Unknown {
		v = t.String()
	}
	return in.setter(ThemeCookie, v)
}

// LocaleCookie returns the cookie that makes t the visitor's locale from the
// next request on; language.Und takes the choice back.
func (in *Info) LocaleCookie(t language.Tag) *http.Cookie {
	v := ""
	if t != language.Und {
		v = t.String()
	}
	return in.setter(LocaleCookie, v)
}

// setter makes a preference cookie for a year, or one that deletes it. It is
// Secure if the request came over HTTPS: like [Info.Scheme], that needs
// Config.Proxies behind a proxy that ends TLS.
func (in *Info) setter(name, value string) *http.Cookie {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/",
		MaxAge: int((365 * 24 * time.Hour).Seconds()), SameSite: http.SameSiteLaxMode,
		Secure: in.Scheme() == "https",
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}
