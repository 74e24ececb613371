package queryparams_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/queryparams"
)

// The examples of the OpenAPI Specification 3.1 for color=, its table of style
// values: an empty value, a list and an object in each style that a query can
// have.
var (
	colorList = []string{"blue", "black", "brown"}
	colorRGB  = rgb{R: 100, G: 200, B: 150}
)

type rgb struct {
	R int `query:"R"`
	G int `query:"G"`
	B int `query:"B"`
}

// bothWays checks that v is written as raw and read from it and from all others.
func bothWays[T any](t *testing.T, name string, v T, raw string, others ...string) {
	t.Helper()
	s, err := queryparams.TypeOf(reflect.TypeFor[T]())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if got, err := s.Encode(reflect.ValueOf(&v)); got != raw || err != nil {
		t.Errorf("%s: Encode = %q, %v; want %q", name, got, err, raw)
	}
	for _, q := range append(others, raw) {
		got, err := s.Parse(q)
		if err != nil {
			t.Errorf("%s: Parse(%q): %v", name, q, err)
		} else if diff := cmp.Diff(&v, got.Interface()); diff != "" {
			t.Errorf("%s: Parse(%q) (-want +got):\n%s", name, q, diff)
		}
	}
}

func TestOpenAPIStylesBothWays(t *testing.T) {
	t.Parallel()
	type formExploded struct {
		Color []string `query:"color" style:"form"`
	}
	type form struct {
		Color []string `query:"color" style:"form,explode=false"`
	}
	type space struct {
		Color []string `query:"color" style:"spaceDelimited"`
	}
	type pipe struct {
		Color []string `query:"color" style:"pipeDelimited"`
	}
	bothWays(t, "form, explode, list", formExploded{colorList}, "color=blue&color=black&color=brown", "color=blue&color[]=black&color[2]=brown")
	bothWays(t, "form, explode, empty", formExploded{[]string{}}, "color=", "color")
	bothWays(t, "form, explode, undefined", formExploded{}, "")
	bothWays(t, "form, list", form{colorList}, "color=blue,black,brown")
	bothWays(t, "form, delimiters inside", form{[]string{"a,b", "c"}}, "color=a%2Cb,c")
	bothWays(t, "form, empty", form{[]string{}}, "color=")
	bothWays(t, "spaceDelimited, list", space{colorList}, "color=blue%20black%20brown", "color=blue+black%20brown")
	bothWays(t, "pipeDelimited, list", pipe{colorList}, "color=blue%7Cblack%7Cbrown", "color=blue|black%7cbrown")

	type formObjectExploded struct {
		Color rgb `query:"color" style:"form"`
	}
	type deepObject struct {
		Color *rgb `query:"color" style:"deepObject"`
	}
	bothWays(t, "form, explode, object", formObjectExploded{colorRGB}, "R=100&G=200&B=150")
	bothWays(t, "deepObject", deepObject{&colorRGB}, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150", "color[R]=100&color[G]=200&color[B]=150")
	bothWays(t, "deepObject, empty", deepObject{&rgb{}}, "color=")
}

func TestStylesThatAStructCannotHaveAreRefused(t *testing.T) {
	t.Parallel()
	type C struct {
		R int `query:"R"`
	}
	type oneValue struct {
		C C `query:"c" style:"form,explode=false"`
	}
	type pointer struct {
		C *C `query:"c" style:"form"`
	}
	type unknown struct {
		C C `query:"c" style:"matrix"`
	}
	for _, err := range []error{
		schemaError[oneValue](),
		schemaError[pointer](),
		schemaError[unknown](),
	} {
		if err == nil {
			t.Error("a schema that cannot work is accepted")
		}
	}
}

func TestACodecWinsOverTextMethods(t *testing.T) {
	t.Parallel()
	type T struct {
		R  Ratio   `query:"r" enum:"1:2|3:4"`
		P  *Ratio  `query:"p"`
		RS []Ratio `query:"rs"`
	}
	v := T{R: Ratio{1, 2}, P: &Ratio{-3, 4}, RS: []Ratio{{1, 1}}}
	bothWays(t, "text methods", v, "r=1:2&p=-3:4&rs=1:1")
	reads(t, "r=2:2&p=1/2", T{}, fault("r", "enum"), fault("p", "type"))
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{Codecs: []queryparams.Codec{queryparams.NewCodec("a ratio",
		func(s string) (Ratio, error) { return Ratio{int16(len(s)), 0}, nil },
		func(r Ratio) (string, error) { return strings.Repeat("x", int(r.A)), nil })}}))
	if got, err := s.Parse("p=xxx"); err != nil || *got.P != (Ratio{3, 0}) {
		t.Errorf("a registered codec = %v, %v; want it to win", got.P, err)
	}
}
