package queryparams

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// rules are what a field's tags demand of a value, besides its type.
type rules struct {
	min, max       reflect.Value // invalid: none
	enum           []reflect.Value
	enumText       []string
	minLen, maxLen int // in characters; -1: none
	pattern        *regexp.Regexp
	any            bool // there is one of the above
}

// newRules takes the tags that constrain a scalar of type t.
func newRules(t reflect.Type, c codec, tags *tagSet) rules {
	r := rules{minLen: -1, maxLen: -1}
	bound := func(name, text string) reflect.Value { // not valid if the tag is not
		v := reflect.New(t).Elem()
		if code, err := c.parse(v, text); code != codeFine {
			tags.fail("%s:%q: %w", name, text, cause(code, err))
			return reflect.Value{}
		}
		if v.CanFloat() && v.Float() != v.Float() && name != "enum" {
			tags.fail("%s:%q is not a bound", name, text)
			return reflect.Value{}
		}
		return v
	}
	_, sorted := c.(ordered)
	_, isText := c.(stringCodec)
	if sorted && !isText {
		if text, ok := tags.lookup("min"); ok {
			r.min = bound("min", text)
		}
		if text, ok := tags.lookup("max"); ok {
			r.max = bound("max", text)
		}
		if r.min.IsValid() && r.max.IsValid() && c.(ordered).compare(r.min, r.max) > 0 {
			tags.fail("min is more than max")
		}
	}
	if isText {
		r.minLen, r.maxLen = tags.count("minlen"), tags.count("maxlen")
		r.pattern = tags.expression()
	}
	if text, ok := tags.lookup("enum"); ok {
		for option := range strings.SplitSeq(text, "|") {
			v := bound("enum", option)
			if !v.IsValid() {
				continue
			}
			canonical, err := c.appendText(nil, v)
			if err != nil {
				tags.fail("enum:%q: %w", option, err)
				continue
			}
			r.enum, r.enumText = append(r.enum, v), append(r.enumText, string(canonical))
		}
	}
	for i, v := range r.enum {
		others := r
		others.enum = nil
		if code := others.check(c, v); code != codeFine {
			tags.fail("enum:%q %s", r.enumText[i], details[code])
		}
	}
	r.any = r.min.IsValid() || r.max.IsValid() || r.enum != nil || r.minLen >= 0 || r.maxLen >= 0 || r.pattern != nil
	return r
}

func cause(code Code, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("the value %s", details[code])
}

// check finds the first rule that v breaks.
func (r *rules) check(c codec, v reflect.Value) Code {
	if r.enum != nil && !r.listed(c, v) {
		return CodeEnum
	}
	if r.min.IsValid() && c.(ordered).compare(v, r.min) < 0 || r.max.IsValid() && c.(ordered).compare(v, r.max) > 0 {
		return CodeRange
	}
	if r.minLen >= 0 || r.maxLen >= 0 {
		switch n := utf8.RuneCountInString(v.String()); {
		case n < r.minLen:
			return CodeTooShort
		case r.maxLen >= 0 && n > r.maxLen:
			return CodeTooLong
		}
	}
	if r.pattern != nil && !r.pattern.MatchString(v.String()) {
		return CodePattern
	}
	return codeFine
}

func (r *rules) listed(c codec, v reflect.Value) bool {
	if o, ok := c.(ordered); ok {
		for _, e := range r.enum {
			if o.compare(v, e) == 0 {
				return true
			}
		}
		return false
	}
	text, err := c.appendText(nil, v)
	if err != nil {
		return false
	}
	return slices.Contains(r.enumText, string(text))
}

// expected says in words what codec and rules allow; full adds the limits of
// the Go type, for values beyond them.
func (r *rules) expected(c codec, full bool) string {
	if r.enumText != nil {
		return "one of " + strings.Join(r.enumText, ", ")
	}
	var b strings.Builder
	b.WriteString(c.expected())
	lo, hi := r.text(c, r.min), r.text(c, r.max)
	_, isFloat := c.(floatCodec) // its limits would be no help to read
	if l, ok := c.(interface{ limits() (lo, hi string) }); ok && full {
		least, most := l.limits()
		if lo == "" {
			lo = least
		}
		if hi == "" {
			hi = most
		}
	}
	switch {
	case lo != "" && hi != "":
		b.WriteString(" from " + lo + " to " + hi)
	case lo != "":
		b.WriteString(" from " + lo + " on")
	case hi != "":
		b.WriteString(" up to " + hi)
	}
	if isFloat && full && (lo == "" || hi == "") {
		b.WriteString(", closer to zero")
	}
	switch {
	case r.minLen >= 0 && r.maxLen >= 0:
		fmt.Fprintf(&b, " of %d to %d characters", r.minLen, r.maxLen)
	case r.minLen >= 0:
		fmt.Fprintf(&b, " of at least %d characters", r.minLen)
	case r.maxLen >= 0:
		fmt.Fprintf(&b, " of at most %d characters", r.maxLen)
	}
	if r.pattern != nil {
		b.WriteString(" of the form " + r.source())
	}
	return b.String()
}

// source is the pattern as it was written.
func (r *rules) source() string {
	return strings.TrimSuffix(strings.TrimPrefix(r.pattern.String(), `\A(?:`), `)\z`)
}

func (r *rules) text(c codec, v reflect.Value) string {
	if !v.IsValid() {
		return ""
	}
	text, err := c.appendText(nil, v)
	if err != nil { // a bound that came from text
		return ""
	}
	return string(text)
}
