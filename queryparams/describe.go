package queryparams

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Parameter describes one parameter of a schema, for what is made from a
// schema at start-up: forms, documentation, the description of an API (package
// queryparams/openapi). It is the caller's own copy.
type Parameter struct {
	// Name is the parameter's name as in the URL. Of a field of a struct it is
	// the field's own name: price[min] is the field min of the parameter price.
	Name string
	// Description is the doc tag.
	Description string
	// Type is the JSON Schema type of a value: string, integer, number or
	// boolean; array for a list; object for a map or a struct.
	Type string
	// Format narrows Type, by the names of OpenAPI: int32, int64, float,
	// double, date, date-time, uri-reference. Empty if none of these fits.
	Format string
	// Expected says in words what the other members do not say, such as
	// "a duration such as 90s, 1h30m, 7d or PT5M from 1s on". Empty if they
	// say everything.
	Expected string
	// Style is how a list, a map or a struct is written, as in the style tag:
	// form, "form,explode=false", spaceDelimited, pipeDelimited, sep=X or
	// deepObject. Empty for a single value.
	Style string
	// Required says that the parameter must be there; of a field of a struct,
	// that it must be there whenever the struct is.
	Required bool
	// Clearable says that name= clears it: the parameter is an [Opt].
	Clearable bool
	// Default is the text that stands in for a missing parameter; of a list,
	// the texts of its items. Nil if there is no default.
	Default []string
	// Enum lists the allowed texts. Nil if there is no such list.
	Enum []string
	// Min and Max are the texts of the least and the greatest value, by a tag or,
	// where Format does not tell, by the Go type. Empty if there is no bound.
	Min, Max string
	// MinLen and MaxLen bound the characters of a text, or the elements of a
	// list or a map. 0 is no bound.
	MinLen, MaxLen int
	// Pattern is the regular expression (RE2) that a whole text must match.
	Pattern string
	// Items describes an element of a list or a map, without a name.
	Items *Parameter
	// Fields describes the fields of a struct, in order.
	Fields []Parameter
}

// Parameters describes the parameters of the schema, in the order of T's
// fields. Struct fields with the style dotted or form are parameters of their
// own. What a rest field collects is not described.
func (s *Schema[T]) Parameters() []Parameter { return s.plan.describe() }

func (p *plan) describe() []Parameter {
	var root Parameter
	for i := range p.leaves {
		l := &p.leaves[i]
		path := splitName(l.name)
		owner := &root
		for depth := range path[:len(path)-1] {
			owner = owner.structField(path[depth])
			owner.Required = owner.Required || p.requires(l, path, depth+1)
		}
		d := l.describe()
		d.Name, d.Required = path[len(path)-1], p.requires(l, path, len(path))
		owner.Fields = append(owner.Fields, d)
	}
	return root.Fields
}

// splitName splits a[b][c] into a, b and c, and the name [b][c] of a list's
// element into b and c. A name of another form is returned whole.
func splitName(name string) []string {
	root, rest, nested := strings.Cut(name, "[")
	inner, closed := strings.CutSuffix(rest, "]")
	if !nested || !closed {
		return []string{name}
	}
	path := strings.Split(inner, "][")
	if root != "" {
		path = slices.Insert(path, 0, root)
	}
	return path
}

// structField is the field of that name, a struct, which is added if it is new. A
// single value may have the same name.
func (d *Parameter) structField(name string) *Parameter {
	i := slices.IndexFunc(d.Fields, func(f Parameter) bool { return f.Name == name && f.Type == "object" && f.Items == nil })
	if i < 0 {
		i = len(d.Fields)
		d.Fields = append(d.Fields, Parameter{Name: name, Type: "object", Style: "deepObject"})
	}
	return &d.Fields[i]
}

// requires reports whether the first depth names of the path of the leaf l must
// be there, given that the names before are. A pointer on the way may be nil.
func (p *plan) requires(l *leaf, path []string, depth int) bool {
	if !l.required || l.group < 0 {
		return l.required
	}
	pointer := splitName(p.groups[l.group].name) // the innermost one
	if len(pointer) > depth || !slices.Equal(pointer, path[:len(pointer)]) {
		return false
	}
	return !slices.ContainsFunc(p.groups, func(g group) bool { return slices.Equal(splitName(g.name), path[:depth]) })
}

// describe describes what l holds, without its name.
func (l *leaf) describe() Parameter {
	var d Parameter
	switch l.shape {
	case shapeList:
		item := l.describeValue()
		d = Parameter{Type: "array", Style: styleOf(l.sep), Items: &item}
	case shapeMap:
		value := l.describeValue()
		d = Parameter{Type: "object", Style: "deepObject", Items: &value}
	case shapeStructs:
		d = Parameter{Type: "array", Style: "deepObject", Items: &Parameter{Type: "object", Fields: l.sub.describe()}}
	default:
		d = l.describeValue()
		d.Clearable = l.shape == shapeOpt
	}
	if d.Items != nil {
		d.MinLen = l.minimum
		if l.maximum < math.MaxInt32 {
			d.MaxLen = l.maximum
		}
	}
	d.Description = l.doc
	for _, text := range l.def {
		d.Default = append(d.Default, l.canonical(text))
	}
	return d
}

// canonical returns a text that the codec of l can read in the form in which it writes it.
func (l *leaf) canonical(text string) string {
	v := reflect.New(l.elem).Elem()
	if code, _ := l.codec.parse(v, text); code == codeFine { // compile has read it
		if b, err := l.codec.appendText(nil, v); err == nil {
			return string(b)
		}
	}
	return text
}

// describeValue describes one value of l.
func (l *leaf) describeValue() Parameter {
	d := Parameter{Type: "string", Min: l.rules.text(l.codec, l.rules.min), Max: l.rules.text(l.codec, l.rules.max), Enum: slices.Clone(l.rules.enumText)}
	switch c := l.codec.(type) {
	case stringCodec:
	case boolCodec:
		d.Type = "boolean"
	case intCodec:
		d.Type, d.Format = "integer", "int64"
		if c.bits < 64 {
			d.Format = "int32"
		}
		if c.bits < 32 {
			d.boundBy(c.limits())
		}
	case uintCodec:
		d.Type = "integer"
		d.boundBy(c.limits())
	case floatCodec:
		d.Type, d.Format = "number", "double"
		if c.bits == 32 {
			d.Format = "float"
		}
	case timeCodec:
		d.Type, d.Format = c.jsonType()
		d.Expected = l.want
		if d.Type == "integer" && len(c.layouts) > 1 { // seconds and milliseconds
			d.Min, d.Max = "", ""
		}
	case urlCodec:
		d.Format = "uri-reference"
	case *oneOfCodec:
		d.Enum = slices.Clone(c.options())
	default:
		d.Expected = l.want
	}
	d.MinLen, d.MaxLen = max(0, l.rules.minLen), max(0, l.rules.maxLen)
	if l.isText && l.rules.enum == nil && (l.required && l.emptyMissing || l.emptyBad) {
		d.MinLen = max(1, d.MinLen)
	}
	if l.rules.pattern != nil {
		d.Pattern = l.rules.source()
	}
	return d
}

// boundBy sets the bounds that are not set by a tag.
func (d *Parameter) boundBy(least, greatest string) {
	if d.Min == "" {
		d.Min = least
	}
	if d.Max == "" {
		d.Max = greatest
	}
}

// jsonType is the type and the format of times in the layouts of c.
func (c timeCodec) jsonType() (kind, format string) {
	all := func(layouts ...string) bool {
		return !slices.ContainsFunc(c.layouts, func(l string) bool { return !slices.Contains(layouts, l) })
	}
	switch {
	case all(layoutUnix, layoutUnixMilli):
		return "integer", "int64"
	case all(time.RFC3339Nano):
		return "string", "date-time"
	case all(time.DateOnly):
		return "string", "date"
	}
	return "string", ""
}
