package queryparams

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/reecho-go/reecho/internal/linewise"
	"github.com/reecho-go/reecho/middleware"
)

// Code is the stable, machine-readable name of a fault. Translate messages by it.
type Code string

// The codes.
const (
	CodeMissing     Code = "missing"      // required, and not there
	CodeType        Code = "type"         // not readable as the parameter's type
	CodeRange       Code = "out_of_range" // beyond min, max or the Go type
	CodeTooShort    Code = "too_short"    // fewer characters than minlen
	CodeTooLong     Code = "too_long"     // more characters than maxlen
	CodeTooFew      Code = "too_few"      // fewer elements than minitems
	CodeTooMany     Code = "too_many"     // more elements than maxitems or Limits.MaxElements
	CodeEnum        Code = "enum"         // not one of the allowed values
	CodePattern     Code = "pattern"      // does not match the pattern
	CodeInvalid     Code = "invalid"      // refused by the type's Validate method
	CodeDuplicate   Code = "duplicate"    // a single value given more than once
	CodeUnknown     Code = "unknown"      // no such parameter
	CodeBadKey      Code = "bad_key"      // a map key that is empty, has brackets or is not of its type
	CodeBadIndex    Code = "bad_index"    // the index of a list's element that is not the next one
	CodeBadEncoding Code = "bad_encoding" // a broken percent-escape
	CodeBadUTF8     Code = "bad_utf8"     // not UTF-8
	CodeControlChar Code = "control_char" // a control character
	CodeLimitBytes  Code = "limit_bytes"  // Limits.MaxBytes; answered with 414
	CodeLimitPairs  Code = "limit_pairs"  // Limits.MaxPairs
	CodeLimitKey    Code = "limit_key"    // Limits.MaxKeyLen
	CodeLimitValue  Code = "limit_value"  // Limits.MaxValueLen
	CodeCannotCarry Code = "cannot_carry" // only from Encode: the URL could not be read back as the value
	CodeReserved    Code = "reserved"     // only from Params: a key that the app may not write
	CodeNotAText    Code = "not_a_text"   // only from Params: a value that has no text form
)

// codeFine means that there is no fault.
const codeFine Code = ""

// details are the English sentences of the codes, to follow "name: ".
var details = map[Code]string{
	CodeMissing:     "is required",
	CodeType:        "cannot be read",
	CodeRange:       "is out of range",
	CodeTooShort:    "is too short",
	CodeTooLong:     "is too long",
	CodeTooFew:      "has too few values",
	CodeTooMany:     "has too many values",
	CodeEnum:        "is not one of the allowed values",
	CodePattern:     "does not have the required form",
	CodeInvalid:     "is not valid",
	CodeDuplicate:   "is given more than once",
	CodeUnknown:     "is not a known parameter",
	CodeBadKey:      "has a key that cannot be read",
	CodeBadIndex:    "has an index that skips elements",
	CodeBadEncoding: "has a broken percent-escape",
	CodeBadUTF8:     "is not valid UTF-8",
	CodeControlChar: "has a control character",
	CodeLimitBytes:  "the query is too long",
	CodeLimitPairs:  "the query has too many parameters",
	CodeLimitKey:    "the query has a name that is too long",
	CodeLimitValue:  "is too long",
	CodeCannotCarry: "cannot be carried by the URL",
	CodeReserved:    "is reserved and cannot be written",
	CodeNotAText:    "has no text form",
}

// FieldError is one fault of one parameter.
type FieldError struct {
	// Parameter is the parameter's name as in the URL; empty for the query
	// as a whole.
	Parameter string
	// Path is the place inside the parameter, such as ids[1]; otherwise the
	// same as Parameter.
	Path string
	// Code names the fault.
	Code Code
	// Detail is the fault in English.
	Detail string
	// Value is the start of what was sent, at most 64 characters and made
	// safe to show; nil when there is nothing or when it is secret.
	Value *string
	// Expected says what is allowed; may be empty.
	Expected string
	// Suggestion is the allowed value, or for an unknown parameter the name,
	// that is nearest to what was sent; empty if none is near.
	Suggestion string
	// Offset is the place of the fault in the raw query, in bytes; -1 when
	// it has none.
	Offset int
	// Cause is what the type's own code returned, nil if nothing. It is for
	// logs: clients are not shown it.
	Cause error
}

// Error implements error. It shows Value, but never Cause.
func (e *FieldError) Error() string {
	var b strings.Builder
	if path := e.Path; path != "" {
		b.WriteString(path + ": ")
	} else if e.Parameter != "" {
		b.WriteString(e.Parameter + ": ")
	}
	b.WriteString(e.Detail)
	if e.Value != nil {
		b.WriteString(" (sent " + strconv.Quote(*e.Value) + ")")
	}
	if e.Expected != "" {
		b.WriteString(", expected " + e.Expected)
	}
	if e.Suggestion != "" {
		b.WriteString(", did you mean " + strconv.Quote(e.Suggestion) + "?")
	}
	return b.String()
}

// Unwrap returns Cause.
func (e *FieldError) Unwrap() error { return e.Cause }

// Errors is everything that is wrong with one query, in the schema's order,
// unknown parameters last. It is never empty.
type Errors struct {
	Fields []*FieldError
	// Omitted counts the faults beyond Limits.MaxErrors.
	Omitted int
}

// Error implements error.
func (e *Errors) Error() string {
	var b strings.Builder
	b.WriteString("queryparams: ")
	for i, f := range e.Fields {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.Error())
	}
	if e.Omitted > 0 {
		fmt.Fprintf(&b, "; and %d more", e.Omitted)
	}
	return b.String()
}

// Unwrap lists the faults for errors.Is and errors.As.
func (e *Errors) Unwrap() []error {
	errs := make([]error, len(e.Fields))
	for i, f := range e.Fields {
		errs[i] = f
	}
	return errs
}

// StatusCode is 414 for a query that is too long, 400 otherwise.
func (e *Errors) StatusCode() int {
	if len(e.Fields) == 1 && e.Fields[0].Code == CodeLimitBytes {
		return http.StatusRequestURITooLong
	}
	return http.StatusBadRequest
}

// Problem is the body of the answer (RFC 9457).
func (e *Errors) Problem() middleware.Problem {
	d := middleware.Problem{Title: "Invalid query parameters", Errors: make([]middleware.ProblemItem, len(e.Fields))}
	if e.Omitted > 0 {
		d.Detail = fmt.Sprintf("%d more faults are not listed.", e.Omitted)
	}
	for i, f := range e.Fields {
		d.Errors[i] = middleware.ProblemItem{
			Parameter: f.Parameter, Path: f.Path, Code: string(f.Code),
			Detail: f.Detail, Value: f.Value, Expected: f.Expected, Suggestion: f.Suggestion,
		}
		if d.Errors[i].Path == f.Parameter {
			d.Errors[i].Path = ""
		}
	}
	return d
}

// SchemaError says that a type cannot be a schema: its tags, defaults, names
// or types are wrong. It is a programming error, answered with 500.
type SchemaError struct {
	Type reflect.Type
	Err  error // all problems, joined
}

// Error implements error.
func (e *SchemaError) Error() string {
	return linewise.Prefix("queryparams: schema "+typeName(e.Type)+": ", e.Err).Error()
}

// typeName is the name of a type, for texts: an unnamed struct is not spelled out.
func typeName(t reflect.Type) string {
	if t == nil {
		return "nil"
	}
	if t.Name() != "" {
		return t.String()
	}
	switch t.Kind() {
	case reflect.Struct:
		return "struct{...}"
	case reflect.Pointer:
		return "*" + typeName(t.Elem())
	case reflect.Slice:
		return "[]" + typeName(t.Elem())
	case reflect.Array:
		return "[" + strconv.Itoa(t.Len()) + "]" + typeName(t.Elem())
	case reflect.Map:
		return "map[" + typeName(t.Key()) + "]" + typeName(t.Elem())
	}
	return t.String()
}

// Unwrap returns the problems.
func (e *SchemaError) Unwrap() error { return e.Err }

// EncodeError says that a value was not written to a URL, since the URL could
// not be read back as the value, or would be refused. It is a programming
// error, answered with 500.
type EncodeError struct {
	Fields []*FieldError
}

// Error implements error.
func (e *EncodeError) Error() string {
	return "queryparams: encode: " + strings.TrimPrefix((&Errors{Fields: e.Fields}).Error(), "queryparams: ")
}

// Unwrap lists the faults.
func (e *EncodeError) Unwrap() []error { return (&Errors{Fields: e.Fields}).Unwrap() }

// ErrNoPlugin says that [From] was called on a route that no [Plugin] serves.
var ErrNoPlugin = errors.New("queryparams: no queryparams plugin on this route: put a middleware with it in front of the route, such as echov4.Use(plugin)")

// How much of a value is echoed, and a length that surely has more than that,
// even of bytes that are all escaped.
const (
	safeValueRunes = 64
	safeValueBytes = (safeValueRunes + 1) * len("%F0%9F%92%A9")
)

// safeValue is the start of s without anything that could disturb a log, a
// terminal or a page: what is not printable becomes U+FFFD.
func safeValue(s string) *string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > safeValueRunes {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return new(b.String())
}

func limitFault(code Code, key, expected string, offset int) *FieldError {
	return &FieldError{Parameter: key, Path: key, Code: code, Detail: details[code], Expected: expected, Offset: offset}
}

// validator is a type with rules that tags cannot express.
type validator interface{ Validate() error }

var validatorType = reflect.TypeFor[validator]()

// hookErrors runs the Validate method of v, a *T.
func hookErrors(v any) *Errors {
	err := v.(validator).Validate()
	if err == nil {
		return nil
	}
	errs := new(Errors)
	flatten(err, errs)
	return errs
}

// flatten turns what a Validate method returned into faults.
func flatten(err error, to *Errors) {
	if f, ok := err.(*FieldError); ok && f != nil { //lint:ignore errorlint a wrapped one has words of its own to show
		c := *f
		if c.Code == codeFine {
			c.Code = CodeInvalid
		}
		if c.Detail == "" {
			c.Detail = details[CodeInvalid]
		}
		if c.Path == "" {
			c.Path = c.Parameter
		}
		to.Fields = append(to.Fields, &c)
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 0 {
		for _, e := range many.Unwrap() {
			flatten(e, to)
		}
		return
	}
	f := &FieldError{Code: CodeInvalid, Detail: err.Error(), Offset: -1, Cause: err}
	to.Fields = append(to.Fields, f)
}
