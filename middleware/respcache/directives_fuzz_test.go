package respcache

import (
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/syntax"
)

// FuzzDirectives compares what is read of a Cache-Control with what it was written
// from, in every spelling of it, and among other directives.
func FuzzDirectives(f *testing.F) {
	f.Add("max-age", "60", "x=\"max-age=1, no-store\"", true, uint8(3))
	f.Add("s-maxage", "99999999999999999999", "", false, uint8(0))
	f.Add("Min-Fresh", "1.5", "a, b=c", false, uint8(255))
	f.Add("max-age", "'1'", "\"", false, uint8(7))
	f.Add("max-stale", "", ",,=", true, uint8(1))
	f.Fuzz(func(t *testing.T, name, value, other string, quoted bool, spelling uint8) {
		if !syntax.IsToken(name) {
			return
		}
		written := name
		for i := range min(len(name), 8) {
			if spelling&(1<<i) != 0 {
				written = written[:i] + strings.ToUpper(written[i:i+1]) + written[i+1:]
			}
		}
		want := oracleSeconds(value)
		if value != "" || quoted {
			if quoted {
				value = `"` + value + `"`
			}
			written += "=" + value
		}
		whole := syntax.IsToken(strings.Trim(value, `"`)) // else it may end the directive
		if got := requestDirectives(http.Header{"Cache-Control": {written}}); whole && got.maxAge != -1 != strings.EqualFold(name, "max-age") {
			t.Errorf("%q: max-age is %v", written, got.maxAge)
		}
		d, targeted := responseDirectives(http.Header{"Cache-Control": {written}})
		n, ok := d.seconds(strings.ToLower(name))
		if targeted || whole && (!ok || n != want) {
			t.Errorf("%q: %v, %v, want %v", written, n, ok, want)
		}
		if n < 0 || n > maxSeconds*time.Second {
			t.Errorf("%q: %v", written, n)
		}
		both, _ := responseDirectives(http.Header{"Cache-Control": {other, written}})
		if n2, ok := both.seconds(strings.ToLower(name)); whole && (!ok || n2 > n) {
			t.Errorf("%q after %q: %v, %v, want at most %v", written, other, n2, ok, n)
		}
		for _, field := range both.fields("private") {
			if !syntax.IsToken(field) {
				t.Errorf("%q: a field named %q", other, field)
			}
		}
		if d, ok := dictionary([]string{other}); ok && len(d) == 0 {
			t.Errorf("%q is a dictionary without members", other)
		}
		if tags := groupTags(&http.Request{Host: "a"}, []string{other}); len(tags) > maxGroups {
			t.Errorf("%q: %d groups", other, len(tags))
		}
	})
}

// oracleSeconds is what RFC 9111, section 1.2.2, makes of s.
func oracleSeconds(s string) time.Duration {
	digits := !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < '0' || c > '9' })
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || !digits {
		return 0
	}
	if most := big.NewInt(1 << 31); n.Cmp(most) > 0 {
		n = most
	}
	return time.Duration(n.Int64()) * time.Second
}

func TestDictionariesAreReadAsStructuredFields(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"max-age=60": "60", "a, max-age=60": "60", "max-age=1, max-age=60": "60", "max-age=60;a=b, c": "60",
		"  max-age=60\t, b": "60", "max-age": "", "max-age=\"60\"": `"60"`,
	} {
		if d, ok := dictionary([]string{s}); !ok || d["max-age"] != want {
			t.Errorf("%q: %q, %v", s, d, ok)
		}
	}
	for _, s := range []string{"", " ", "Max-Age=60", "max-age=60,", "max-age=", "max-age = 60", "max-age=60 b", "=", "a=(", "a;", ",a"} {
		if d, ok := dictionary([]string{s}); ok {
			t.Errorf("%q: %q", s, d)
		}
	}
}

func TestEntityTagsAreComparedWeakly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		list, etag string
		want       bool
	}{
		{`*`, "", true},
		{`"a"`, `"a"`, true},
		{`W/"a"`, `"a"`, true},
		{`"a"`, `W/"a"`, true},
		{`"b", "a"`, `"a"`, true},
		{`"a, b"`, `"a, b"`, true},
		{`"x,"a"`, `"a"`, false},
		{`, ,"a" ,`, `"a"`, true},
		{`"b"`, `"a"`, false},
		{`a`, `"a"`, false},
		{`a`, `a`, true},
		{`"`, `"a"`, false},
		{``, `"a"`, false},
		{`"a"`, "", false},
	} {
		if got := matches(tt.list, tt.etag); got != tt.want {
			t.Errorf("%q, %q: %v", tt.list, tt.etag, got)
		}
	}
}
