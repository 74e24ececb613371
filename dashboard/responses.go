package dashboard

import (
	"cmp"
	"maps"
	"slices"

	"github.com/reecho-go/reecho/middleware/respcache"
)

// responsesView is the list of caches of responses. Each has the reasons why requests were
// answered by handlers.
type responsesView struct {
	Rows  []responseRow
	Pager *pager
}

type responseRow struct {
	ID, Name, Group, Href                       string // Href is empty if its group is not shown
	Ratio, Requests, Replayed, Waited, Stored   string
	Refused, Bypassed, Entries, Bytes, Failsafe string
	Reasons                                     []reasonRow
	More                                        int // reasons that are not shown
}

type reasonRow struct {
	Reason, Requests, Share, Means string
	count                          uint64
}

// maxReasons is how many reasons of one cache are shown.
const maxReasons = 12

// responsesID returns the id of a cache of responses in forms.
func responsesID(c *respcache.Cache) string {
	return idOf("responses", c.Group().Name(), c.Responses().Name())
}

func (d *Dashboard) responsesPage(p *page) *responsesView {
	v := &responsesView{Pager: newPager(p, len(d.cfg.Responses))}
	for _, c := range d.cfg.Responses[v.Pager.first:v.Pager.last] {
		s, g := c.Stats(), c.Group()
		all := s.Requests()
		r := responseRow{
			ID: responsesID(c), Name: shorten(c.Responses().Name(), maxName), Group: shorten(g.Name(), maxName),
			Ratio: "–", Requests: count(all), Replayed: count(s.Hits + s.Stale), Failsafe: count(s.FailSafe), Waited: count(s.Joined), Stored: count(s.Misses),
			Refused: count(sum(s.Refused)), Bypassed: count(sum(s.Bypassed)), Entries: count(s.Entries), Bytes: size(s.Bytes),
		}
		if all > 0 {
			r.Ratio = percent(s.HitRatio())
		}
		if slices.Contains(d.cfg.Caches, g) {
			r.Href = p.link("page", "cache", "id", idOf(g.Name(), c.Responses().Name()))
		}
		r.Reasons = reasons(s, all)
		if r.More = len(r.Reasons) - maxReasons; r.More > 0 {
			r.Reasons = r.Reasons[:maxReasons]
		}
		v.Rows = append(v.Rows, r)
	}
	return v
}

func sum(counts map[string]uint64) (all uint64) {
	for _, n := range counts {
		all += n
	}
	return all
}

// reasons returns the reasons of a cache, the most frequent first.
func reasons(s respcache.Stats, all uint64) (rows []reasonRow) {
	for _, reason := range slices.Sorted(maps.Keys(s.Refused)) {
		rows = append(rows, newReason(reason, s.Refused[reason], all))
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Bypassed)) {
		rows = append(rows, newReason(reason, s.Bypassed[reason], all))
	}
	slices.SortStableFunc(rows, func(a, b reasonRow) int { return cmp.Compare(b.count, a.count) })
	return rows
}

func newReason(reason string, n, all uint64) reasonRow {
	return reasonRow{Reason: shorten(reason, maxName), Requests: count(n), Share: percent(float64(n) / float64(all)), Means: meanings[reason], count: n}
}

// meanings explain the reasons and, where that is possible, say what to do.
var meanings = map[string]string{
	// Requests for which the cache was not asked.
	"a flash message waits":             "A message waits for the visitor, which the next page shows once.",
	"authorization":                     "Requests with Authorization are always answered by their handler.",
	"body":                              "The request has a body.",
	"client certificate":                "Requests with a client certificate are always answered by their handler.",
	"cookie":                            "The request has a cookie that the handler may read. If it has no influence on responses, name it in Keys.IgnoreCookies.",
	"credentials":                       "The request has a header that names its user, such as X-Api-Key or X-Forwarded-User. If responses depend on it, name it in Keys.Headers.",
	"it is for the origin":              "The request has a condition that only the handler can check (If-Match, If-Unmodified-Since).",
	"origin":                            "The request has an Origin. If responses depend on it, name it in Keys.Headers.",
	"something is kept for the session": "The handler uses results that are kept for one session, and which the session itself does not hold.",
	"the key is too long":               "URL and headers are longer than a key may be.",
	"the session cannot be read":        "The session of the request could not be loaded, so it is not known whose response it is.",
	"the session was read before":       "A middleware has read the session before the cache was asked.",
	"the visitor is known":              "A middleware has declared the visitor, so the response may be for that visitor alone.",
	"there is no session":               "The URL has responses that depend on the session, and this request reached the cache without passing the session middleware.",
	"upgrade":                           "A protocol upgrade, such as a WebSocket, has no response to keep.",
	// Responses that cannot be stored.
	"a header was read":                     "The handler has read a header that is not part of the key. Name it in Keys.Headers.",
	"a result of one visitor was used":      "The handler has used a cached result that belongs to one visitor.",
	"a result that is not kept was used":    "The handler has used a result of a cached function that is not kept, such as an error or one that has expired. The response would show it for longer.",
	"access-control-allow-origin":           "The response is for the pages of one origin. If responses depend on it, name Origin in Keys.Headers.",
	"another request has the same response": "Another request has just made this response, which must be validated for each request.",
	"another request took too long":         "Another request was making this response for so long that this one did not wait any more. Look at how long the handler takes.",
	"cancelled":                             "The client left, or the handler panicked, before the response was whole.",
	"content-length":                        "The handler has written another number of bytes than it had announced.",
	"content-range":                         "The response is a part of another one.",
	"empty":                                 "The handler has written nothing.",
	"error":                                 "The handler has failed.",
	"event stream":                          "A stream of events has no end, so it cannot be stored.",
	"expires":                               "The handler's Expires says that the response has expired already.",
	"flush":                                 "The handler sends its response piece by piece.",
	"head":                                  "A HEAD came before any GET.",
	"hijack":                                "The handler has taken over the connection.",
	"it changes too fast":                   "The response was dropped again and again while this request waited for it. Look at what clears it so often.",
	"it depends on too much":                "The handler reads too many headers.",
	"max-age":                               "The handler's Cache-Control says that the response expires at once.",
	"must-understand":                       "The response says must-understand, and its status is unknown here.",
	"no-cache":                              "The handler's Cache-Control says no-cache.",
	"no-store":                              "The handler's Cache-Control says no-store.",
	"not fresh":                             "By its own headers, the response has expired when it arrives.",
	"only-if-cached":                        "The request wanted only what is in the cache, and it was not there.",
	"others have failed":                    "The requests that this one waited for have failed, or their clients left.",
	"private":                               "The handler's Cache-Control says private.",
	"range":                                 "The request is for a part of a response that is not in the cache.",
	"read error":                            "What the handler was sending could not be read to its end.",
	"s-maxage":                              "The handler's Cache-Control says that the response expires at once.",
	"set-cookie":                            "The response sets a cookie. Put sessions, and everything else that sets cookies, outside of the cache.",
	"status":                                "Only 200, 301, 308 and the statuses of Config.Status are stored.",
	"the address was changed":               "The response changes the address bar of the visitor's browser.",
	"the cache failed":                      "The cache is closed, or is closing.",
	"the key was not known":                 "The first request has shown what else the response depends on. The next ones are stored.",
	"the session was changed":               "The handler has changed the session, so the response shows a state of the session that is over.",
	"the handler has said so":               "The handler has called NoStore of the loading that it was given.",
	"the session was read":                  "The handler has read the session, so the response may be for one visitor alone.",
	"the visitor was read":                  "The handler has read who the visitor is, so the response may be for that visitor alone.",
	"the visitor's address or cookies were read": "The handler has read the visitor's address or cookies, so the response may be for that visitor alone.",
	"too large":                  "The body is larger than Config.MaxBody.",
	"too many kinds":             "There are too many responses for one URL, which differ by what the handler reads.",
	"too many results were used": "The response is made of more than a thousand cached results.",
	"trailer":                    "Responses with trailers are not kept.",
	"vary":                       "The response varies by a header that is not part of the key. Name it in Keys.Headers.",
	"write error":                "The client left before it had all of the response, and nobody else waited for it.",
	// Responses that are stored in memory, and not in the store.
	"a result of a function without a store was used": "The response is in memory only, since it is made of a result of a function without a store.",
	"a result of another group of caches was used":    "The response is in memory only, since it is made of a result of another group of caches.",
	"a result of another store was used":              "The response is in memory only, since it is made of a result of another store.",
	"a result that is not in the store was used":      "The response is in memory only, since it is made of a result that is not in the store.",
	"a result that no store has was used":             "The response is in memory only, since it is made of a result that is in no store.",
	"it is of one session":                            "The response is in memory only, since it belongs to one session.",
	"too many results for the store were used":        "The response is in memory only, since it is made of more than a hundred results.",
}
