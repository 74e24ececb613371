package ctxinfo_test

import (
	"strings"
	"testing"

	"github.com/reecho-go/reecho/ctxinfo"
)

func TestClient(t *testing.T) {
	t.Parallel()
	const (
		chrome  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
		edge    = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
		firefox = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0"
		safari  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
		pixel   = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
		google  = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
	)
	tests := []struct {
		name    string
		headers []string
		want    ctxinfo.Client
	}{
		{"nothing", nil, ctxinfo.Client{}},
		{"Chrome on Linux", []string{"User-Agent", chrome}, ctxinfo.Client{Agent: chrome, Browser: "Chrome", Version: "140", Platform: "Linux"}},
		{"Edge on Windows", []string{"User-Agent", edge}, ctxinfo.Client{Agent: edge, Browser: "Edge", Version: "140", Platform: "Windows"}},
		{"Firefox on macOS", []string{"User-Agent", firefox}, ctxinfo.Client{Agent: firefox, Browser: "Firefox", Version: "143", Platform: "macOS"}},
		{"Safari on a phone", []string{"User-Agent", safari}, ctxinfo.Client{Agent: safari, Browser: "Safari", Version: "18", Platform: "iOS", Mobile: true}},
		{"Chrome on a phone", []string{"User-Agent", pixel}, ctxinfo.Client{Agent: pixel, Browser: "Chrome", Version: "140", Platform: "Android", Mobile: true}},
		{"a search engine", []string{"User-Agent", google}, ctxinfo.Client{Agent: google, Bot: true}},
		{"curl", []string{"User-Agent", "curl/8.14.1"}, ctxinfo.Client{Agent: "curl/8.14.1", Bot: true}},
		{
			"hints with GREASE",
			[]string{"Sec-CH-UA", `"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"`, "Sec-CH-UA-Mobile", "?1", "Sec-CH-UA-Platform", `"Chrome OS"`},
			ctxinfo.Client{Browser: "Chrome", Version: "140", Platform: "ChromeOS", Mobile: true},
		},
		{"hints of the engine alone", []string{"Sec-CH-UA", `"Not;A Brand";v="99", "Chromium";v="139"`}, ctxinfo.Client{Browser: "Chromium", Version: "139"}},
		{"hints win", []string{"User-Agent", chrome, "Sec-CH-UA", `"Brave";v="140"`, "Sec-CH-UA-Mobile", "?0"}, ctxinfo.Client{Agent: chrome, Browser: "Brave", Version: "140", Platform: "Linux"}},
		{"malformed hints", []string{"Sec-CH-UA", `"Open;v="1`, "Sec-CH-UA-Mobile", "1", "Sec-CH-UA-Platform", "Linux"}, ctxinfo.Client{}},
		{"a malformed member spoils the list", []string{"Sec-CH-UA", `"Brave";v="140", Chrome`}, ctxinfo.Client{}},
		{"wishes", []string{"Save-Data", "on", "Sec-GPC", "1"}, ctxinfo.Client{SaveData: true, GPC: true}},
	}
	for _, tt := range tests {
		if got := mustNew(t, ctxinfo.Config{}).FromRequest(request(tt.headers...)).Client(); got != tt.want {
			t.Errorf("%s: Client() =\n%+v, want\n%+v", tt.name, got, tt.want)
		}
	}
	in := mustNew(t, ctxinfo.Config{}).FromRequest(request("User-Agent", strings.Repeat("x", 1<<20)))
	if got := len(in.Client().Agent); got != 512 {
		t.Errorf("Agent has %d bytes, want 512", got)
	}
}
