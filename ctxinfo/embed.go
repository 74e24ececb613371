package ctxinfo

import (
	"net/url"
	"strings"

	"github.com/reecho-go/reecho/internal/syntax"
)

func buildFrame(in *Info, f *facts) frame {
	param := in.plugin.cfg.EmbedParam
	if yes, ok := boolParam(in.url.RawQuery, param); ok {
		f.source = Source{Kind: sourceQuery, Name: param}
		return frame{yes, true}
	}
	if raw := in.value(f, fieldHXCurrentURL); raw != "" && len(raw) <= maxPageURL {
		_, query, _ := strings.Cut(raw, "?")
		query, _, _ = strings.Cut(query, "#")
		if yes, ok := boolParam(query, param); ok {
			f.source = Source{Kind: sourceHeader, Name: headerNames[fieldHXCurrentURL]}
			return frame{yes, true}
		}
	}
	if yes, ok := syntax.True(in.value(f, fieldEmbedded)); ok {
		f.source = Source{Kind: sourceHeader, Name: EmbeddedHeader}
		return frame{yes, true}
	}
	var fr frame
	switch syntax.Keyword(in.value(f, fieldFetchDest)) {
	case "iframe", "frame", "embed", "object", "fencedframe":
		fr = frame{true, true}
	case "document":
		fr = frame{false, true}
	}
	if fr.known {
		f.source = Source{Kind: sourceHeader, Name: headerNames[fieldFetchDest]}
	}
	return fr
}

// maxQuery bounds the query that is searched for the embed parameter.
const maxQuery = 2 << 10

// boolParam reads the first parameter of that name as true or false.
func boolParam(query, name string) (value, ok bool) {
	query = query[:min(len(query), maxQuery)]
	for pair := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(pair, "=")
		if k != name {
			if k, err := url.QueryUnescape(k); err != nil || k != name {
				continue
			}
		}
		return v == "true", v == "true" || v == "false"
	}
	return false, false
}

// IsEmbedded reports whether the page is shown in a frame of another page, and
// whether that is known at all. It looks, in this order, at the embed
// parameter of the URL and of HX-Current-URL, at [EmbeddedHeader], and at
// Sec-Fetch-Dest, which tells only of the navigation itself: what a page in a
// frame fetches later says "empty", so add the parameter to its links or the
// header to its requests.
func (in *Info) IsEmbedded() (yes, known bool) {
	fr := in.frame.see(in, buildFrame)
	return fr.yes, fr.known
}
