package ctxinfo

import (
	"testing"
	"time"
)

func TestLookupsAllocateNothing(t *testing.T) {
	m := newLocaleMatcher(nil)
	m.acceptLanguage("de, en;q=0.5")
	if n := testing.AllocsPerRun(100, func() { m.acceptLanguage("de, en;q=0.5") }); n != 0 {
		t.Errorf("a cached language costs %v allocations, want 0", n)
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
