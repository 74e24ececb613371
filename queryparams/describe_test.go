package queryparams_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/queryparams"
)

func TestParametersDescribesWhatASchemaTakes(t *testing.T) {
	t.Parallel()
	type inner struct {
		X int8 `query:"x" required:"true" doc:"left"`
	}
	type T struct {
		Q     string                `query:"q" minlen:"2" maxlen:"9" pattern:"[a-z]+" doc:"words"`
		Some  string                `query:"some" empty:"reject"`
		N     int64                 `query:"n" default:"+05" max:"9"`
		Unit  time.Duration         `query:"unit" unit:"s" default:"1m" min:"1s"`
		Since time.Time             `query:"since" layout:"unix" min:"5"`
		Both  time.Time             `query:"both" layout:"unix|unixmilli" min:"5"`
		Opt   queryparams.Opt[bool] `query:"opt"`
		Color lawColor              `query:"color"`
		List  []uint16              `query:"list" style:"form,explode=false" minitems:"1" default:"1,2"`
		Sep   []string              `query:"sep" style:"sep=:"`
		Map   map[string]float32    `query:"map" maxitems:"3"`
		In    inner                 `query:"in"`
		Ptr   *inner                `query:"ptr"`
		Lines []inner               `query:"lines" maxitems:"2"`
		Dot   *inner                `query:"dot" style:"dotted"`
		Deep  struct {
			Dot *inner `query:"dot" style:"dotted"`
		} `query:"deep"`
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Codecs: []queryparams.Codec{queryparams.OneOf[lawColor]("red", "blue")}}))
	x := queryparams.Parameter{Name: "x", Description: "left", Type: "integer", Format: "int32", Required: true, Min: "-128", Max: "127"}
	optional := func(name string) queryparams.Parameter {
		p := x
		p.Name, p.Required = name, false
		return p
	}
	want := []queryparams.Parameter{
		{Name: "q", Description: "words", Type: "string", MinLen: 2, MaxLen: 9, Pattern: "[a-z]+"},
		{Name: "some", Type: "string", MinLen: 1},
		{Name: "n", Type: "integer", Format: "int64", Default: []string{"5"}, Max: "9"},
		{Name: "unit", Type: "string", Expected: "a duration such as 1h30m, 7d or PT5M, or a number of s from 1 on", Default: []string{"60"}, Min: "1"},
		{Name: "since", Type: "integer", Format: "int64", Expected: "a time such as seconds since 1970 from 5 on", Min: "5"},
		{Name: "both", Type: "integer", Format: "int64", Expected: "a time such as seconds since 1970 or milliseconds since 1970 from 5 on"},
		{Name: "opt", Type: "boolean", Clearable: true},
		{Name: "color", Type: "string", Enum: []string{"red", "blue"}},
		{Name: "list", Type: "array", Style: "form,explode=false", Default: []string{"1", "2"}, MinLen: 1, MaxLen: 1000, Items: &queryparams.Parameter{Type: "integer", Min: "0", Max: "65535"}},
		{Name: "sep", Type: "array", Style: "sep=:", MaxLen: 1000, Items: &queryparams.Parameter{Type: "string"}},
		{Name: "map", Type: "object", Style: "deepObject", MaxLen: 3, Items: &queryparams.Parameter{Type: "number", Format: "float"}},
		{Name: "in", Type: "object", Style: "deepObject", Required: true, Fields: []queryparams.Parameter{x}},
		{Name: "ptr", Type: "object", Style: "deepObject", Fields: []queryparams.Parameter{x}},
		{Name: "lines", Type: "array", Style: "deepObject", MaxLen: 2, Items: &queryparams.Parameter{Type: "object", Fields: []queryparams.Parameter{x}}},
		optional("dot.x"),
		optional("deep[dot].x"),
	}
	if diff := cmp.Diff(want, s.Parameters()); diff != "" {
		t.Errorf("Parameters (-want +got):\n%s", diff)
	}
	s.Parameters()[7].Enum[0] = "changed"
	s.Parameters()[0].Name = "changed"
	if diff := cmp.Diff(want, s.Parameters()); diff != "" {
		t.Errorf("after a caller changed its copy (-want +got):\n%s", diff)
	}
}

func TestNewSchemaRefusesBoundsThatLeaveNothingToSend(t *testing.T) {
	t.Parallel()
	type text struct {
		Q string `query:"q" maxlen:"0"`
	}
	type list struct {
		L []int `query:"l" maxitems:"0"`
	}
	if err := schemaError[text](); err == nil {
		t.Error("maxlen 0 is taken")
	}
	if err := schemaError[list](); err == nil {
		t.Error("maxitems 0 is taken")
	}
}

func TestParametersKeepsASingleValueBesideAStructOfItsName(t *testing.T) {
	t.Parallel()
	type T struct {
		A *int `query:"a"`
		S struct {
			B string `query:"b"`
		} `query:"a"`
	}
	got := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{})).Parameters()
	if len(got) != 2 || got[0].Type != "integer" || got[0].Fields != nil || got[1].Type != "object" || len(got[1].Fields) != 1 {
		t.Errorf("Parameters() = %+v, want the number and the struct", got)
	}
}
