package commit

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/reecho-go/reecho/internal/syntax"
)

// Caching has the Vary and Cache-Control of a response from before a hook ran.
type Caching struct{ vary, control []string }

// CachingIn returns the Caching of h.
func CachingIn(h http.Header) Caching { return Caching{h["Vary"], h["Cache-Control"]} }

// MergeInto merges the fields in h, which a hook may have set, with those from before: Vary
// becomes the union of both, Cache-Control the strictest combination. So a hook can set these
// fields as if it were alone.
func (s Caching) MergeInto(h http.Header) {
	if now := h["Vary"]; len(s.vary) > 0 && !slices.Equal(s.vary, now) {
		h["Vary"] = []string{MergeVary(s.vary, now)}
	}
	if now := h["Cache-Control"]; len(s.control) > 0 && !slices.Equal(s.control, now) {
		h["Cache-Control"] = []string{MergeCacheControl(s.control, now)}
	}
}

// MergeVary returns the union of the field names in a and b (RFC 9110, section
// 12.5.5), in the order and spelling of their first appearance; "*" replaces
// all others.
func MergeVary(a, b []string) string {
	var names []string
	for _, line := range slices.Concat(a, b) {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if name == "*" {
				return "*"
			}
			if name != "" && !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, ", ")
}

// A directive of Cache-Control; value includes its quotes.
type directive struct{ name, value string }

// MergeCacheControl returns the strictest combination of two Cache-Control
// values (RFC 9111, section 5.2.2; RFC 5861; RFC 8246): a restriction remains
// if either value has it, a permission (public, immutable, stale-...) if both have it, and of
// two lifetimes the shorter one. If one value is empty, the result is the other one.
func MergeCacheControl(a, b []string) string {
	da, db := parseDirectives(a), parseDirectives(b)
	switch {
	case len(da) == 0:
		return formatDirectives(db)
	case len(db) == 0:
		return formatDirectives(da)
	}
	noStore := has(da, "no-store") || has(db, "no-store")
	private := has(da, "private") || has(db, "private")
	var out []directive
	for _, d := range slices.Concat(da, db) {
		if has(out, d.name) {
			continue
		}
		va, inA := find(da, d.name)
		vb, inB := find(db, d.name)
		if d.name == "s-maxage" { // without s-maxage, max-age applies to shared caches too
			if !inA {
				va, inA = find(da, "max-age")
			}
			if !inB {
				vb, inB = find(db, "max-age")
			}
		}
		if inA && inB {
			d.value = stricter(d.name, va, vb)
		}
		switch d.name {
		case "public":
			if noStore || private || !inA || !inB {
				continue
			}
		case "immutable", "stale-while-revalidate", "stale-if-error":
			if noStore || !inA || !inB {
				continue
			}
		case "max-age", "s-maxage":
			if noStore {
				continue
			}
		case "must-understand":
			if noStore && (!inA || !inB) { // must-understand lets some caches ignore no-store
				continue
			}
		}
		out = append(out, d)
	}
	return formatDirectives(out)
}

// stricter returns the stricter of two values of one directive.
func stricter(name, a, b string) string {
	switch name {
	case "max-age", "s-maxage", "immutable", "stale-while-revalidate", "stale-if-error":
		return shorter(a, b)
	case "private", "no-cache":
		if a != b { // with field names the directive restricts only these fields
			return ""
		}
	}
	return a
}

// shorter returns the smaller of two delta-seconds. A value that is no number counts as 0.
func shorter(a, b string) string {
	if a == "" && b == "" {
		return ""
	}
	return strconv.Itoa(min(seconds(a), seconds(b)))
}

// ParseCacheControl returns the directives of Cache-Control by their names in lower case. The
// values are unchanged. If a name occurs several times, the strictest value counts.
func ParseCacheControl(lines []string) map[string]string {
	if len(lines) == 0 {
		return nil
	}
	directives := make(map[string]string)
	for _, d := range parseDirectives(lines) {
		directives[d.name] = d.value
	}
	return directives
}

func seconds(s string) int {
	n, err := strconv.Atoi(strings.Trim(s, `"`))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func has(ds []directive, name string) bool {
	_, ok := find(ds, name)
	return ok
}

func find(ds []directive, name string) (string, bool) {
	for _, d := range ds {
		if d.name == name {
			return d.value, true
		}
	}
	return "", false
}

// parseDirectives splits lines at the commas outside of quotes, and returns the directives with
// names in lower case. If a name occurs several times, the strictest value counts. Parts that
// are no directives are dropped.
func parseDirectives(lines []string) []directive {
	var out []directive
	for _, line := range lines {
		for line != "" {
			var part string
			part, line = cutUnquoted(line)
			name, value, _ := strings.Cut(part, "=")
			name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
			if !syntax.IsToken(name) {
				continue
			}
			if !syntax.IsToken(value) && !isQuoted(value) {
				value = "" // without the malformed argument the directive is stricter
			}
			if at := slices.IndexFunc(out, func(d directive) bool { return d.name == name }); at >= 0 {
				out[at].value = stricter(name, out[at].value, value)
				continue
			}
			out = append(out, directive{name, value})
		}
	}
	return out
}

// cutUnquoted cuts s at its first comma outside a quoted string.
func cutUnquoted(s string) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++
		case s[i] == ',' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// isQuoted reports whether s is one complete quoted string.
func isQuoted(s string) bool {
	if len(s) < 2 || s[0] != '"' {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"':
			return i == len(s)-1
		case c < ' ' && c != '\t' || c == 0x7f:
			return false
		}
	}
	return false
}

func formatDirectives(ds []directive) string {
	var b strings.Builder
	for i, d := range ds {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(d.name)
		if d.value != "" {
			b.WriteByte('=')
			b.WriteString(d.value)
		}
	}
	return b.String()
}
