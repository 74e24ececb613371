// Package answer is what an error says to the client of a server: RFC 9457
// problem details, without the server. It is what packages need whose errors may
// reach HTTP, also in programs that serve nothing.
package answer

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
	// Header holds what the answer's headers have beside those of the body, such
	// as Retry-After. Vary is added to the response's own, everything else
	// replaces it. With a Location, Status may be that of a redirect, which has
	// no body.
	Header map[string][]string `json:"-"`
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
	// StatusCode is the HTTP status, 400 to 599; or 300 to 399 with a Location in
	// the Problem's Header.
	StatusCode() int
	// Problem is the body of the answer. Its Status may be zero: then it is
	// that of StatusCode.
	Problem() Details
}

// RefusalError is a request that was not obeyed.
type RefusalError struct {
	Who    string // package and function
	Status int
	Detail string // for the client
	Cause  error  // not for the client; nil: there is none beside Detail
	Header map[string][]string
}

// Error implements error.
func (r *RefusalError) Error() string {
	if r.Cause != nil {
		return r.Who + ": " + r.Cause.Error()
	}
	return r.Who + ": " + r.Detail
}

// Unwrap returns the cause.
func (r *RefusalError) Unwrap() error { return r.Cause }

// StatusCode implements [Error].
func (r *RefusalError) StatusCode() int { return r.Status }

// Problem implements [Error].
func (r *RefusalError) Problem() Details { return Details{Detail: r.Detail, Header: r.Header} }
