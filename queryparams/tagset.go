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

// validators are tags of other libraries by which values are checked. They are
// not read here, and NewSchema says so.
var validators = []string{"validate", "binding", "valid"}

// neighbours are tags of other tools that are spelled nearly like ours.
var neighbours = []string{"enums", "log", "map"}

// tagKeys lists the names in a struct tag, and reports whether all of it could
// be read (see reflect.StructTag).
func tagKeys(tag reflect.StructTag) (keys []string, complete bool) {
	rest := strings.TrimLeft(string(tag), " ")
	for rest != "" {
		key, after, ok := strings.Cut(rest, ":")
		if !ok || key == "" || strings.ContainsAny(key, " \"\t\n") {
			return keys, false
		}
		quoted, err := strconv.QuotedPrefix(after)
		if err != nil || quoted[0] != '"' {
			return keys, false
		}
		keys = append(keys, key)
		rest = strings.TrimLeft(after[len(quoted):], " ")
	}
	return keys, true
}

// misspelt is the name that key was meant to be; empty if it is one of them,
// or something else.
func misspelt(key string, names []string) string {
	if slices.Contains(names, key) || slices.Contains(neighbours, key) || key == "query" || key == "" {
		return ""
	}
	plainKey := strings.NewReplacer("_", "", "-", "", ",", "", ";", "").Replace(strings.ToLower(key))
	best, at := "", maxEdits+1
	for _, name := range names {
		most := maxEdits
		if len(name) <= len("enum") {
			most = 1
		}
		if plainKey == "" || plainKey[0] != name[0] || max(len(plainKey)-len(name), len(name)-len(plainKey)) > maxEdits {
			continue
		}
		if d := edits(plainKey, name); d <= most && d < at {
			best, at = name, d
		}
	}
	return best
}

// misspeltQuery finds a query tag that is not read since it is misspelt or
// malformed.
func misspeltQuery(tag reflect.StructTag) error {
	keys, complete := tagKeys(tag)
	for _, key := range keys {
		if misspelt(key, []string{"query"}) != "" {
			return fmt.Errorf("there is no tag %s: did you mean query?", key)
		}
	}
	if !complete && strings.Contains(strings.ToLower(string(tag)), "query") {
		return fmt.Errorf("the tags %q are malformed: write query:\"name\"", string(tag))
	}
	return nil
}
