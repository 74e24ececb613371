package respcache

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reecho-go/reecho/internal/commit"
)

// maxRanges is how many ranges of a body are sent. A request for more gets the whole body.
const maxRanges = 16

// replay answers r with p, which is fresh until the given time: with the whole response, a
// part of it, or a 304.
func (p *page) replay(w http.ResponseWriter, r *http.Request, until time.Time) error {
	left := time.Until(until)
	return p.replayAs(w, r, p.hitStatus(left), until.Sub(p.made)-left)
}

// replayAs is replay with the given Cache-Status and age.
func (p *page) replayAs(w http.ResponseWriter, r *http.Request, status string, age time.Duration) error {
	h := w.Header()
	codedOutside := len(r.Header["Range"]) > 0 && codedOutside(h)
	room := p.apply(h, 3)
	h["Age"] = room.of(strconv.FormatInt(int64(age/time.Second), 10))
	if before := h["Cache-Status"]; before == nil {
		h["Cache-Status"] = room.of(status)
	} else {
		h["Cache-Status"] = append(slices.Clip(before), status)
	}
	if p.shared && p.unchanged(r) {
		delete(h, "Content-Type")
		delete(h, "Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if p.status == http.StatusOK && conditional(r.Header) {
		if ranges := r.Header["Range"]; codedOutside || len(ranges) > 0 && strings.Count(ranges[0], ",") >= maxRanges {
			r = r.Clone(r.Context())
			delete(r.Header, "Range")
		}
		http.ServeContent(w, r, "", p.modified, bytes.NewReader(p.body))
		return nil
	}
	if hasBody(p.status) {
		h["Content-Length"] = room.of(p.length)
	}
	w.WriteHeader(p.status)
	if r.Method == http.MethodHead || len(p.body) == 0 {
		return nil
	}
	_, err := w.Write(p.body)
	return err
}

// codedOutside reports whether the headers h say that an outer middleware compresses the
// body. In that case a range of the stored body is not a range of the body that the client
// gets.
func codedOutside(h http.Header) bool {
	return len(h["Content-Encoding"]) > 0 || strings.Contains(strings.ToLower(commit.MergeVary(h["Vary"], nil)), "accept-encoding")
}

// hasBody reports whether a response of that status has a length (RFC 9110, section
// 8.6).
func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// conditional reports whether a request asks for a part of a response, or asks under a
// condition.
func conditional(h http.Header) bool {
	return len(h["If-None-Match"]) > 0 || len(h["Range"]) > 0 || len(h["If-Modified-Since"]) > 0 ||
		len(h["If-Match"]) > 0 || len(h["If-Unmodified-Since"]) > 0
}
