package queryparams

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tagNames are the tags that a field of a schema may have besides query.
var tagNames = []string{
	"default", "required", "min", "max", "minlen", "maxlen", "minitems", "maxitems", "enum", "pattern",
	"layout", "loc", "unit", "style", "invalid", "duplicate", "empty", "bool", "allow", "secret", "doc",
}

// tagSet is the tags of one field. A tag that is left over in the end does not
// apply to the field's type, and is a mistake.
type tagSet struct {
	values    map[string]string
	allow     []string
	validator string // a tag of another library that checks values
	errs      []error
}

func newTagSet(f reflect.StructField) *tagSet {
	s := &tagSet{values: map[string]string{}}
	for _, name := range tagNames {
		if v, ok := f.Tag.Lookup(name); ok {
			s.values[name] = v
		}
	}
	if v, ok := s.lookup("allow"); ok {
		s.allow = strings.Split(v, ",")
	}
	keys, complete := tagKeys(f.Tag)
	if !complete {
		s.fail("the tags %q are malformed: write name:\"value\", with a space between two", string(f.Tag))
	}
	for i, key := range keys {
		switch {
		case slices.Contains(keys[:i], key):
			s.fail("the tag %s is there twice", key)
		case slices.Contains(validators, key):
			s.validator = key + ":" + strconv.Quote(f.Tag.Get(key))
		default:
			if name := misspelt(key, tagNames); name != "" {
				s.fail("there is no tag %s: did you mean %s?", key, name)
			}
		}
	}
	return s
}

func (s *tagSet) lookup(name string) (string, bool) {
	v, ok := s.values[name]
	delete(s.values, name)
	return v, ok
}

func (s *tagSet) pop(name string) string {
	v, _ := s.lookup(name)
	return v
}

// allowed takes one word of the allow tag.
func (s *tagSet) allowed(what string) bool {
	i := slices.Index(s.allow, what)
	if i >= 0 {
		s.allow = slices.Delete(s.allow, i, i+1)
	}
	return i >= 0
}

// flag takes a tag that is true or false.
func (s *tagSet) flag(name string) bool {
	v, ok := s.lookup(name)
	if !ok {
		return false
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		s.fail("%s:%q: use true or false", name, v)
	}
	return b
}

// count takes a tag that is a number of things; -1 if it is not there.
func (s *tagSet) count(name string) int {
	v, ok := s.lookup(name)
	if !ok {
		return -1
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		s.fail("%s:%q: use a whole number from 0 on", name, v)
		return -1
	}
	return n
}

// choice takes a tag that is one of some words; the first is the default.
func (s *tagSet) choice(name string, words ...string) int {
	v, ok := s.lookup(name)
	if !ok {
		return 0
	}
	i := slices.Index(words, v)
	if i < 0 || v == "" { // the empty word is the default, for which there is no tag
		s.fail("%s:%q: use %s", name, v, strings.TrimPrefix(strings.Join(words, " or "), " or "))
		return 0
	}
	return i
}

// expression takes the pattern tag.
func (s *tagSet) expression() *regexp.Regexp {
	v, ok := s.lookup("pattern")
	if !ok {
		return nil
	}
	re, err := regexp.Compile(`\A(?:` + v + `)\z`)
	if err != nil {
		s.fail("pattern: %w", err)
	}
	return re
}

func (s *tagSet) fail(format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf(format, args...))
}

// finish reports all problems of the tags.
func (s *tagSet) finish() error {
	for _, name := range tagNames {
		if v, ok := s.values[name]; ok {
			s.fail("%s:%q does not apply to this type", name, v)
		}
	}
	for _, what := range s.allow {
		s.fail("allow:%q does not apply to this type", what)
	}
	return errors.Join(s.errs...)
}

// bounds checks that the tags of lengths and numbers leave something to send.
func (c *compiler) bounds(l *leaf, tags *tagSet) {
	lim := &c.cfg.Limits
	if l.maximum == 0 {
		tags.fail("maxitems is 0, so that no element could be sent: leave the parameter out")
	}
	if l.minimum > l.maximum {
		tags.fail("minitems is %d, more than maxitems or Limits.MaxElements, %d", l.minimum, l.maximum)
	}
	if l.sep == 0 && l.minimum > lim.MaxPairs {
		tags.fail("minitems is %d, more than Limits.MaxPairs, %d", l.minimum, lim.MaxPairs)
	}
	r := &l.rules
	if r.maxLen >= 0 && r.minLen > r.maxLen {
		tags.fail("minlen is %d, more than maxlen, %d", r.minLen, r.maxLen)
	}
	if r.maxLen == 0 {
		tags.fail("maxlen is 0, so that no text could be sent: leave the parameter out")
	}
	if n := max(r.minLen, r.maxLen); n > lim.MaxValueLen {
		tags.fail("minlen or maxlen is %d, more than Limits.MaxValueLen, %d", n, lim.MaxValueLen)
	}
	if l.required && l.correct {
		tags.fail(`invalid:"default": a required parameter has no default`)
	}
	if times, ok := l.codec.(timeCodec); ok && l.sep == ' ' && !slices.ContainsFunc(times.layouts, func(s string) bool { return !strings.Contains(s, " ") }) {
		tags.fail("style: the layout has spaces, which separate the items")
	}
}

// tagged takes the tags that are not the codec's own.
func (c *compiler) tagged(l *leaf, tags *tagSet) {
	_, isText := l.codec.(stringCodec)
	l.isText, l.foreign = isText, isForeign(l.codec)
	many := l.shape == shapeList || l.shape == shapeMap || l.shape == shapeStructs
	l.required = tags.flag("required")
	l.secret = tags.flag("secret")
	l.doc = tags.pop("doc")
	l.correct = tags.choice("invalid", "reject", "default") == 1
	if _, ok := tags.values["duplicate"]; ok && !many {
		l.duplicate = repetition(tags.choice("duplicate", "reject", "first", "last"))
	}
	l.minimum, l.maximum, l.pairs = 0, c.cfg.Limits.MaxElements, c.cfg.Limits.MaxElements
	if many {
		l.minimum = max(0, tags.count("minitems"))
		if n := tags.count("maxitems"); n >= 0 {
			l.maximum = n
		}
	}
	if l.sub != nil {
		l.want = l.name + "[0][...]=..., without a gap in the indices"
		l.wantInRange = l.want
		l.rules = rules{minLen: -1, maxLen: -1}
		c.bounds(l, tags)
		for i := range l.sub.leaves {
			l.sub.leaves[i].secret = l.sub.leaves[i].secret || l.secret
		}
		return
	}
	l.rules = newRules(l.elem, l.codec, tags)
	l.control = tags.allowed("control")
	if l.shape == shapeList {
		if style, ok := tags.lookup("style"); ok {
			sep, err := separator(style)
			if err != nil {
				tags.errs = append(tags.errs, err)
				tags.pop("default") // how to split it is not known
			}
			l.sep = sep
			l.splitsEscaped = sep != 0 && l.neverHas(sep)
		}
	}
	if l.shape == shapeMap {
		tags.choice("style", "deepObject")
	}
	if !many {
		l.emptyMissing = l.shape != shapeOpt && (!isText || l.rules.enum != nil && !slices.Contains(l.rules.enumText, ""))
		if l.shape == shapeScalar || l.shape == shapePointer {
			switch tags.choice("empty", "", "missing", "reject") {
			case 1:
				l.emptyMissing = true
			case 2:
				l.emptyMissing, l.emptyBad = false, true
			}
		}
	}
	if text, ok := tags.values["default"]; ok && (l.shape == shapeScalar || l.shape == shapeList) {
		tags.pop("default")
		l.hasDefault, l.def = true, []string{text}
		if l.shape == shapeList {
			sep := ","
			if l.sep != 0 {
				sep = string(rune(l.sep))
			}
			l.def = strings.Split(text, sep)
		}
		if l.required {
			tags.fail("a required parameter has no use for a default")
		}
	}
	c.bounds(l, tags)
	l.want, l.wantInRange = l.rules.expected(l.codec, false), l.rules.expected(l.codec, true)
}

// listStyles are the styles of lists that have a name (OpenAPI's), by what
// separates the items; 0 is a pair for each.
var listStyles = []struct {
	sep   byte
	names []string
}{
	{0, []string{"form", "form,explode=true"}},
	{',', []string{"form,explode=false"}},
	{' ', []string{"spaceDelimited"}},
	{'|', []string{"pipeDelimited"}},
}

// separator reads a style tag of a list.
func separator(style string) (byte, error) {
	for _, s := range listStyles {
		if slices.Contains(s.names, style) {
			return s.sep, nil
		}
	}
	if sep, ok := strings.CutPrefix(style, "sep="); ok && len(sep) == 1 && plain[sep[0]] && strings.ContainsAny(sep, ",:/?@!$()*-._~") {
		return sep[0], nil
	}
	return 0, fmt.Errorf(`style:%q: use form, form,explode=false, spaceDelimited, pipeDelimited, or sep=X with one of , : / ? @ ! $ ( ) * - . _ ~`, style)
}

// styleOf is the style tag of a list whose items sep separates.
func styleOf(sep byte) string {
	for _, s := range listStyles {
		if s.sep == sep {
			return s.names[0]
		}
	}
	return "sep=" + string(rune(sep))
}
