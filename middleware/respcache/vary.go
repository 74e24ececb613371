package respcache

import (
	"net/http"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/syntax"
)

// selecting returns the names of the request headers by which a response was selected: those
// in own, the Vary of its handler, and those in h, but not those that only outer middlewares
// have added, in before. It returns a reason if Vary has "*" or something that is no name.
func selecting(own []string, before, h http.Header) (names []string, why reason) {
	outer := strings.Split(commit.MergeVary(before["Vary"], nil), ", ")
	says := strings.Split(commit.MergeVary(own, nil), ", ")
	for name := range strings.SplitSeq(commit.MergeVary(own, h["Vary"]), ", ") {
		switch {
		case name == "":
		case name == "*" || !syntax.IsToken(name):
			return nil, reason("vary " + name)
		case slices.Contains(says, name) || !slices.Contains(outer, name):
			names = append(names, http.CanonicalHeaderKey(name))
		}
	}
	return names, ""
}

// ownVary returns the lines of Vary in h that outer middlewares have not set.
func ownVary(before, h http.Header) []string {
	outer, lines := before["Vary"], h["Vary"]
	n := len(outer)
	added := len(lines) > n && slices.Equal(outer, lines[:n])
	if added || untouched(outer, lines) {
		lines = lines[n:]
	}
	return slices.Clone(lines)
}

// normal returns the values of a request header by which responses are selected, in one form
// for all spellings with the same meaning (RFC 9111, section 4.1): it joins lines, and
// removes differences in case and blanks if the syntax of the header ignores them.
func normal(name string, values []string) []string {
	if len(values) == 0 {
		return nil
	}
	joined := strings.Join(values, ", ")
	switch name {
	case "Accept-Language", "Accept-Encoding", "Accept-Charset":
		joined = strings.ToLower(joined)
		fallthrough
	case "Accept":
		if strings.Contains(joined, `"`) {
			break
		}
		members := strings.Split(joined, ",")
		for i, m := range members {
			members[i] = syntax.TrimOWS(m)
		}
		joined = strings.Join(members, ",")
	}
	return []string{joined}
}
