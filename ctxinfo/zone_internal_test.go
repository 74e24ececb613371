package ctxinfo

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/text/language"
)

func TestEveryZoneNameLoads(t *testing.T) {
	t.Parallel()
	if _, err := time.LoadLocation("Asia/Kolkata"); err != nil {
		t.Skipf("no time zone data: %v", err)
	}
	if len(zoneNames) != 598 {
		t.Errorf("the table has %d names, want 598", len(zoneNames))
	}
	if !slices.IsSorted(zoneNames[:]) {
		t.Fatal("the table is not sorted")
	}
	missing := 0
	for _, name := range zoneNames {
		loc, ok := lookupZone(name)
		if !ok {
			// The machine's data comes before Go's and may leave out a few
			// names that mean no place.
			t.Logf("%s is not known to this machine", name)
			missing++
			continue
		}
		if loc.String() != name {
			t.Errorf("lookupZone(%q) is %v", name, loc)
		}
		if again, _ := lookupZone(name); again != loc {
			t.Errorf("lookupZone(%q) loads twice", name)
		}
	}
	if missing > 5 {
		t.Errorf("%d of %d names do not load", missing, len(zoneNames))
	}
}

// A client must not make the server search the disk for each request by a
// name that this machine cannot load.
func TestZonesThatDoNotLoadAreRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls, broken := 0, errors.New("too many open files")
		table := &zoneTable{load: func(string) (*time.Location, error) {
			if calls++; broken != nil {
				return nil, broken
			}
			return time.FixedZone("loaded", 0), nil
		}}
		for range 100 {
			for _, name := range []string{"Asia/Kolkata", "Asia/Nowhere", "Local", "", "../etc/passwd"} {
				if loc, ok := table.lookup(name); ok {
					t.Fatalf("lookup(%q) = %v", name, loc)
				}
			}
		}
		if calls != 1 {
			t.Errorf("%d searches in one minute, want 1: for the only name there is", calls)
		}
		broken = nil
		time.Sleep(retryZone)
		if _, ok := table.lookup("Asia/Kolkata"); !ok || calls != 2 {
			t.Errorf("after a minute: found %v, by %d searches", ok, calls)
		}
	})
}

// Every hour of Etc/GMT is a name; its sign is that of POSIX, west positive.
func TestEtcGMT(t *testing.T) {
	t.Parallel()
	if _, ok := lookupZone("Etc/GMT+1"); !ok {
		t.Skip("no time zone data")
	}
	for h := -14; h <= 12; h++ {
		name := fmt.Sprintf("Etc/GMT%+d", h)
		loc, ok := lookupZone(name)
		if !ok {
			t.Errorf("lookupZone(%q) finds nothing", name)
			continue
		}
		if _, seconds := time.Unix(0, 0).In(loc).Zone(); seconds != -h*3600 {
			t.Errorf("%s is %d seconds east, want %d", name, seconds, -h*3600)
		}
	}
	for _, name := range []string{"Etc/GMT-15", "Etc/GMT+13", "GMT+5", "UTC+1"} {
		if loc, ok := lookupZone(name); ok {
			t.Errorf("lookupZone(%q) = %v", name, loc)
		}
	}
}

// Every offset in use, quarter of an hour by quarter, and none beyond.
func TestOffsets(t *testing.T) {
	t.Parallel()
	for m := -24 * 60; m <= 24*60; m += 15 {
		name := fmt.Sprintf("%c%02d:%02d", "+-"[min(max(-m, 0), 1)], max(m, -m)/60, max(m, -m)%60)
		loc, ok := lookupZone(name)
		if want := m >= -12*60 && m <= 14*60; ok != want {
			t.Errorf("lookupZone(%q) finds one: %v, want %v", name, ok, want)
		}
		if !ok {
			continue
		}
		if _, seconds := time.Now().In(loc).Zone(); seconds != m*60 {
			t.Errorf("%s is %d seconds east, want %d", name, seconds, m*60)
		}
	}
}

func TestAliasesAreKept(t *testing.T) {
	t.Parallel()
	old, ok := lookupZone("Asia/Calcutta")
	if !ok {
		t.Skip("no time zone data")
	}
	now, _ := lookupZone("Asia/Kolkata")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if a, b := at.In(old).Format(time.DateTime), at.In(now).Format(time.DateTime); a != b {
		t.Errorf("Asia/Calcutta shows %s, Asia/Kolkata %s", a, b)
	}
}

func TestLookupsAllocateNothing(t *testing.T) {
	if _, ok := lookupZone("Asia/Kolkata"); !ok {
		t.Skip("no time zone data")
	}
	m := newLocaleMatcher(nil)
	m.wish("de, en;q=0.5")
	checks := map[string]func(){
		"a known zone":      func() { lookupZone("Asia/Kolkata") },
		"an unknown zone":   func() { lookupZone("Asia/Nowhere") },
		"a cached language": func() { m.wish("de, en;q=0.5") },
	}
	for name, f := range checks {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s costs %v allocations, want 0", name, n)
		}
	}
}

func TestMemoIsBoundedAndOwnsItsKeys(t *testing.T) {
	t.Parallel()
	m := newMemo[int]()
	calls := 0
	length := func(s string) int { calls++; return len(s) }
	for range 3 {
		if got := *m.get("abc", length); got != 3 {
			t.Fatalf("get(abc) = %d", got)
		}
	}
	if calls != 1 {
		t.Errorf("the function ran %d times, want once", calls)
	}
	for i := range 10 * len(m.slots) {
		m.get(time.Unix(int64(i), 0).String(), length)
	}
	kept := 0
	for i := range m.slots {
		if m.slots[i].Load() != nil {
			kept++
		}
	}
	if kept == 0 || kept > len(m.slots) {
		t.Errorf("%d entries are kept, want 1 to %d", kept, len(m.slots))
	}
}

func TestClientIPAllocatesNothing(t *testing.T) {
	p := Must(New(Config{Proxies: Behind(Private())}))
	h := map[string][]string{"X-Forwarded-For": {"2001:db8::7, [fd00::1]:80", "10.0.0.4:99, 10.0.0.3"}}
	if n := testing.AllocsPerRun(100, func() {
		var read fields
		if got := p.walk(p.trusted.Load(), "[::ffff:10.0.0.2]:1", h, &read, nil); got.depth != 4 {
			t.Fatal(got)
		}
	}); n != 0 {
		t.Errorf("a walk costs %v allocations, want 0", n)
	}
}

// The caches of languages and zones are ten times faster than what they stand
// for. All are timed in turns, so that what else the machine does hits all.
func TestCachesAreTenTimesFaster(t *testing.T) {
	const header = "de-CH,de;q=0.9,en-US;q=0.8,en;q=0.7"
	supported := []language.Tag{language.English, language.German, language.French}
	ours, theirs := newLocaleMatcher(supported), language.NewMatcher(supported)
	pairs := map[string][2]func(){
		"language": {func() { ours.wish(header) }, func() {
			tags, _, _ := language.ParseAcceptLanguage(header)
			theirs.Match(tags...)
		}},
		"zone": {func() { lookupZone("Asia/Kolkata") }, func() { _, _ = time.LoadLocation("Asia/Kolkata") }},
	}
	for name, pair := range pairs {
		const rounds, calls = 9, 300
		var took [2][rounds]time.Duration
		for r := range rounds {
			for i, f := range pair {
				start := time.Now()
				for range calls {
					f()
				}
				took[i][r] = time.Since(start)
			}
		}
		slices.Sort(took[0][:])
		slices.Sort(took[1][:])
		if fast, slow := took[0][rounds/2], took[1][rounds/2]; fast*10 > slow {
			t.Errorf("%s: %v for %d calls, against %v without the cache", name, fast, calls, slow)
		}
	}
}
