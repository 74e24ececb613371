package ctxinfo

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/internal/syntax"
)

const (
	maxAcceptLanguage = 1 << 10 // bytes of Accept-Language that are read
	maxTags           = 16      // language ranges that are read
	maxTag            = 64      // bytes of one tag
)

// languageRange is one language range of Accept-Language (RFC 9110, section 12.5.4).
type languageRange struct {
	tag language.Tag
	any bool // the range *
	q   int  // thousandths
}

// acceptLanguage is what an Accept-Language header asks for. It is shared: read only.
type acceptLanguage struct {
	ranges   []languageRange // by falling preference, without q=0
	excluded []language.Tag  // q=0
	match    int             // index into the supported locales, -1 if none
}

// tags lists the named languages of w.
func (w *acceptLanguage) tags() []language.Tag {
	tags := make([]language.Tag, 0, len(w.ranges))
	for _, c := range w.ranges {
		if !c.any {
			tags = append(tags, c.tag)
		}
	}
	return tags
}

// refuses reports whether w excludes t: of the ranges that cover t, the same tag
// or a shorter one that it starts with (RFC 4647, section 3.3.1), the longest
// has q=0. So "en-GB, en;q=0" asks for British English only.
func (w *acceptLanguage) refuses(t language.Tag) bool {
	longest := -1
	for _, r := range w.excluded {
		if covers(r, t) {
			longest = max(longest, len(r.String()))
		}
	}
	return longest >= 0 && !slices.ContainsFunc(w.ranges, func(c languageRange) bool {
		return !c.any && covers(c.tag, t) && len(c.tag.String()) > longest
	})
}

func covers(r, t language.Tag) bool {
	rs, ts := r.String(), t.String()
	return strings.HasPrefix(ts, rs) && (len(ts) == len(rs) || ts[len(rs)] == '-')
}

// parseAcceptLanguage reads as much of the header as the limits allow. A range
// that is malformed or unknown is left out; the others count.
func parseAcceptLanguage(s string) acceptLanguage {
	w := acceptLanguage{match: -1}
	if len(s) > maxAcceptLanguage {
		// The limit may cut a tag in two: its remaining part is ignored.
		s = s[:max(0, strings.LastIndexByte(s[:maxAcceptLanguage+1], ','))]
	}
	n := 0
	for part := range strings.SplitSeq(s, ",") {
		part = syntax.TrimOWS(part)
		if part == "" {
			continue
		}
		if n++; n > maxTags {
			break
		}
		name, params, _ := strings.Cut(part, ";")
		name = syntax.TrimOWS(name)
		q, ok := quality(params)
		if !ok {
			continue
		}
		c := languageRange{q: q, any: name == "*"}
		if !c.any {
			if c.tag, ok = parseTag(name); !ok {
				continue
			}
		}
		switch {
		case q > 0:
			w.ranges = append(w.ranges, c)
		case !c.any:
			w.excluded = append(w.excluded, c.tag)
		}
	}
	slices.SortStableFunc(w.ranges, func(a, b languageRange) int { return cmp.Compare(b.q, a.q) })
	return w
}

// quality reads the q parameter among params, in thousandths; 1000 when there
// is none. Other parameters are passed over.
func quality(params string) (int, bool) {
	for p := range strings.SplitSeq(params, ";") {
		name, value, ok := strings.Cut(syntax.TrimOWS(p), "=")
		if ok && strings.EqualFold(syntax.TrimOWS(name), "q") {
			return qvalue(syntax.TrimOWS(value))
		}
	}
	return 1000, true
}

// qvalue reads a weight of RFC 9110, section 12.4.2: 0 or 1 with at most three
// decimals, not above 1.
func qvalue(s string) (int, bool) {
	units, decimals, _ := strings.Cut(s, ".")
	if units != "0" && units != "1" || len(decimals) > 3 {
		return 0, false
	}
	q := int(units[0] - '0')
	for i := range 3 {
		d := 0
		if i < len(decimals) {
			if decimals[i] < '0' || decimals[i] > '9' {
				return 0, false
			}
			d = int(decimals[i] - '0')
		}
		q = q*10 + d
	}
	return q, q <= 1000
}

// parseTag reads one BCP 47 tag; unknown languages and subtags do not count.
func parseTag(s string) (language.Tag, bool) {
	if s == "" || len(s) > maxTag {
		return language.Und, false
	}
	t, err := language.Parse(s)
	if err != nil { // t has the valid part
		return language.Und, false
	}
	return t, t != language.Und
}

// localeMatcher finds the best of the supported locales.
type localeMatcher struct {
	supported []language.Tag
	matcher   language.Matcher   // of all; nil without supported locales
	each      []language.Matcher // of one of them each
	accepted  *memo[acceptLanguage]
	tags      *memo[language.Tag] // single tags of cookies; Und for those that are none
}

func newLocaleMatcher(supported []language.Tag) *localeMatcher {
	m := &localeMatcher{supported: slices.Clone(supported), accepted: newMemo[acceptLanguage](), tags: newMemo[language.Tag]()}
	if len(supported) > 0 {
		m.matcher = language.NewMatcher(m.supported)
	}
	for _, t := range supported {
		m.each = append(m.each, language.NewMatcher([]language.Tag{t}))
	}
	return m
}

// acceptLanguage returns the parsed and matched header. A hit of the memo allocates
// nothing; beyond the limits a header is cut before it is looked up.
func (m *localeMatcher) acceptLanguage(header string) *acceptLanguage {
	if len(header) > maxAcceptLanguage {
		header = header[:maxAcceptLanguage+1]
	}
	return m.accepted.get(header, func(s string) acceptLanguage {
		w := parseAcceptLanguage(s)
		w.match = m.best(&w)
		return w
	})
}

// best is the index of the supported locale for w: that of the first choice
// which one serves well, -1 if none does.
func (m *localeMatcher) best(w *acceptLanguage) int {
	for _, c := range w.ranges {
		if c.any {
			if i := slices.IndexFunc(m.supported, func(t language.Tag) bool { return !w.refuses(t) }); i >= 0 {
				return i
			}
			continue
		}
		if i := m.index(c.tag); i >= 0 && !w.refuses(m.supported[i]) {
			return i
		}
	}
	return -1
}

// index is the supported locale that serves t best, -1 if none serves it well:
// another script or a merely related language does not. Among several, x/text
// takes a near region of the wrong script for a far one of the right script
// (zh-CN for zh-TW where there is zh-HK) and a variety for the language itself
// (nn for nb where there is no), so each is asked alone as well; its choice
// decides between those that serve equally well.
func (m *localeMatcher) index(t language.Tag) int {
	if m.matcher == nil {
		return -1
	}
	best, level := -1, language.Low
	for i, one := range m.each {
		if _, _, c := one.Match(t); c > level {
			best, level = i, c
		}
	}
	if best < 0 {
		return -1
	}
	_, all, _ := m.matcher.Match(t)
	if _, _, c := m.each[all].Match(t); c == level {
		return all
	}
	return best
}

// one reads a tag that stands alone and returns the locale to use for it.
func (m *localeMatcher) one(s string) (language.Tag, bool) {
	if s == "" || len(s) > maxTag {
		return language.Und, false
	}
	t := *m.tags.get(s, func(s string) language.Tag {
		t, ok := parseTag(s)
		if ok && m.matcher != nil {
			i := m.index(t)
			if i < 0 {
				return language.Und
			}
			return m.supported[i]
		}
		return t
	})
	return t, t != language.Und
}

// memo caches the results of a pure function of a string in a table of fixed
// size: each string has one slot and replaces the entry in it. Clients
// can choose the strings, so neither its size nor its worst case depends on
// them. It is safe for concurrent use, without locks.
type memo[V any] struct {
	seed  maphash.Seed
	slots [1 << 9]atomic.Pointer[memoEntry[V]]
}

type memoEntry[V any] struct {
	key   string
	value V
}

func newMemo[V any]() *memo[V] { return &memo[V]{seed: maphash.MakeSeed()} }

// get returns f(key), remembered or computed now. The result is shared: it
// must not be changed.
func (m *memo[V]) get(key string, f func(string) V) *V {
	slot := &m.slots[maphash.String(m.seed, key)%uint64(len(m.slots))]
	if e := slot.Load(); e != nil && e.key == key {
		return &e.value
	}
	// The clone keeps the entry from holding on to the request's buffers.
	e := &memoEntry[V]{key: strings.Clone(key)}
	e.value = f(e.key)
	slot.Store(e)
	return &e.value
}
