package ctxinfo

import "fmt"

// ThemeType is a colour scheme.
type ThemeType uint8

// The colour schemes. For an Unknown one send CSS that leaves the choice to
// the browser: color-scheme: light dark.
const (
	Unknown ThemeType = iota
	Light
	Dark
)

// String is "unknown", "light" or "dark".
func (t ThemeType) String() string {
	switch t {
	case Unknown:
		return "unknown"
	case Light:
		return "light"
	case Dark:
		return "dark"
	}
	return fmt.Sprintf("ThemeType(%d)", uint8(t))
}

// Contrast is how much contrast the visitor asks for (prefers-contrast).
type Contrast uint8

// The contrasts. ContrastDefault is no preference, or none known.
const (
	ContrastDefault Contrast = iota
	ContrastMore
	ContrastLess
	ContrastCustom
)

// String is the CSS keyword.
func (c Contrast) String() string {
	switch c {
	case ContrastDefault:
		return "no-preference"
	case ContrastMore:
		return "more"
	case ContrastLess:
		return "less"
	case ContrastCustom:
		return "custom"
	}
	return fmt.Sprintf("Contrast(%d)", uint8(c))
}

// Theme is how the visitor wants pages to look.
type Theme struct {
	Type          ThemeType
	ReducedMotion bool
	Contrast      Contrast
}

func parseTheme(s string) (ThemeType, bool) {
	switch s {
	case "light":
		return Light, true
	case "dark":
		return Dark, true
	}
	return Unknown, false
}

func parseMotion(s string) (reduced, ok bool) {
	return s == "reduce", s == "reduce" || s == "no-preference"
}

func parseContrast(s string) (Contrast, bool) {
	switch s {
	case "no-preference":
		return ContrastDefault, true
	case "more":
		return ContrastMore, true
	case "less":
		return ContrastLess, true
	case "custom":
		return ContrastCustom, true
	}
	return ContrastDefault, false
}

// preference resolves one setting: setter cookie, script cookie, client hint.
func preference[T any](in *Info, f *facts, setter, key string, hint field, parse func(string) (T, bool)) T {
	if v, name, ok := in.override(f, setter, key, func(s string) bool { _, ok := parse(s); return ok }); ok {
		t, _ := parse(v)
		f.source = Source{Kind: SourceCookie, Name: name}
		return t
	}
	t, ok := parse(sfWord(in.value(f, hint)))
	if ok {
		f.source = Source{Kind: SourceHeader, Name: headerNames[hint]}
	}
	return t
}

func buildTheme(in *Info, f *facts) ThemeType {
	return preference(in, f, ThemeCookie, keyTheme, fieldColorScheme, parseTheme)
}

func buildMotion(in *Info, f *facts) bool {
	return preference(in, f, MotionCookie, keyMotion, fieldReducedMotion, parseMotion)
}

func buildContrast(in *Info, f *facts) Contrast {
	return preference(in, f, ContrastCookie, keyContrast, fieldContrast, parseContrast)
}

// Theme is how the visitor wants pages to look. In order of precedence it
// follows [ThemeCookie], [MotionCookie] and [ContrastCookie], the page script's
// cookie, and the client hints that browsers send if Config.HintTheme asks for
// them.
func (in *Info) Theme() Theme {
	return Theme{
		Type:          *in.theme.see(in, buildTheme),
		ReducedMotion: *in.motion.see(in, buildMotion),
		Contrast:      *in.contrast.see(in, buildContrast),
	}
}
