package commit_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/commit"
)

func TestMergeCacheControl(t *testing.T) {
	t.Parallel()
	tests := []struct{ a, b, want string }{
		{"", "private", "private"},
		{"public, max-age=60", "", "public, max-age=60"},
		{"public, max-age=60", "private", "max-age=60, private"},
		{"public, max-age=60", "public, max-age=30", "public, max-age=30"},
		{"max-age=60", "s-maxage=5", "max-age=60, s-maxage=5"},
		{"private, max-age=60", "no-store", "private, no-store"},
		{"no-store, no-cache, must-revalidate, private", "no-store", "no-store, no-cache, must-revalidate, private"},
		{"max-age=60, immutable, stale-while-revalidate=30", "max-age=90", "max-age=60"},
		{"max-age=60, stale-while-revalidate=30", "max-age=60, stale-while-revalidate=10", "max-age=60, stale-while-revalidate=10"},
		{"immutable", "immutable", "immutable"},
		{`private="a, b", max-age=1`, "private", "private, max-age=1"},
		{`no-cache="Set-Cookie"`, "", `no-cache="Set-Cookie"`},
		{"MAX-AGE=60", "max-age=soon", "max-age=0"},
		{"no-transform", "must-revalidate", "no-transform, must-revalidate"},
		{" , ,", "private", "private"},
		{"x-extension=1", "private", "x-extension=1, private"},
		{"s-maxage=600", "max-age=10", "s-maxage=10, max-age=10"}, // max-age speaks to shared caches too
		{"max-age=10", "public, s-maxage=600, max-age=20", "max-age=10, s-maxage=10"},
		{"max-age=60, s-maxage=5", "max-age=10", "max-age=10, s-maxage=5"},
		{"must-understand, no-store", "no-store", "no-store"}, // lets some caches ignore no-store
		{"must-understand, no-store", "must-understand, no-store", "must-understand, no-store"},
		{"must-understand, max-age=9", "max-age=5", "must-understand, max-age=5"},
		{`private="a", private`, "no-cache", "private, no-cache"}, // twice on one side
		{"max-age=60, max-age=5", "no-cache", "max-age=5, no-cache"},
	}
	for _, tt := range tests {
		if got := commit.MergeCacheControl([]string{tt.a}, []string{tt.b}); got != tt.want {
			t.Errorf("MergeCacheControl(%q, %q) = %q, want %q", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestMergeVary(t *testing.T) {
	t.Parallel()
	tests := []struct{ a, b, want string }{
		{"Accept", "Cookie", "Accept, Cookie"},
		{"Accept, Cookie", "cookie", "Accept, Cookie"},
		{"Accept", "*", "*"},
		{"", "Cookie", "Cookie"},
	}
	for _, tt := range tests {
		if got := commit.MergeVary([]string{tt.a}, []string{tt.b}); got != tt.want {
			t.Errorf("MergeVary(%q, %q) = %q, want %q", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestAMergeLeavesUntouchedHeadersAlone(t *testing.T) {
	t.Parallel()
	h := http.Header{"Vary": {"A", "B"}, "Cache-Control": {"max-age=1", "private"}}
	commit.CachingIn(h).MergeInto(h)
	if len(h["Vary"]) != 2 || len(h["Cache-Control"]) != 2 {
		t.Errorf("headers = %v, want them as they were", h)
	}
}

// FuzzMergeCacheControl checks the laws of a merge: nothing that either side
// forbids becomes allowed, merging with itself changes nothing the second
// time, and the order of the sides does not matter for what is restricted.
func FuzzMergeCacheControl(f *testing.F) {
	f.Add("public, max-age=60", `private="a,b"`)
	f.Add("no-store", "max-age=1, immutable")
	f.Add(`no-cache="\",", x`, ",,")
	f.Fuzz(func(t *testing.T, a, b string) {
		got := commit.MergeCacheControl([]string{a}, []string{b})
		for _, d := range []string{"no-store", "private", "no-cache", "must-revalidate"} {
			only := commit.MergeCacheControl([]string{a}, nil) + "," + commit.MergeCacheControl(nil, []string{b})
			if hasDirective(only, d) && !hasDirective(got, d) {
				t.Errorf("MergeCacheControl(%q, %q) = %q lost %s", a, b, got, d)
			}
		}
		if again := commit.MergeCacheControl([]string{got}, []string{got}); again != commit.MergeCacheControl([]string{again}, []string{again}) {
			t.Errorf("merging %q with itself is not stable: %q", got, again)
		}
		other := commit.MergeCacheControl([]string{b}, []string{a})
		for _, d := range []string{"no-store", "private", "no-cache", "public", "immutable"} {
			if hasDirective(got, d) != hasDirective(other, d) {
				t.Errorf("%s depends on the order: %q and %q", d, got, other)
			}
		}
	})
}

// hasDirective is a naive reader of a formatted value: quoted text is blanked first.
func hasDirective(v, name string) bool {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(v); i++ {
		switch {
		case v[i] == '"':
			quoted = !quoted
		case v[i] == '\\' && quoted:
			i++
		case !quoted:
			b.WriteByte(v[i])
		}
	}
	for d := range strings.SplitSeq(b.String(), ",") {
		n, _, _ := strings.Cut(d, "=")
		if strings.TrimSpace(n) == name {
			return true
		}
	}
	return false
}
