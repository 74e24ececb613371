package client_test

import (
	"strings"
	"testing"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
)

func TestAgent(t *testing.T) {
	t.Parallel()
	const (
		chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
		edge   = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
		// learn.microsoft.com/archive/microsoft-edge/legacy: the last release of that engine.
		edgeHTML = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763"
		samsung  = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"
		firefox  = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0"
		safari   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
		pixel    = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
		google   = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
	)
	tests := []struct {
		name    string
		headers []string
		want    client.Agent
	}{
		{"nothing", nil, client.Agent{}},
		{"Chrome on Linux", []string{"User-Agent", chrome}, client.Agent{UserAgent: chrome, Browser: "Chrome", Version: "140", Platform: "Linux"}},
		{"Edge on Windows", []string{"User-Agent", edge}, client.Agent{UserAgent: edge, Browser: "Edge", Version: "140", Platform: "Windows"}},
		{"Edge on its own engine", []string{"User-Agent", edgeHTML}, client.Agent{UserAgent: edgeHTML, Browser: "Edge", Version: "18", Platform: "Windows"}},
		{"Samsung's browser", []string{"User-Agent", samsung}, client.Agent{UserAgent: samsung, Browser: "Samsung Internet", Version: "28", Platform: "Android", Mobile: true}},
		{"Firefox on macOS", []string{"User-Agent", firefox}, client.Agent{UserAgent: firefox, Browser: "Firefox", Version: "143", Platform: "macOS"}},
		{"Safari on a phone", []string{"User-Agent", safari}, client.Agent{UserAgent: safari, Browser: "Safari", Version: "18", Platform: "iOS", Mobile: true}},
		{"Chrome on a phone", []string{"User-Agent", pixel}, client.Agent{UserAgent: pixel, Browser: "Chrome", Version: "140", Platform: "Android", Mobile: true}},
		{"a search engine", []string{"User-Agent", google}, client.Agent{UserAgent: google, Bot: true}},
		{"curl", []string{"User-Agent", "curl/8.14.1"}, client.Agent{UserAgent: "curl/8.14.1", Bot: true}},
		{
			"hints with GREASE",
			[]string{"Sec-CH-UA", `"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"`, "Sec-CH-UA-Mobile", "?1", "Sec-CH-UA-Platform", `"Chrome OS"`},
			client.Agent{Browser: "Chrome", Version: "140", Platform: "ChromeOS", Mobile: true},
		},
		{"hints of the engine alone", []string{"Sec-CH-UA", `"Not;A Brand";v="99", "Chromium";v="139"`}, client.Agent{Browser: "Chromium", Version: "139"}},
		{"hints win", []string{"User-Agent", chrome, "Sec-CH-UA", `"Brave";v="140"`, "Sec-CH-UA-Mobile", "?0"}, client.Agent{UserAgent: chrome, Browser: "Brave", Version: "140", Platform: "Linux"}},
		{"malformed hints", []string{"Sec-CH-UA", `"Open;v="1`, "Sec-CH-UA-Mobile", "1", "Sec-CH-UA-Platform", "Linux"}, client.Agent{}},
		{"a malformed member spoils the list", []string{"Sec-CH-UA", `"Brave";v="140", Chrome`}, client.Agent{}},
		{"wishes", []string{"Save-Data", "on", "Sec-GPC", "1"}, client.Agent{SaveData: true, GPC: true}},
	}
	for _, tt := range tests {
		if got := client.AgentOf(ctxinfo.FromRequest(request(tt.headers...))); got != tt.want {
			t.Errorf("%s: AgentOf() =\n%+v, want\n%+v", tt.name, got, tt.want)
		}
	}
	in := ctxinfo.FromRequest(request("User-Agent", strings.Repeat("x", 1<<20)))
	if got := len(client.AgentOf(in).UserAgent); got != 512 {
		t.Errorf("UserAgent has %d bytes, want 512", got)
	}
}

// TestBotIsAWord goes through agents of programs and of telephones whose names
// look like theirs.
func TestBotIsAWord(t *testing.T) {
	t.Parallel()
	const chrome = " AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0.3538.110 Mobile Safari/537.36"
	tests := []struct {
		agent, source string
		bot           bool
	}{
		{"Mozilla/5.0 (Linux; Android 8.0.0; CUBOT_P20)" + chrome, "github.com/omrilotan/isbot/issues/29", false},
		{"Mozilla/5.0 (Linux; Android 8.1.0; CUBOT_POWER)" + chrome, "github.com/omrilotan/isbot/issues/29", false},
		{"Mozilla/5.0 (Linux; U; Android 8.0.0; CUBOT_X18_Plus Build/O00623; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/71.0.3578.99 Mobile Safari/537.36 OPR/37.6.2254.134291", "github.com/omrilotan/isbot/issues/29", false},
		{"Mozilla/5.0 (Linux; Android 5.1; CUBOT_NOTE_S Build/LMY47I)" + chrome, "github.com/oalders/http-browserdetect/issues/136", false},
		{"Mozilla/5.0 (Linux; Android 7.0; M bot 60 Build/NRD90M; wv)" + chrome, "github.com/JayBizzle/Crawler-Detect/issues/283", false},
		{"Mozilla/5.0 (Linux; Android 6.0.1; M BOT TAB 101 Build/MOB30R)" + chrome, "github.com/matomo-org/device-detector/issues/5674", false},
		{"Mozilla/5.0 (Linux; Android 5.1; FEVER Build/LMY47D; wv)" + chrome, "github.com/matomo-org/device-detector/issues/5484", false},
		{"Dalvik/2.1.0 (Linux; U; Android 9; CUBOT_X19 Build/PPR1)", "", false},
		{"CUBOT_DINOSAUR Linux/3.18.19 Android/6.0 Release/05.25.2016 Browser/AppleWebKit537.36 Chrome/39.0.0.0", "", false},
		{"Mozilla/5.0 (Linux; Android 12; Spider X; wv)" + chrome, "", false},
		{"Mozilla/5.0 (Linux; Android 11; Robot)" + chrome, "", false},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15 RobotoFonts/2", "", false},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0 Botanica/1", "", false},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 iRobotHome/7.1", "", false},
		{"", "", false},

		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "developers.google.com/search/docs/crawling-indexing/google-common-crawlers", true},
		{"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P)" + chrome + " (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "the same", true},
		{"Googlebot-Image/1.0", "the same", true},
		{"Mozilla/5.0 (X11; Linux x86_64; Storebot-Google/1.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0.3945.88 Safari/537.36", "the same", true},
		{"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "www.bing.com/webmasters/help/which-crawlers-does-bing-use-8c184ec0", true},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15 (Applebot/0.1)", "support.apple.com/119829", true},
		{"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "uptimerobot.com", true},
		{"TelegramBot (like TwitterBot)", "", true},
		{"Slackbot-LinkExpanding 1.0", "api.slack.com/robots", true},
		{"LinkedInBot/1.0 (compatible; Mozilla/5.0; Jakarta Commons-HttpClient/3.1)", "", true},
		{"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2)", "platform.openai.com/docs/bots", true},
		{"Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider; spider-feedback@bytedance.com)", "", true},
		{"Mozilla/5.0 (compatible; Android 7; MJ12bot/v1.4.8)", "", true},
		{"Mozilla/5.0 (compatible; Yahoo! Slurp)", "", true},
		{"Screaming Frog SEO Spider/21.4", "", true},
		{"Pingdom.com_bot_version_1.4", "", true},
		{"bot", "", true},
		{"IonCrawl (https://www.ionos.de/)", "", true},
		{"Go-http-client/2.0", "", true},
		{"python-requests/2.32.3", "", true},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36", "", true},
		{"Mozilla/5.0 (Linux; Android", "", false},
	}
	for _, tt := range tests {
		if got := client.AgentOf(ctxinfo.FromRequest(request("User-Agent", tt.agent))).Bot; got != tt.bot {
			t.Errorf("%s: Bot = %v, want %v", tt.agent, got, tt.bot)
		}
	}
}
