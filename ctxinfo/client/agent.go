package client

import (
	"iter"
	"strings"
	"unicode"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/internal/syntax"
)

const (
	maxAgent  = 512  // bytes of User-Agent that are read
	maxBrands = 1024 // bytes of Sec-CH-UA that are read
)

// Agent is the visitor's software, by client hints if they are sent, else by
// User-Agent. Both can be forged. It is precise enough for statistics and hints;
// for more detail parse UserAgent with a library made for it.
type Agent struct {
	UserAgent string // its first 512 bytes
	Browser   string // "Chrome", "Edge", "Firefox", "Opera", "Safari", "Samsung Internet", a brand as hinted, or empty
	Version   string // of the browser, the major number
	Platform  string // "Android", "ChromeOS", "iOS", "Linux", "macOS", "Windows", as hinted, or empty
	Mobile    bool   // a phone
	Bot       bool   // it says that it is a program without a reader
	SaveData  bool   // Save-Data: on
	GPC       bool   // Sec-GPC: 1, Global Privacy Control: do not sell or share
}

// products are the marks of browsers in User-Agent, the more special first,
// since each names those that it wants to be taken for as well.
var products = [...]struct{ mark, name string }{
	{"Edg/", "Edge"},
	{"Edge/", "Edge"}, // up to 18, on its own engine
	{"EdgA/", "Edge"},
	{"EdgiOS/", "Edge"},
	{"OPR/", "Opera"},
	{"SamsungBrowser/", "Samsung Internet"},
	{"Firefox/", "Firefox"},
	{"FxiOS/", "Firefox"},
	{"CriOS/", "Chrome"},
	{"Chrome/", "Chrome"},
	{"Version/", "Safari"},
}

// platforms are the marks of operating systems in User-Agent, likewise.
var platforms = [...]struct{ mark, name string }{
	{"iPhone", "iOS"},
	{"iPad", "iOS"},
	{"Android", "Android"},
	{"CrOS", "ChromeOS"},
	{"Windows", "Windows"},
	{"Macintosh", "macOS"},
	{"Linux", "Linux"},
}

// programs are marks of programs in User-Agent, in lower case. Well-behaved
// ones give the address of a page about themselves.
var programs = [...]string{"+http", "headless", "curl/", "wget/", "python-", "go-http-client", "java/", "okhttp", "libwww"}

// isBot reports whether the agent, in lower case, calls itself a program: by
// one of the marks, or by a word that ends in bot, or has crawl, spider or
// slurp in it. Words that name a device do not count: there are telephones
// called Cubot, M Bot and Spider.
func isBot(agent string) bool {
	for _, mark := range programs {
		if strings.Contains(agent, mark) {
			return true
		}
	}
	for word := range words(withoutDevice(agent)) {
		if strings.HasSuffix(word, "bot") && word != "cubot" ||
			strings.Contains(word, "crawl") || strings.Contains(word, "spider") || strings.Contains(word, "slurp") {
			return true
		}
	}
	return false
}

// withoutDevice is the agent without what its first comment says behind the
// version of Android: "(Linux; Android 8.0.0; CUBOT_P20 Build/1)". A program
// that poses as a telephone gives its own name in another comment.
func withoutDevice(agent string) string {
	open := strings.IndexByte(agent, '(')
	if open < 0 {
		return agent
	}
	size := strings.IndexByte(agent[open:], ')')
	if size < 0 {
		size = len(agent) - open
	}
	comment := agent[open : open+size]
	system, _, ok := strings.Cut(comment, "; android")
	if !ok || strings.Contains(comment, "compatible;") {
		return agent
	}
	return agent[:open] + system + agent[open+size:]
}

// words yields the runs of letters in s.
func words(s string) iter.Seq[string] {
	return strings.FieldsFuncSeq(s, func(c rune) bool { return !unicode.IsLetter(c) })
}

// AgentOf returns the visitor's software by the headers of the request. It takes a
// microsecond or two, and reads at most the first 512 bytes of User-Agent.
func AgentOf(in *ctxinfo.Info) Agent {
	a := Agent{
		UserAgent: value(in, "User-Agent"),
		SaveData:  strings.EqualFold(syntax.Word(value(in, "Save-Data")), "on"),
		GPC:       value(in, "Sec-Gpc") == "1",
	}
	a.UserAgent = a.UserAgent[:min(len(a.UserAgent), maxAgent)]
	a.read()
	if brands, _ := syntax.JoinLines(in.Headers().GetAll("Sec-Ch-Ua"), maxBrands); brands != "" && len(brands) <= maxBrands {
		if name, version := brand(brands); name != "" {
			a.Browser, a.Version = name, version
		}
	}
	if mobile, ok := syntax.True(value(in, "Sec-Ch-Ua-Mobile")); ok {
		a.Mobile = mobile
	}
	if s, kind := syntax.Item(value(in, "Sec-Ch-Ua-Platform")); kind == syntax.String && s != "" && s != "Unknown" && len(s) <= 32 {
		a.Platform = s
		if s == "Chrome OS" || s == "Chromium OS" {
			a.Platform = "ChromeOS"
		}
	}
	return a
}

// read takes from the user agent what it tells.
func (a *Agent) read() {
	a.Bot = isBot(strings.ToLower(a.UserAgent))
	for _, p := range products {
		if _, after, ok := strings.Cut(a.UserAgent, p.mark); ok {
			if p.name == "Safari" && !strings.Contains(a.UserAgent, "Safari/") {
				continue
			}
			a.Browser, a.Version = p.name, digits(after)
			break
		}
	}
	for _, p := range platforms {
		if strings.Contains(a.UserAgent, p.mark) {
			a.Platform = p.name
			break
		}
	}
	a.Mobile = strings.Contains(a.UserAgent, "Mobi") && !strings.Contains(a.UserAgent, "iPad")
}

// brand picks the browser of a Sec-CH-UA list: the first brand that is no
// GREASE, the engine's own only if there is no other; none of a malformed list.
func brand(list string) (name, version string) {
	for list = strings.Trim(list, " "); ; {
		n, kind, rest, ok := syntax.CutBare(list)
		if !ok || kind != syntax.String {
			return "", ""
		}
		v := ""
		if rest, ok = syntax.CutParams(rest, func(key, text string, kind syntax.Kind) {
			if key == "v" && kind == syntax.String {
				v = text
			}
		}); !ok {
			return "", ""
		}
		grease := strings.Contains(n, "Not") && strings.Contains(n, "Brand")
		if !grease && (name == "" || name == "Chromium") {
			name, version = n, digits(v)
		}
		var more bool
		if list, more, ok = syntax.NextMember(rest); !ok {
			return "", ""
		}
		if !more {
			break
		}
	}
	switch name {
	case "Google Chrome":
		name = "Chrome"
	case "Microsoft Edge":
		name = "Edge"
	}
	return name, version
}

// digits is the number that s starts with, as text, its first six digits.
func digits(s string) string {
	return s[:min(syntax.Span(s, syntax.IsDigit), 6)]
}
