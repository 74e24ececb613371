package respcache

import (
	"net/http"
	"strings"

	"github.com/reecho-go/reecho/internal/syntax"
)

// Limits of a list of cache groups: those that every cache must support (RFC 9875,
// section 2).
const (
	maxGroups = 32
	longGroup = 32
)

// groupTags returns the tags of the groups that a header of a response names. The tags
// contain the origin of r, because groups of two origins are separate.
func groupTags(r *http.Request, lines []string) []string {
	names := listOfStrings(lines)
	tags := make([]string, 0, len(names))
	for _, name := range names {
		tags = append(tags, "group:"+scheme(r)+"://"+strings.ToLower(r.Host)+" "+name)
	}
	return tags
}

// listOfStrings reads a list of strings of structured fields (RFC 9651, section 3.1) and
// ignores parameters. A list that is malformed, or has other members, counts as empty.
func listOfStrings(lines []string) []string {
	rest := syntax.TrimOWS(strings.Join(lines, ","))
	var names []string
	for rest != "" {
		text, kind, after, ok := syntax.CutBare(rest)
		if !ok || kind != syntax.String {
			return nil
		}
		if after, ok = syntax.CutParams(after, nil); !ok {
			return nil
		}
		if len(names) < maxGroups && len(text) <= longGroup {
			names = append(names, text)
		}
		var more bool
		if rest, more, ok = syntax.NextMember(after); !ok {
			return nil
		}
		if !more {
			return names
		}
	}
	return nil
}
