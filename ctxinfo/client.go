package ctxinfo

import (
	"iter"
	"strings"
	"unicode"
)

const (
	maxAgent  = 512  // bytes of User-Agent that are read
	maxBrands = 1024 // bytes of Sec-CH-UA that are read
)

// Client is the visitor's software, by its own word: client hints where they
// are sent, User-Agent otherwise. It is for statistics and small courtesies;
// for more detail parse Agent with a library made for it.
type Client struct {
	Agent    string // User-Agent, its first 512 bytes
	Browser  string // "Chrome", "Edge", "Firefox", "Opera", "Safari", "Samsung Internet", a brand as hinted, or empty
	Version  string // of the browser, the major number
	Platform string // "Android", "ChromeOS", "iOS", "Linux", "macOS", "Windows", as hinted, or empty
	Mobile   bool   // a phone
	Bot      bool   // it says that it is a program without a reader
	SaveData bool   // Save-Data: on
	GPC      bool   // Sec-GPC: 1, Global Privacy Control: do not sell or share
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

func buildClient(in *Info, f *facts) Client {
	c := Client{
		SaveData: strings.EqualFold(sfWord(in.value(f, fieldSaveData)), "on"),
		GPC:      in.value(f, fieldGPC) == "1",
	}
	c.Agent = in.value(f, fieldUserAgent)
	c.Agent = c.Agent[:min(len(c.Agent), maxAgent)]
	if c.Agent != "" {
		f.source = Source{Kind: SourceHeader, Name: headerNames[fieldUserAgent]}
		c.fromAgent()
	}
	if brands, _ := joinLines(in.values(f, fieldBrands), maxBrands); brands != "" && len(brands) <= maxBrands {
		if name, version := brand(brands); name != "" {
			c.Browser, c.Version = name, version
			f.source = Source{Kind: SourceHeader, Name: headerNames[fieldBrands]}
		}
	}
	if mobile, ok := sfTrue(in.value(f, fieldMobile)); ok {
		c.Mobile = mobile
	}
	if s, kind := sfItem(in.value(f, fieldPlatform)); kind == sfString && s != "" && s != "Unknown" && len(s) <= 32 {
		c.Platform = s
		if s == "Chrome OS" || s == "Chromium OS" {
			c.Platform = "ChromeOS"
		}
	}
	return c
}

func (c *Client) fromAgent() {
	c.Bot = isBot(strings.ToLower(c.Agent))
	for _, p := range products {
		if _, after, ok := strings.Cut(c.Agent, p.mark); ok {
			if p.name == "Safari" && !strings.Contains(c.Agent, "Safari/") {
				continue
			}
			c.Browser, c.Version = p.name, digits(after)
			break
		}
	}
	for _, p := range platforms {
		if strings.Contains(c.Agent, p.mark) {
			c.Platform = p.name
			break
		}
	}
	c.Mobile = strings.Contains(c.Agent, "Mobi") && !strings.Contains(c.Agent, "iPad")
}

// brand picks the browser of a Sec-CH-UA list: the first brand that is no
// GREASE, the engine's own only if there is no other; none of a malformed list.
func brand(list string) (name, version string) {
	for list = strings.Trim(list, " "); ; {
		n, kind, rest, ok := cutBare(list)
		if !ok || kind != sfString {
			return "", ""
		}
		v := ""
		if rest, ok = cutParams(rest, func(key, text string, kind sfKind) {
			if key == "v" && kind == sfString {
				v = text
			}
		}); !ok {
			return "", ""
		}
		grease := strings.Contains(n, "Not") && strings.Contains(n, "Brand")
		if !grease && (name == "" || name == "Chromium") {
			name, version = n, digits(v)
		}
		if rest = trimOWS(rest); rest == "" {
			break
		}
		if rest[0] != ',' {
			return "", ""
		}
		list = trimOWS(rest[1:])
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
	return s[:min(span(s, isDigit), 6)]
}

// Client is what the visitor's software says of itself.
func (in *Info) Client() Client { return *in.client.see(in, buildClient) }
