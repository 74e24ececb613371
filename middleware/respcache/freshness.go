package respcache

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keepStale is how long a shared cache keeps a stale response, to validate it or to replay it
// instead of an error.
const keepStale = 24 * time.Hour

// maxHeuristic is the longest freshness of a response that does not say how long it is
// fresh.
const maxHeuristic = 24 * time.Hour

// terms are the rules for a response in a shared cache, apart from its freshness lifetime.
type terms struct {
	validate        bool          // it must be validated before each replay
	whileRevalidate time.Duration // how long it is replayed while stale and made again in the background
	onError         time.Duration // how long it is replayed while stale instead of an error
	groups          []string      // Cache-Groups
}

// heuristic are the statuses whose responses are fresh for a while even if they do not
// say so (RFC 9110, section 15.1). 206 is not among them, because it is not stored.
var heuristic = map[int]bool{
	http.StatusOK: true, http.StatusNonAuthoritativeInfo: true, http.StatusNoContent: true,
	http.StatusMultipleChoices: true, http.StatusMovedPermanently: true, http.StatusPermanentRedirect: true,
	http.StatusNotFound: true, http.StatusMethodNotAllowed: true, http.StatusGone: true,
	http.StatusRequestURITooLong: true, http.StatusNotImplemented: true,
}

// admit checks whether a shared cache may store a response with this status and these
// headers, which are about to be sent (RFC 9111, section 3). It returns why not, or "", and
// sets the terms of the recorder. d are the directives in h, see [responseDirectives].
func (r *recorder) admit(status int, h http.Header, d directives, targeted bool) (ttl time.Duration, why reason) {
	understood := d.has("must-understand") && http.StatusText(status) != ""
	public := d.has("public")
	if status == http.StatusPartialContent || status == http.StatusNotModified {
		return 0, reason("status " + strconv.Itoa(status))
	}
	if why := endless(h); why != "" {
		return 0, why
	}
	switch {
	case d.has("must-understand") && !understood:
		return 0, "must-understand"
	case d.has("no-store") && !understood:
		return 0, "no-store"
	case d.has("private") && len(d.fields("private")) == 0:
		return 0, "private"
	case len(h["Set-Cookie"]) > 0 && !public: // no client supports Set-Cookie2 any more
		return 0, "set-cookie"
	case r.personal && !public && !d.has("must-revalidate") && !d.has("s-maxage"):
		return 0, "authorization"
	}
	now := time.Now()
	age := initialAge(h, r.calledAt, now)
	ttl, explicit := lifetimeOf(status, h, d, targeted, now)
	validator := len(h["Etag"]) > 0 || len(h["Last-Modified"]) > 0
	r.generatedAt = now.Add(-age)
	r.terms = terms{validate: d.has("no-cache") && len(d.fields("no-cache")) == 0, groups: slices.Clone(h["Cache-Groups"])}
	r.mustRevalidate = d.has("must-revalidate") || d.has("proxy-revalidate")
	if !r.mustRevalidate && !r.terms.validate {
		r.terms.whileRevalidate, _ = d.seconds("stale-while-revalidate")
		r.terms.onError, _ = d.seconds("stale-if-error")
	}
	r.mustRevalidate = r.mustRevalidate || d.has("s-maxage")
	switch {
	case !explicit && !public && !heuristic[status]:
		return 0, reason("status " + strconv.Itoa(status))
	case validator:
	case r.terms.validate:
		return 0, "no-cache"
	case ttl <= age && ttl+max(r.terms.whileRevalidate, r.terms.onError) <= age:
		return 0, "not fresh"
	}
	return ttl, ""
}

// initialAge returns how old a response was when it arrived (RFC 9111, section 4.2.3). It
// was requested at began. If Age is not a single number, the age is unknown, and initialAge
// returns one that is higher than any freshness lifetime.
func initialAge(h http.Header, began, now time.Time) time.Duration {
	var age time.Duration
	if lines := h["Age"]; len(lines) > 0 {
		n, ok := deltaSeconds(strings.TrimSpace(lines[0]))
		if !ok || len(lines) > 1 {
			return (maxSeconds + 1) * time.Second
		}
		age = n
	}
	apparent := max(now.Sub(dateOf(h, now)), 0)
	return max(apparent, age+now.Sub(began))
}

// dateOf returns the Date of a response, or now if it has none.
func dateOf(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

// lifetimeOf returns how long a response is fresh (RFC 9111, section 4.2.1), and
// whether the response says so itself.
func lifetimeOf(status int, h http.Header, d directives, targeted bool, now time.Time) (ttl time.Duration, explicit bool) {
	for _, name := range []string{"s-maxage", "max-age"} {
		if ttl, ok := d.seconds(name); ok {
			return ttl, true
		}
	}
	date := dateOf(h, now)
	if expires := h["Expires"]; len(expires) > 0 && !targeted {
		at, err := http.ParseTime(expires[0])
		if err != nil {
			return 0, true
		}
		return min(max(at.Sub(date), 0), maxSeconds*time.Second), true
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil || !heuristic[status] && !d.has("public") {
		return 0, false
	}
	return min(max(date.Sub(modified)/10, 0), maxHeuristic), false
}
