package zones

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestEveryZoneNameLoads(t *testing.T) {
	t.Parallel()
	if _, err := time.LoadLocation("Asia/Kolkata"); err != nil {
		t.Skipf("no time zone data: %v", err)
	}
	if len(names) != 598 {
		t.Errorf("the table has %d names, want 598", len(names))
	}
	if !slices.IsSorted(names[:]) {
		t.Fatal("the table is not sorted")
	}
	missing := 0
	for _, name := range names {
		loc, ok := Lookup(name)
		if !ok {
			// The machine's data comes before Go's and may leave out a few
			// names that mean no place.
			t.Logf("%s is not known to this machine", name)
			missing++
			continue
		}
		if loc.String() != name {
			t.Errorf("Lookup(%q) is %v", name, loc)
		}
		if again, _ := Lookup(name); again != loc {
			t.Errorf("Lookup(%q) loads twice", name)
		}
	}
	if missing > 5 {
		t.Errorf("%d of %d names do not load", missing, len(names))
	}
}

// A client must not make the server search the disk for each request by a
// name that this machine cannot load.
func TestZonesThatDoNotLoadAreRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls, broken := 0, errors.New("too many open files")
		zones := &table{load: func(string) (*time.Location, error) {
			if calls++; broken != nil {
				return nil, broken
			}
			return time.FixedZone("loaded", 0), nil
		}}
		for range 100 {
			for _, name := range []string{"Asia/Kolkata", "Asia/Nowhere", "Local", "", "../etc/passwd"} {
				if loc, ok := zones.lookup(name); ok {
					t.Fatalf("lookup(%q) = %v", name, loc)
				}
			}
		}
		if calls != 1 {
			t.Errorf("%d searches in one minute, want 1: for the only name there is", calls)
		}
		broken = nil
		time.Sleep(retry)
		if _, ok := zones.lookup("Asia/Kolkata"); !ok || calls != 2 {
			t.Errorf("after a minute: found %v, by %d searches", ok, calls)
		}
	})
}

// Every hour of Etc/GMT is a name; its sign is that of POSIX, west positive.
func TestEtcGMT(t *testing.T) {
	t.Parallel()
	if _, ok := Lookup("Etc/GMT+1"); !ok {
		t.Skip("no time zone data")
	}
	for h := -14; h <= 12; h++ {
		name := fmt.Sprintf("Etc/GMT%+d", h)
		loc, ok := Lookup(name)
		if !ok {
			t.Errorf("Lookup(%q) finds nothing", name)
			continue
		}
		if _, seconds := time.Unix(0, 0).In(loc).Zone(); seconds != -h*3600 {
			t.Errorf("%s is %d seconds east, want %d", name, seconds, -h*3600)
		}
	}
	for _, name := range []string{"Etc/GMT-15", "Etc/GMT+13", "GMT+5", "UTC+1"} {
		if loc, ok := Lookup(name); ok {
			t.Errorf("Lookup(%q) = %v", name, loc)
		}
	}
}

// Every offset in use, quarter of an hour by quarter, and none beyond.
func TestOffsets(t *testing.T) {
	t.Parallel()
	for m := -24 * 60; m <= 24*60; m += 15 {
		name := fmt.Sprintf("%c%02d:%02d", "+-"[min(max(-m, 0), 1)], max(m, -m)/60, max(m, -m)%60)
		loc, ok := Lookup(name)
		if want := m >= -12*60 && m <= 14*60; ok != want {
			t.Errorf("Lookup(%q) finds one: %v, want %v", name, ok, want)
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
	old, ok := Lookup("Asia/Calcutta")
	if !ok {
		t.Skip("no time zone data")
	}
	now, _ := Lookup("Asia/Kolkata")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if a, b := at.In(old).Format(time.DateTime), at.In(now).Format(time.DateTime); a != b {
		t.Errorf("Asia/Calcutta shows %s, Asia/Kolkata %s", a, b)
	}
}

func TestLookupsAllocateNothing(t *testing.T) {
	if _, ok := Lookup("Asia/Kolkata"); !ok {
		t.Skip("no time zone data")
	}
	for _, name := range []string{"Asia/Kolkata", "Asia/Nowhere"} {
		if n := testing.AllocsPerRun(100, func() { Lookup(name) }); n != 0 {
			t.Errorf("looking for %s costs %v allocations, want 0", name, n)
		}
	}
}

// BenchmarkZone compares a known zone name with time.LoadLocation, and a name
// that does not exist likewise.
func BenchmarkZone(b *testing.B) {
	for _, name := range []string{"Asia/Kolkata", "Asia/Nowhere"} {
		_, known := Lookup(name)
		b.Run(name+"/reecho", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := Lookup(name); ok != known {
					b.Fatal(ok)
				}
			}
		})
		b.Run(name+"/time", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := time.LoadLocation(name); (err == nil) != known {
					b.Fatal(err)
				}
			}
		})
	}
}
