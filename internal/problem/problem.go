// Package problem renders the toolkit's errors as RFC 9457 problem details:
// JSON, or a small HTML page for clients that prefer HTML.
package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/reecho-go/reecho/internal/answer"
)

type (
	// Details is [answer.Details].
	Details = answer.Details
	// Item is [answer.Item].
	Item = answer.Item
	// Error is [answer.Error].
	Error = answer.Error
	// RefusalError is [answer.RefusalError].
	RefusalError = answer.RefusalError
)

// From finds the first [Error] in err's tree.
func From(err error) (Error, bool) {
	return errors.AsType[Error](err)
}

// DetailsOf returns the complete details of e: status, title and type filled in.
func DetailsOf(e Error) Details {
	d := e.Problem()
	d.Header = canonical(d.Header)
	d.Status = e.StatusCode()
	if (d.Status < 400 || d.Status > 599) && !redirects(&d) {
		d.Status = http.StatusInternalServerError
	}
	if d.Title == "" {
		d.Title = http.StatusText(d.Status)
	}
	return d
}

// canonical returns h with the names as net/http spells them, in memory of its own:
// what is done to the response must not reach an error that many requests share.
func canonical(h map[string][]string) map[string][]string {
	if len(h) == 0 {
		return nil
	}
	own := make(map[string][]string, len(h))
	for name, values := range h {
		name = http.CanonicalHeaderKey(name)
		own[name] = slices.Concat(own[name], values)
	}
	return own
}

// redirects reports whether d sends the client elsewhere.
func redirects(d *Details) bool {
	return d.Status >= 300 && d.Status <= 399 && len(d.Header["Location"]) == 1
}

// body renders d for the client whose Accept header is given.
func body(d *Details, accept []string) (contentType string, body []byte) {
	if prefersHTML(accept) {
		return "text/html; charset=utf-8", html(d)
	}
	b, err := json.Marshal(d)
	if err != nil { // strings and ints only: cannot happen
		b = []byte(`{"title":"Internal Server Error","status":500}`)
	}
	return "application/problem+json", b
}

// representation lists the headers that describe a body other than ours.
var representation = [...]string{
	"Content-Encoding", "Content-Length", "Content-Range", "Content-Disposition", "Content-Language",
	"Accept-Ranges", "Etag", "Last-Modified", "Expires", "Trailer", "Location",
}

// Write sends d as the whole response. Headers that describe another body
// are removed, those already set for the client (cookies, Vary) stay. It
// reads only the method and the Accept header of r.
func Write(w http.ResponseWriter, r *http.Request, d Details) error {
	h := w.Header()
	for _, name := range representation {
		h.Del(name)
	}
	for name, values := range d.Header {
		if name == "Vary" {
			values = slices.Concat(h[name], values)
		}
		h[name] = values
	}
	if redirects(&d) {
		w.WriteHeader(d.Status)
		return nil
	}
	ct, content := body(&d, r.Header["Accept"])
	h.Set("Content-Type", ct)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(d.Status)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(content)
	return err
}
