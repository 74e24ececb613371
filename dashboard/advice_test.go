package dashboard

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

// Each rule speaks up where it should, with its remedy, and not where things are well.
func TestAdvice(t *testing.T) {
	t.Parallel()
	slow := cachedata.Histogram{}
	slow[20] = 5
	well := cachedata.Stats{Hits: 9_000, Misses: 100, Loads: 100, Entries: 90, Bytes: 9_000}
	for _, tt := range []struct {
		name  string
		cfg   cachedata.Config
		stats cachedata.Stats
		want  string // in the only advice; empty: there is none
	}{
		{name: "nothing yet"},
		{name: "all is well", cfg: cachedata.Config{TTL: time.Minute}, stats: well},
		{name: "the store is down", cfg: cachedata.Config{TTL: time.Minute}, stats: cachedata.Stats{StoreDown: 1, StoreErrors: 3}, want: "left alone"},
		{name: "loads fail", cfg: cachedata.Config{TTL: time.Minute}, stats: cachedata.Stats{Loads: 40, LoadErrors: 4, Misses: 40}, want: "Stale.OnError"},
		{name: "loads fail, and old results are served", cfg: cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{OnError: time.Hour}}, stats: cachedata.Stats{Loads: 40, LoadErrors: 4, Misses: 40}},
		{name: "few loads fail", cfg: cachedata.Config{TTL: time.Minute}, stats: cachedata.Stats{Loads: 41, LoadErrors: 4, Misses: 41}},
		{name: "no jitter at a busy cache", cfg: cachedata.Config{TTL: time.Minute}, stats: cachedata.Stats{Hits: 1000, Entries: 100}, want: "Jitter"},
		{name: "jitter", cfg: cachedata.Config{TTL: time.Minute, Jitter: 0.1}, stats: cachedata.Stats{Hits: 1000, Entries: 100}},
		{name: "very stale", cfg: cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: 11 * time.Minute}}, want: "ten times"},
		{name: "for ever stale", cfg: cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: math.MaxInt64}}, want: "ten times"},
		{name: "stale", cfg: cachedata.Config{TTL: time.Minute, Stale: cachedata.StaleConfig{For: 10 * time.Minute}}},
		{name: "large results without a bound", cfg: cachedata.Config{TTL: time.Minute}, stats: cachedata.Stats{Entries: 2, Bytes: 20 << 20}, want: "MaxBytes"},
		{name: "large results with a bound", cfg: cachedata.Config{TTL: time.Minute, MaxBytes: 1 << 30}, stats: cachedata.Stats{Entries: 2, Bytes: 20 << 20}},
		{name: "too small", cfg: cachedata.Config{TTL: time.Minute}, stats: cachedata.Stats{Hits: 9_000, Misses: 1000, Loads: 1000, Evictions: map[observe.Cause]uint64{observe.CauseSize: 500}}, want: "pushed out"},
		{name: "few hits", cfg: cachedata.Config{TTL: time.Minute}, stats: cachedata.Stats{Hits: 200, Misses: 800, Loads: 800}, want: "Only 20 %"},
		{name: "few hits, since one load serves many", cfg: cachedata.Config{TTL: time.Minute}, stats: cachedata.Stats{Hits: 200, Misses: 800, Joined: 500, Loads: 300}},
		{name: "slow without a timeout", cfg: cachedata.Config{TTL: time.Minute}, stats: cachedata.Stats{Loads: 5, Misses: 5, LoadTimes: slow}, want: "Set Timeout"},
		{name: "slow with a timeout", cfg: cachedata.Config{TTL: time.Minute, Timeout: time.Hour}, stats: cachedata.Stats{Loads: 5, Misses: 5, LoadTimes: slow}},
		{name: "loads in vain", cfg: cachedata.Config{TTL: time.Minute}, stats: cachedata.Stats{Hits: 9_000, Misses: 1000, Loads: 1000, Refused: 100}, want: "not kept"},
		{name: "refreshes do not keep up", cfg: cachedata.Config{TTL: time.Minute}, stats: cachedata.Stats{Hits: 9_000, Refreshes: 50, Skipped: 5}, want: "refreshes were due"},
		{name: "errors outlive results", cfg: cachedata.Config{TTL: time.Minute, Errors: cachedata.ErrorConfig{TTL: time.Hour}}, want: "Errors.TTL shorter"},
		{name: "for ever", stats: well, want: "never expire"},
		{name: "for ever, and cleared", stats: cachedata.Stats{Hits: 9_000, Misses: 100, Loads: 100, Entries: 90, Evictions: map[observe.Cause]uint64{observe.CauseCleared: 1}}},
		{name: "shared", cfg: cachedata.Config{TTL: time.Minute, Copy: cachedata.CopyConfig{ReadOnly: true}}, want: "Copy.Verify"},
		{name: "shared and verified", cfg: cachedata.Config{TTL: time.Minute, Copy: cachedata.CopyConfig{ReadOnly: true, Verify: true}}},
		{name: "hits are counted", cfg: cachedata.Config{TTL: time.Minute, CountHits: true}, stats: cachedata.Stats{Hits: 1_000_000}, want: "CountHits"},
	} {
		var texts []string
		for _, a := range advise([]*cacheState{{Name: "c", config: tt.cfg, stats: tt.stats}}) {
			texts = append(texts, a.Text)
		}
		if len(texts) > 1 || (len(texts) == 0) != (tt.want == "") || len(texts) == 1 && !strings.Contains(texts[0], tt.want) {
			t.Errorf("%s: %q, want one with %q", tt.name, texts, tt.want)
		}
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		shorten("short", 80):                  "short",
		shorten(strings.Repeat("x", 100), 10): "xxxxxxx…",
		shorten("日本語日本語", 10):                 "日本…",
		shorten("a\nb\xffc\x00", 80):          "a␣b\ufffdc␣",
		count(1_234_567):                      "1,234,567",
		count(-1_000):                         "-1,000",
		count(uint64(999)):                    "999",
		size(0):                               "0 B",
		size(1023):                            "1.0 KB",
		size(5 << 40):                         "5.0 TB",
		percent(0.9999):                       "99.9 %",
		percent(1):                            "100 %",
		percent(0.034):                        "3.4 %",
		span(0):                               "0",
		span(time.Nanosecond):                 "1 µs",
		span(1500 * time.Microsecond):         "1.5 ms",
		span(90 * time.Second):                "90 s",
		span(100 * 24 * time.Hour):            "100 days",
		span(-time.Second):                    "–",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// linesOf are the lines of a chart of ratios.
func linesOf(all []sample) []string {
	if l := ratioLine(all, 100, 20); l != nil {
		return l.Paths
	}
	return nil
}

// What there are no calls for is a gap, not a zero.
func TestChartsHaveGaps(t *testing.T) {
	t.Parallel()
	all := []sample{{calls: 1, ratio: 1}, {}, {calls: 1, ratio: 0.5}, {calls: 2, ratio: 0}}
	if got := linesOf(all); len(got) != 2 || strings.Count(got[0], ",") != 2 || strings.Count(got[1], ",") != 2 {
		t.Errorf("%q", got)
	}
	if timesLine(all, 100, 20) != nil {
		t.Error("a chart of no loads")
	}
	if loadBars(cachedata.Histogram{}, 100, 20) != nil {
		t.Error("a histogram of nothing")
	}
	h := cachedata.Histogram{20: 1}
	if b := loadBars(h, 100, 20); b.To != "longer" || !strings.HasPrefix(b.Bars[len(b.Bars)-1].Title, "1 more than 26 s") {
		t.Errorf("%+v", b)
	}
}

func TestTheLogKeepsTheLatest(t *testing.T) {
	t.Parallel()
	var e Events
	e.Observe(t.Context(), observe.Notice{Owner: "o", Text: "kept"})
	for i := range 1000 {
		e.Observe(t.Context(), observe.CacheEvict{Source: observe.Source{Cache: count(i)}})
	}
	all, notices := e.read()
	if len(all) != maxEvents || all[0].Cache != "999" || all[maxEvents-1].Cache != "700" || len(notices) != 1 || notices[0].Text != "o: kept" {
		t.Errorf("%d events from %s to %s, notices %v", len(all), all[0].Cache, all[len(all)-1].Cache, notices)
	}
}
