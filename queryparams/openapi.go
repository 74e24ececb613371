package queryparams

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// OpenAPIParameter is a Parameter Object of OpenAPI 3.1, with the members that
// describe a query.
type OpenAPIParameter struct {
	Name            string         `json:"name"`
	In              string         `json:"in"` // always "query"
	Description     string         `json:"description,omitempty"`
	Required        bool           `json:"required,omitempty"`
	AllowEmptyValue bool           `json:"allowEmptyValue,omitempty"` // an Opt: name= clears it
	Style           string         `json:"style,omitempty"`
	Explode         *bool          `json:"explode,omitempty"`
	Schema          *OpenAPISchema `json:"schema"`
}

// OpenAPISchema is a Schema Object of OpenAPI 3.1 (JSON Schema 2020-12), with
// the members that the tags of a field can say. Enum, Default, Minimum and
// Maximum are JSON.
type OpenAPISchema struct {
	Type                 string                    `json:"type"`
	Format               string                    `json:"format,omitempty"`
	Description          string                    `json:"description,omitempty"`
	Enum                 []json.RawMessage         `json:"enum,omitempty"`
	Default              json.RawMessage           `json:"default,omitempty"`
	Minimum              json.RawMessage           `json:"minimum,omitempty"`
	Maximum              json.RawMessage           `json:"maximum,omitempty"`
	MinLength            *int                      `json:"minLength,omitempty"`
	MaxLength            *int                      `json:"maxLength,omitempty"`
	Pattern              string                    `json:"pattern,omitempty"`
	Items                *OpenAPISchema            `json:"items,omitempty"`
	MinItems             *int                      `json:"minItems,omitempty"`
	MaxItems             *int                      `json:"maxItems,omitempty"`
	Properties           map[string]*OpenAPISchema `json:"properties,omitempty"`
	Required             []string                  `json:"required,omitempty"`
	AdditionalProperties *OpenAPISchema            `json:"additionalProperties,omitempty"`
	MinProperties        *int                      `json:"minProperties,omitempty"`
	MaxProperties        *int                      `json:"maxProperties,omitempty"`
}

// OpenAPI describes the parameters as Parameter Objects of OpenAPI 3.1, in the
// order of T's fields, for the document of an API: marshal them as JSON. A
// struct is one parameter with its fields as properties, unless its style
// makes each field one. The description is that of the doc tag.
//
// What OpenAPI has no words for is said in descriptions, or not at all: bounds
// of times and durations, separators of one's own (such a list is a string),
// other spellings that are read too, unknown parameters. A list of structs is
// described as a deepObject, whose behaviour for lists OpenAPI leaves open.
func (s *Schema[T]) OpenAPI() []OpenAPIParameter {
	var params []OpenAPIParameter
	at := map[string]int{}
	for i := range s.plan.leaves {
		l := &s.plan.leaves[i]
		root, path := splitName(l.name)
		n, seen := at[root]
		if !seen {
			n = len(params)
			at[root] = n
			params = append(params, OpenAPIParameter{Name: root, In: "query"})
		}
		p := &params[n]
		if len(path) == 0 {
			l.describe(p)
			continue
		}
		if !seen {
			p.Style, p.Explode, p.Schema = "deepObject", new(true), newObject()
		}
		p.Required = p.Required || l.required && l.group < 0
		s.plan.place(p.Schema, root, path, l)
	}
	return params
}

// splitName splits a[b][c] into a and b, c.
func splitName(name string) (root string, path []string) {
	root, rest, nested := strings.Cut(name, "[")
	if !nested {
		return root, nil
	}
	return root, strings.Split(strings.TrimSuffix(rest, "]"), "][")
}

func newObject() *OpenAPISchema {
	return &OpenAPISchema{Type: "object", Properties: map[string]*OpenAPISchema{}}
}

// place puts the schema of l into an object, at the end of path. What is
// required within a pointer that may be nil is required of that object alone.
func (p *plan) place(object *OpenAPISchema, name string, path []string, l *leaf) {
	for i, part := range path[:len(path)-1] {
		inner := object.Properties[part]
		if inner == nil {
			inner = newObject()
			object.Properties[part] = inner
		}
		name += "[" + part + "]"
		optional := slices.ContainsFunc(p.groups, func(g group) bool { return g.name == name })
		if l.required && !optional && requiredFrom(p, l, path[:i+1]) {
			object.require(part)
		}
		object = inner
	}
	last := path[len(path)-1]
	object.Properties[last] = l.schema()
	if l.doc != "" {
		object.Properties[last].Description = l.doc
	}
	if l.required {
		object.require(last)
	}
}

// requiredFrom reports whether no pointer below the given part of the path of
// a required leaf can be nil.
func requiredFrom(p *plan, l *leaf, upTo []string) bool {
	if l.group < 0 {
		return true
	}
	_, path := splitName(p.groups[l.group].name)
	return len(path) <= len(upTo)
}

func (o *OpenAPISchema) require(name string) {
	if !slices.Contains(o.Required, name) {
		o.Required = append(o.Required, name)
	}
}

// describe fills in the parameter that l is by itself.
func (l *leaf) describe(p *OpenAPIParameter) {
	p.Required, p.Description, p.Schema = l.required, l.doc, l.schema()
	p.AllowEmptyValue = l.shape == shapeOpt
	switch {
	case l.shape == shapeMap || l.shape == shapeStructs:
		p.Style, p.Explode = "deepObject", new(true)
	case l.shape == shapeList && l.sep == 0:
		p.Style, p.Explode = "form", new(true)
	case l.shape == shapeList:
		if style, ok := styles[l.sep]; ok {
			p.Style, p.Explode = style, new(false)
		}
	}
}

// styles are OpenAPI's names of separators.
var styles = map[byte]string{',': "form", ' ': "spaceDelimited", '|': "pipeDelimited"}

// schema describes what l holds.
func (l *leaf) schema() *OpenAPISchema {
	switch l.shape {
	case shapeList:
		if _, ok := styles[l.sep]; !ok && l.sep != 0 {
			return &OpenAPISchema{Type: "string", Description: "items separated by " + string(rune(l.sep))}
		}
		s := &OpenAPISchema{Type: "array", Items: l.scalarSchema()}
		s.MinItems, s.MaxItems = positive(l.minimum), new(l.maximum)
		if l.hasDefault {
			items := make([]json.RawMessage, len(l.def))
			for i, text := range l.def {
				items[i] = l.json(text)
			}
			s.Default, _ = json.Marshal(items) // JSON already
		}
		return s
	case shapeMap:
		s := &OpenAPISchema{Type: "object", AdditionalProperties: l.scalarSchema()}
		s.MinProperties, s.MaxProperties = positive(l.minimum), new(l.maximum)
		return s
	case shapeStructs:
		s := &OpenAPISchema{Type: "array", Items: l.sub.object()}
		s.MinItems, s.MaxItems = positive(l.minimum), new(l.maximum)
		return s
	}
	s := l.scalarSchema()
	if l.hasDefault {
		s.Default = l.json(l.def[0])
	}
	return s
}

// object describes the struct of a plan whose names are in brackets.
func (p *plan) object() *OpenAPISchema {
	o := newObject()
	for i := range p.leaves {
		_, path := splitName(p.leaves[i].name)
		p.place(o, "", path, &p.leaves[i])
	}
	return o
}

func positive(n int) *int {
	if n <= 0 {
		return nil
	}
	return &n
}

// scalarSchema describes one value of l.
func (l *leaf) scalarSchema() *OpenAPISchema {
	s := &OpenAPISchema{Type: "string"}
	switch c := l.codec.(type) {
	case stringCodec:
	case boolCodec:
		s.Type = "boolean"
	case intCodec:
		s.Type, s.Format = "integer", "int32"
		if c.bits == 64 {
			s.Format = "int64"
		}
		if c.bits < 32 {
			lo, hi := c.limits()
			s.Minimum, s.Maximum = json.RawMessage(lo), json.RawMessage(hi)
		}
	case uintCodec:
		s.Type = "integer"
		lo, hi := c.limits()
		s.Minimum, s.Maximum = json.RawMessage(lo), json.RawMessage(hi)
	case floatCodec:
		s.Type, s.Format = "number", "double"
		if c.bits == 32 {
			s.Format = "float"
		}
	case timeCodec:
		s.Type, s.Format = c.openAPI()
		s.Description = l.want
	case urlCodec:
		s.Format = "uri-reference"
	case *oneOfCodec:
		for _, text := range c.options() {
			s.Enum = append(s.Enum, l.json(text))
		}
	default:
		s.Description = l.want
	}
	numeric := s.Type == "integer" && l.elem != timeType || s.Type == "number"
	if text := l.rules.text(l.codec, l.rules.min); text != "" && numeric {
		s.Minimum = l.json(text)
	}
	if text := l.rules.text(l.codec, l.rules.max); text != "" && numeric {
		s.Maximum = l.json(text)
	}
	for _, text := range l.rules.enumText {
		s.Enum = append(s.Enum, l.json(text))
	}
	s.MinLength = positive(l.rules.minLen)
	if l.rules.maxLen >= 0 {
		s.MaxLength = new(l.rules.maxLen)
	}
	if l.rules.pattern != nil {
		s.Pattern = "^(?:" + l.rules.source() + ")$"
	}
	if l.isText && l.rules.enum == nil && l.required && l.emptyMissing {
		s.MinLength = new(max(1, l.rules.minLen))
	}
	return s
}

// json is a text that the codec of l reads, as the JSON value that an OpenAPI
// tool would take for it.
func (l *leaf) json(text string) json.RawMessage {
	v := reflect.New(l.elem).Elem()
	if code, _ := l.codec.parse(v, text); code == codeFine { // compile has read it
		if b, err := l.codec.appendText(nil, v); err == nil {
			text = string(b)
		}
	}
	number := false
	switch c := l.codec.(type) {
	case boolCodec, intCodec, uintCodec, floatCodec:
		number = true
	case timeCodec:
		kind, _ := c.openAPI()
		number = kind == "integer"
	}
	if number && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	b, _ := json.Marshal(text) // a string
	return b
}

// openAPI is the type and the format of times in these layouts.
func (c timeCodec) openAPI() (kind, format string) {
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
