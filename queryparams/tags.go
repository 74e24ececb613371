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

// tagSet is the tags of one field. What nobody has taken in the end does not
// apply to the field's type, and is a mistake.
type tagSet struct {
	values map[string]string
	allow  []string
	errs   []error
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
	return s
}

func (s *tagSet) lookup(name string) (string, bool) {
	v, ok := s.values[name]
	delete(s.values, name)
	return v, ok
}

func (s *tagSet) take(name string) string {
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
	if i < 0 {
		s.fail("%s:%q: use %s", name, v, strings.Join(words, " or "))
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
