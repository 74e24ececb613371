// Package openapi describes the parameters of a [queryparams.Schema] for the
// document of an API: as Parameter Objects of OpenAPI 3.1.
//
//	doc["parameters"] = openapi.Parameters(filters)
//
// It uses only [queryparams.Schema.Parameters], and is a package of its own so that
// other programs do not link it.
package openapi

import (
	"encoding/json"
	"strings"

	"github.com/reecho-go/reecho/queryparams"
)

// parameter is a Parameter Object, with the members that describe a query.
type parameter struct {
	Name            string  `json:"name"`
	In              string  `json:"in"` // always "query"
	Description     string  `json:"description,omitempty"`
	Required        bool    `json:"required,omitempty"`
	AllowEmptyValue bool    `json:"allowEmptyValue,omitempty"` // name= clears it
	Style           string  `json:"style,omitempty"`
	Explode         *bool   `json:"explode,omitempty"`
	Schema          *schema `json:"schema"`
}

// schema is a Schema Object (JSON Schema 2020-12), with the members that a
// parameter needs. Enum, Default, Minimum and Maximum are JSON.
type schema struct {
	Type                 string             `json:"type"`
	Format               string             `json:"format,omitempty"`
	Description          string             `json:"description,omitempty"`
	Enum                 []json.RawMessage  `json:"enum,omitempty"`
	Default              json.RawMessage    `json:"default,omitempty"`
	Minimum              json.RawMessage    `json:"minimum,omitempty"`
	Maximum              json.RawMessage    `json:"maximum,omitempty"`
	MinLength            *int               `json:"minLength,omitempty"`
	MaxLength            *int               `json:"maxLength,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Items                *schema            `json:"items,omitempty"`
	MinItems             *int               `json:"minItems,omitempty"`
	MaxItems             *int               `json:"maxItems,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	AdditionalProperties *schema            `json:"additionalProperties,omitempty"`
	MinProperties        *int               `json:"minProperties,omitempty"`
	MaxProperties        *int               `json:"maxProperties,omitempty"`
}

// Parameters describes the parameters of s, a [queryparams.Schema], in its order:
// a JSON array of Parameter Objects. A struct is one parameter with its fields as
// properties, unless its style makes each field a parameter.
//
// What OpenAPI cannot express is in descriptions or left out: bounds of times and
// durations, separators that OpenAPI does not have (such a list is a string),
// other spellings that are read too, unknown parameters. A list of structs is
// described as a deepObject, whose behaviour for lists OpenAPI leaves open.
func Parameters(s interface {
	Parameters() []queryparams.Parameter
},
) json.RawMessage {
	b, _ := json.Marshal(parameters(s.Parameters())) // texts, numbers and valid JSON only
	return b
}

func parameters(described []queryparams.Parameter) []parameter {
	params := make([]parameter, len(described))
	for i := range described {
		params[i] = parameterOf(&described[i])
	}
	return params
}

func parameterOf(d *queryparams.Parameter) parameter {
	p := parameter{
		Name: d.Name, In: "query", Description: d.Description, Required: d.Required,
		AllowEmptyValue: d.Clearable, Schema: schemaOf(d),
	}
	switch style, _, _ := strings.Cut(d.Style, ","); {
	case style == "" || strings.HasPrefix(style, separator):
	case style == d.Style && (style == "form" || style == "deepObject"):
		p.Style, p.Explode = style, new(true)
	default:
		p.Style, p.Explode = style, new(false)
	}
	return p
}

// separator is what begins the style of a list that OpenAPI has no style for.
const separator = "sep="

// schemaOf describes the values of d.
func schemaOf(d *queryparams.Parameter) *schema {
	if sep, ok := strings.CutPrefix(d.Style, separator); ok {
		return &schema{Type: "string", Description: "items separated by " + sep}
	}
	s := &schema{Type: d.Type, Format: d.Format, Description: d.Expected}
	switch {
	case d.Type == "array":
		s.Items, s.MinItems, s.MaxItems = schemaOf(d.Items), bound(d.MinLen), bound(d.MaxLen)
		if items := values(d.Items.Type, d.Default); d.Default != nil && len(items) == len(d.Default) {
			s.Default, _ = json.Marshal(items) // JSON already
		}
		return s
	case d.Type == "object" && d.Items != nil:
		s.AdditionalProperties, s.MinProperties, s.MaxProperties = schemaOf(d.Items), bound(d.MinLen), bound(d.MaxLen)
		return s
	case d.Type == "object":
		s.Properties = make(map[string]*schema, len(d.Fields))
		for i := range d.Fields {
			f := &d.Fields[i]
			property := schemaOf(f)
			if f.Description != "" {
				property.Description = f.Description
			}
			s.Properties[f.Name] = property
			if f.Required {
				s.Required = append(s.Required, f.Name)
			}
		}
		return s
	}
	s.Enum = values(d.Type, d.Enum)
	if len(d.Default) > 0 {
		s.Default = value(d.Type, d.Default[0])
	}
	if d.Type == "integer" || d.Type == "number" {
		if d.Min != "" {
			s.Minimum = value(d.Type, d.Min)
		}
		if d.Max != "" {
			s.Maximum = value(d.Type, d.Max)
		}
	}
	s.MinLength, s.MaxLength = bound(d.MinLen), bound(d.MaxLen)
	if d.Pattern != "" {
		s.Pattern = "^(?:" + d.Pattern + ")$"
	}
	return s
}

// bound is n, or nil for no bound.
func bound(n int) *int {
	if n <= 0 {
		return nil
	}
	return &n
}

// values are the texts that JSON can hold.
func values(kind string, texts []string) []json.RawMessage {
	var all []json.RawMessage
	for _, text := range texts {
		if v := value(kind, text); v != nil {
			all = append(all, v)
		}
	}
	return all
}

// value is a text of a query as the JSON value that an OpenAPI tool would take
// for it; nil for NaN and the infinities, which JSON does not have.
func value(kind, text string) json.RawMessage {
	switch {
	case kind == "string":
		b, _ := json.Marshal(text) // a string
		return b
	case json.Valid([]byte(text)):
		return json.RawMessage(text)
	}
	return nil
}
