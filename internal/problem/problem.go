// Package problem renders the toolkit's errors as RFC 9457 problem details:
// JSON, or a small HTML page for clients that prefer HTML.
package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// Details is the body of an RFC 9457 problem response.
type Details struct {
	// Type is a URI that identifies the kind of problem; empty means
	// "about:blank", whose meaning is that of the status alone.
	Type string `json:"type,omitempty"`
	// Title is a short summary of the kind of problem; empty means the
	// status's text.
	Title string `json:"title"`
	// Status is the HTTP status code of the answer.
	Status int `json:"status"`
	// Detail says what went wrong this time and what to do instead. It is
	// shown to the client: it must not hold secrets.
	Detail string `json:"detail,omitempty"`
	// Errors lists the single faults, in a stable order.
	Errors []Item `json:"errors,omitempty"`
}

// Item is one fault among several, with the member names of the HTTP problem
// types registry (parameter, pointer, header, code, detail).
type Item struct {
	// Parameter is the query parameter at fault.
	Parameter string `json:"parameter,omitempty"`
	// Path is the place inside the parameter's value, such as ids[1].
	Path string `json:"path,omitempty"`
	// Header is the request header at fault.
	Header string `json:"header,omitempty"`
	// Code is a stable, machine-readable name of the fault.
	Code string `json:"code"`
	// Detail is the fault in words.
	Detail string `json:"detail"`
	// Value is the start of what was sent, made safe to show; nil when it
	// must not be echoed.
	Value *string `json:"value,omitempty"`
	// Expected says what is allowed.
	Expected string `json:"expected,omitempty"`
	// Suggestion is the allowed value that is nearest to the one sent.
	Suggestion string `json:"suggestion,omitempty"`
}

// Error is an error that knows its HTTP answer. Every error of the toolkit
// that may reach HTTP implements it; nothing else is rendered by the toolkit,
// since other libraries' errors use StatusCode for other things.
type Error interface {
	error
	// StatusCode is the HTTP status, 400 to 599.
	StatusCode() int
	// Problem is the body of the answer. Its Status may be zero: then it is
	// that of StatusCode.
	Problem() Details
}

// From finds the first [Error] in err's tree.
func From(err error) (Error, bool) {
	return errors.AsType[Error](err)
}

// DetailsOf returns the complete details of e: status, title and type filled in.
func DetailsOf(e Error) Details {
	d := e.Problem()
	d.Status = e.StatusCode()
	if d.Status < 400 || d.Status > 599 {
		d.Status = http.StatusInternalServerError
	}
	if d.Title == "" {
		d.Title = http.StatusText(d.Status)
	}
	return d
}

// body renders d for the client whose Accept header is given.
func (d *Details) body(accept []string) (contentType string, body []byte) {
	if prefersHTML(accept) {
		return "text/html; charset=utf-8", d.html()
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
func (d *Details) Write(w http.ResponseWriter, r *http.Request) error {
	ct, body := d.body(r.Header["Accept"])
	h := w.Header()
	for _, name := range representation {
		h.Del(name)
	}
	h.Set("Content-Type", ct)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(d.Status)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(body)
	return err
}
