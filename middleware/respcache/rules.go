package respcache

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reecho-go/reecho/internal/commit"
)

// reason says why a response is not stored or not taken from the cache, for Cache-Status
// and events. An empty reason means that it is.
type reason string

// refusal is the error of a load whose handler has failed.
type refusal struct{ why reason }

// Error says why.
func (r *refusal) Error() string { return "respcache: the handler has failed: " + string(r.why) }

// beforeSent returns how long a response with this status and these headers, which are about
// to be sent, may be stored, or why it must not be.
func (c *Cache) beforeSent(status int, h http.Header) (ttl time.Duration, why reason) {
	ttl, listed := c.cfg.Status[status]
	switch {
	case !listed:
		return 0, reason("status " + strconv.Itoa(status))
	case len(h["Set-Cookie"]) > 0 || len(h["Set-Cookie2"]) > 0:
		return 0, "set-cookie"
	case len(h["Content-Range"]) > 0:
		return 0, "content-range"
	}
	if why := endless(h); why != "" {
		return 0, why
	}
	if origin := h["Access-Control-Allow-Origin"]; len(origin) > 0 && !slices.Equal(origin, []string{"*"}) && !slices.Contains(c.headers, "Origin") {
		return 0, "access-control-allow-origin"
	}
	return lifetime(h, ttl)
}

// endless returns why a response with these headers continues after its body, or never
// ends; or "".
func endless(h http.Header) reason {
	switch {
	case len(h["Trailer"]) > 0:
		return "trailer"
	case strings.HasPrefix(strings.ToLower(h.Get("Content-Type")), "text/event-stream"):
		return "event stream"
	}
	return ""
}

// lifetime returns how long the headers h allow to replay their response, at most ttl.
func lifetime(h http.Header, ttl time.Duration) (time.Duration, reason) {
	control := commit.ParseCacheControl(h["Cache-Control"])
	for _, word := range []string{"no-store", "private", "no-cache"} {
		if _, ok := control[word]; ok {
			return 0, reason(word)
		}
	}
	for _, word := range []string{"s-maxage", "max-age"} {
		value, ok := control[word]
		if !ok {
			continue
		}
		seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32)
		left := time.Duration(seconds) * time.Second
		if len(h["Age"]) > 0 { // the response comes from an inner cache
			now := time.Now()
			left -= initialAge(h, now, now)
		}
		if err != nil || left <= 0 {
			return 0, reason(word + "=" + value)
		}
		return min(ttl, left), ""
	}
	if expires := h["Expires"]; len(expires) > 0 {
		at, err := http.ParseTime(expires[0])
		left := time.Until(at)
		if err != nil || left <= 0 {
			return 0, "expires"
		}
		ttl = min(ttl, left)
	}
	return ttl, ""
}

// tolerated are headers that a response may vary by although its handler does not see
// them: the handler answers as if the request had none, and requests with an Origin are
// not answered from the cache.
var tolerated = []string{"Accept-Encoding", "Origin"}

// varies returns why a response with the headers h depends on a header that is not in its
// key, or "". before are the headers that outer middlewares have set, own the lines of Vary
// that the handler has set, and varyOn the facts that were added to the key.
func (c *Cache) varies(own []string, before, h http.Header, varyOn []string) reason {
	names, why := selecting(own, before, h)
	for _, name := range names {
		switch {
		case name == "Cookie" && slices.Contains(varyOn, wholeSession): // requests with unknown cookies bypass the cache
		case slices.Contains(c.headers, name), slices.Contains(varyOn, name), slices.Contains(tolerated, name):
		default:
			return reason("vary " + name)
		}
	}
	return why
}
