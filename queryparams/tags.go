package queryparams

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/internal/linewise"
)

type compiler struct {
	*plan
	errs    []error
	foreign []string // parameters with tags of validators, and these tags
	calls   bool     // the schema's type has a Validate method, which may call others
}

func newCompiler(t reflect.Type, cfg SchemaConfig) *compiler {
	return &compiler{plan: &plan{cfg: cfg, typ: t, byName: map[string]target{}}}
}

func (c *compiler) fail(path string, err error) {
	c.errs = append(c.errs, linewise.Prefix(path+": ", err))
}

// scalar finds the codec of t, which is not a pointer. A nil codec without an
// error means that t is not a scalar.
func scalar(t reflect.Type, tags *tagSet, codecs []Codec) (codec, error) {
	for _, k := range codecs {
		if k.typ == t {
			return k.c, nil
		}
	}
	switch t {
	case timeType:
		return newTimeCodec(tags)
	case durationType:
		return newDurationCodec(tags)
	case urlType:
		return urlCodec{}, nil
	}
	p := reflect.PointerTo(t)
	switch reads, writes := p.Implements(unmarshalerType), p.Implements(marshalerType); {
	case reads && writes:
		return newTextCodec(t)
	case reads:
		return nil, fmt.Errorf("%s has UnmarshalText but no MarshalText: links could not be written; add it, or a Codec", typeName(t))
	}
	switch t.Kind() {
	case reflect.Bool:
		return boolCodec{strict: tags.choice("bool", "", "strict") == 1}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intCodec{t.Bits()}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return uintCodec{t.Bits()}, nil
	case reflect.Float32, reflect.Float64:
		return floatCodec{t.Bits(), tags.allowed("nan")}, nil
	case reflect.String:
		return stringCodec{}, nil
	}
	return nil, nil
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
