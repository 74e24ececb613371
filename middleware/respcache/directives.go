package respcache

import (
	"net/http"
	"strings"
	"time"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/syntax"
)

// directives are the directives of Cache-Control by their names in lower case (RFC 9111,
// section 5.2). If a name occurs several times, the strictest value is kept.
type directives map[string]string

// has reports whether the directive is there, with or without a value.
func (d directives) has(name string) bool {
	_, ok := d[name]
	return ok
}

// seconds returns the duration that is the value of a directive. If the value is no number of
// seconds, it returns 0, the strictest value.
func (d directives) seconds(name string) (time.Duration, bool) {
	value, ok := d[name]
	if !ok {
		return 0, false
	}
	n, _ := deltaSeconds(strings.Trim(value, `"`))
	return n, true
}

// fields returns the canonical names of the headers to which a directive is limited. If there
// are none, the directive applies to the whole response.
func (d directives) fields(name string) []string {
	var names []string
	for field := range strings.SplitSeq(strings.Trim(d[name], `"`), ",") {
		if field = strings.TrimSpace(field); syntax.IsToken(field) {
			names = append(names, http.CanonicalHeaderKey(field))
		}
	}
	return names
}

// maxSeconds is the bound for numbers of seconds: larger ones count as this (RFC 9111,
// section 1.2.2).
const maxSeconds = 1 << 31

// deltaSeconds returns the time in s, and whether s is a number of seconds.
func deltaSeconds(s string) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if !syntax.IsDigit(s[i]) {
			return 0, false
		}
		n = min(n*10+int(s[i]-'0'), maxSeconds)
	}
	return time.Duration(n) * time.Second, true
}

// responseDirectives returns the directives of a response for a shared cache. If there is
// a CDN-Cache-Control (RFC 9213), only that counts, and Expires does not count either.
func responseDirectives(h http.Header) (d directives, targeted bool) {
	if d, ok := dictionary(h["Cdn-Cache-Control"]); ok {
		return d, true
	}
	return commit.ParseCacheControl(h["Cache-Control"]), false
}

// dictionary parses a dictionary of structured fields (RFC 9651, section 3.2). If a name
// occurs several times, the last member counts. ok is false if the dictionary is empty or
// malformed; the caller treats both like a missing field.
func dictionary(lines []string) (d directives, ok bool) {
	rest := syntax.TrimOWS(strings.Join(lines, ","))
	if rest == "" {
		return nil, false
	}
	d = make(directives)
	for {
		n := syntax.Span(rest, func(c byte) bool {
			return syntax.IsLower(c) || syntax.IsDigit(c) || strings.IndexByte("_-.*", c) >= 0
		})
		if n == 0 || !syntax.IsLower(rest[0]) && rest[0] != '*' {
			return nil, false
		}
		name, value := rest[:n], ""
		if rest = rest[n:]; strings.HasPrefix(rest, "=") {
			item := rest[1:]
			if _, _, rest, ok = syntax.CutBare(item); !ok {
				return nil, false
			}
			value = item[:len(item)-len(rest)]
		}
		if rest, ok = syntax.CutParams(rest, func(string, string, syntax.Kind) {}); !ok {
			return nil, false
		}
		d[name] = value
		var more bool
		if rest, more, ok = syntax.NextMember(rest); !ok {
			return nil, false
		}
		if !more {
			return d, true
		}
	}
}

// requestControl has the cache directives of a request (RFC 9111, section 5.2.1). A negative
// duration means that the directive is missing.
type requestControl struct {
	noCache, noStore, onlyIfCached bool
	maxAge, maxStale, minFresh     time.Duration
}

// forever is longer than any response is kept.
const forever = time.Duration(1<<63 - 1)

// requestDirectives returns the cache directives of a request with the headers h. Pragma counts only
// if there is no Cache-Control.
func requestDirectives(h http.Header) requestControl {
	a := requestControl{maxAge: -1, maxStale: -1, minFresh: -1}
	lines := h["Cache-Control"]
	if len(lines) == 0 {
		lines = h["Pragma"]
		a.noCache = len(lines) > 0 && directives(commit.ParseCacheControl(lines)).has("no-cache")
		return a
	}
	d := directives(commit.ParseCacheControl(lines))
	a.noCache, a.noStore, a.onlyIfCached = d.has("no-cache"), d.has("no-store"), d.has("only-if-cached")
	if n, ok := d.seconds("max-age"); ok {
		a.maxAge = n
	}
	if n, ok := d.seconds("min-fresh"); ok {
		a.minFresh = n
	}
	if n, ok := d.seconds("max-stale"); ok {
		if a.maxStale = n; d["max-stale"] == "" {
			a.maxStale = forever
		}
	}
	return a
}
