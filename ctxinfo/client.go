package ctxinfo

import "strings"

const (
	maxAgent  = 512  // bytes of User-Agent that are read
	maxBrands = 1024 // bytes of Sec-CH-UA that are read
)

// Client is the visitor's software, by its own word: client hints where they
// are sent, User-Agent otherwise. It is for statistics and small courtesies;
// for more detail parse Agent with a library made for it.
type Client struct {
	Agent    string // User-Agent, its first 512 bytes
	Browser  string // "Chrome", "Edge", "Firefox", "Opera", "Safari", a brand as hinted, or empty
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
	{"EdgA/", "Edge"},
	{"EdgiOS/", "Edge"},
	{"OPR/", "Opera"},
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

// bots are the marks of programs, in lower case. Well-behaved ones give the
// address of a page about themselves.
var bots = [...]string{
	"bot", "crawl", "spider", "slurp", "+http", "headless", "curl/", "wget/", "python-", "go-http-client", "java/", "okhttp", "libwww",
}

func buildClient(in *Info, f *facts) Client {
	c := Client{
		SaveData: strings.EqualFold(in.value(f, fieldSaveData), "on"),
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
	switch in.value(f, fieldMobile) {
	case "?1":
		c.Mobile = true
	case "?0":
		c.Mobile = false
	}
	if s, rest, ok := cutString(in.value(f, fieldPlatform)); ok && rest == "" && s != "" && s != "Unknown" && len(s) <= 32 {
		c.Platform = s
		if s == "Chrome OS" || s == "Chromium OS" {
			c.Platform = "ChromeOS"
		}
	}
	return c
}

func (c *Client) fromAgent() {
	lower := strings.ToLower(c.Agent)
	for _, mark := range bots {
		if strings.Contains(lower, mark) {
			c.Bot = true
			break
		}
	}
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
	for list = trimOWS(list); ; {
		n, v, rest, ok := cutBrand(list)
		if !ok {
			return "", ""
		}
		grease := strings.Contains(n, "Not") && strings.Contains(n, "Brand")
		if !grease && (name == "" || name == "Chromium") {
			name, version = n, digits(v)
		}
		if rest == "" {
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

// cutBrand reads one member of a structured field list of strings with a
// parameter v (RFC 9651, section 3.1).
func cutBrand(s string) (name, version, rest string, ok bool) {
	if name, rest, ok = cutString(s); !ok {
		return "", "", "", false
	}
	if after, found := strings.CutPrefix(rest, ";v="); found {
		if version, rest, ok = cutString(after); !ok {
			return "", "", "", false
		}
	}
	return name, version, trimOWS(rest), true
}

// cutString reads a structured field string at the start of s.
func cutString(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	return cutValue(s)
}

// digits is the number that s starts with, as text.
func digits(s string) string {
	n := 0
	for n < len(s) && n < 6 && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n]
}

// Client is what the visitor's software says of itself.
func (in *Info) Client() Client { return *in.client.see(in, buildClient) }
