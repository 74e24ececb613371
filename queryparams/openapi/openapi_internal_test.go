package openapi

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/queryparams"
)

// documented has what an OpenAPI document can say about a query.
type documented struct {
	Page  int    `query:"page" default:"1" min:"1" max:"10000" doc:"the page, from 1"`
	Size  int    `query:"size" default:"20" enum:"10|20|50"`
	Q     string `query:"q" maxlen:"200" pattern:"[a-z ]+"`
	Small int8   `query:"small"`
	Flag  bool   `query:"flag" default:"true"`
	Ratio float32
	F     float32                    `query:"f" min:"-1.5"`
	Tags  []string                   `query:"tags" minitems:"1" maxitems:"3" default:"a,b"`
	IDs   []int64                    `query:"ids" style:"form,explode=false" required:"true"`
	Pipe  []uint16                   `query:"pipe" style:"pipeDelimited"`
	Own   []string                   `query:"own" style:"sep=-"`
	From  queryparams.Opt[time.Time] `query:"from" layout:"date"`
	At    time.Time                  `query:"at" layout:"unix" default:"5"`
	Any   time.Time                  `query:"any"`
	D     time.Duration              `query:"d" min:"1s"`
	IP    netip.Addr                 `query:"ip"`
	URL   *url.URL                   `query:"url"`
	Price *struct {
		Min int `query:"min" required:"true"`
		In  struct {
			X string `query:"x" required:"true"`
		} `query:"in"`
	} `query:"price"`
	Must struct {
		A string `query:"a" required:"true"`
		B string `query:"b" doc:"the other"`
		P *struct {
			C string `query:"c" required:"true"`
		} `query:"p"`
	} `query:"must"`
	M map[string]int `query:"m" maxitems:"9"`
	L []struct {
		X int `query:"x" required:"true"`
	} `query:"l" maxitems:"2"`
	Dot struct {
		A int `query:"a"`
	} `query:"dot" style:"dotted"`
	Rest url.Values `query:",rest"`
}

func TestParametersDescribesEveryParameter(t *testing.T) {
	t.Parallel()
	s := queryparams.Must(queryparams.NewSchema[documented](queryparams.SchemaConfig{}))
	want := strings.Split(strings.TrimSpace(`
{"name":"page","in":"query","description":"the page, from 1","schema":{"type":"integer","format":"int64","default":1,"minimum":1,"maximum":10000}}
{"name":"size","in":"query","schema":{"type":"integer","format":"int64","enum":[10,20,50],"default":20}}
{"name":"q","in":"query","schema":{"type":"string","maxLength":200,"pattern":"^(?:[a-z ]+)$"}}
{"name":"small","in":"query","schema":{"type":"integer","format":"int32","minimum":-128,"maximum":127}}
{"name":"flag","in":"query","schema":{"type":"boolean","default":true}}
{"name":"f","in":"query","schema":{"type":"number","format":"float","minimum":-1.5}}
{"name":"tags","in":"query","style":"form","explode":true,"schema":{"type":"array","default":["a","b"],"items":{"type":"string"},"minItems":1,"maxItems":3}}
{"name":"ids","in":"query","required":true,"style":"form","explode":false,"schema":{"type":"array","items":{"type":"integer","format":"int64"},"maxItems":1000}}
{"name":"pipe","in":"query","style":"pipeDelimited","explode":false,"schema":{"type":"array","items":{"type":"integer","minimum":0,"maximum":65535},"maxItems":1000}}
{"name":"own","in":"query","schema":{"type":"string","description":"items separated by -"}}
{"name":"from","in":"query","allowEmptyValue":true,"schema":{"type":"string","format":"date","description":"a time such as 2006-01-02"}}
{"name":"at","in":"query","schema":{"type":"integer","format":"int64","description":"a time such as seconds since 1970","default":5}}
{"name":"any","in":"query","schema":{"type":"string","description":"a time such as 2006-01-02T15:04:05Z or 2006-01-02"}}
{"name":"d","in":"query","schema":{"type":"string","description":"a duration such as 90s, 1h30m, 7d or PT5M from 1s on"}}
{"name":"ip","in":"query","schema":{"type":"string","description":"an IP address"}}
{"name":"url","in":"query","schema":{"type":"string","format":"uri-reference"}}
{"name":"price","in":"query","style":"deepObject","explode":true,"schema":{"type":"object","properties":{"in":{"type":"object","properties":{"x":{"type":"string"}},"required":["x"]},"min":{"type":"integer","format":"int64"}},"required":["min","in"]}}
{"name":"must","in":"query","required":true,"style":"deepObject","explode":true,"schema":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string","description":"the other"},"p":{"type":"object","properties":{"c":{"type":"string"}},"required":["c"]}},"required":["a"]}}
{"name":"m","in":"query","style":"deepObject","explode":true,"schema":{"type":"object","additionalProperties":{"type":"integer","format":"int64"},"maxProperties":9}}
{"name":"l","in":"query","style":"deepObject","explode":true,"schema":{"type":"array","items":{"type":"object","properties":{"x":{"type":"integer","format":"int64"}},"required":["x"]},"maxItems":2}}
{"name":"dot.a","in":"query","schema":{"type":"integer","format":"int64"}}
`), "\n")
	var objects []json.RawMessage
	if err := json.Unmarshal(Parameters(s), &objects); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range objects {
		got = append(got, string(b))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parameters (-want +got):\n%s", diff)
	}
}

type celsius float64

// wide has types and styles of every kind, with the defaults and bounds that
// they may have.
type wide struct {
	Bool    queryparams.Opt[bool]  `query:"bool"`
	Int8    int8                   `query:"int8" default:"+7" min:"-100"`
	Uint64  uint64                 `query:"uint64" enum:"1|18446744073709551615"`
	F64     float64                `query:"f64" default:"1e21" max:"1e300"`
	NaN     float64                `query:"nan" allow:"nan" default:"NaN"`
	C       celsius                `query:"c" default:"20C"`
	Big     *big.Int               `query:"big"`
	Seconds time.Time              `query:"seconds" layout:"unix" min:"5"`
	Either  time.Time              `query:"either" layout:"unix|unixmilli" default:"5" min:"5"`
	Days    []time.Time            `query:"days" layout:"date" style:"sep=:" default:"2001-01-01:2002-02-02"`
	Dash    []int                  `query:"dash" style:"sep=-" maxitems:"3"`
	ByIP    map[netip.Addr]float32 `query:"byip" minitems:"1"`
	Deep    struct {
		Lists []struct {
			IDs []int `query:"ids" style:"spaceDelimited" required:"true"`
		} `query:"lists"`
		Dotted *struct {
			A int `query:"a" required:"true"`
		} `query:"dotted" style:"dotted"`
	} `query:"deep"`
	Flat struct {
		A string `query:"flata" empty:"reject"`
	} `query:"flat" style:"form"`
}

func TestDocumentIsWellFormedForEveryKindOfField(t *testing.T) {
	t.Parallel()
	codec := queryparams.NewCodec("degrees such as 20C", func(s string) (celsius, error) {
		f, err := strconv.ParseFloat(strings.TrimSuffix(s, "C"), 64)
		return celsius(f), err
	}, func(c celsius) (string, error) { return strconv.FormatFloat(float64(c), 'f', -1, 64) + "C", nil })
	for name, cfg := range map[string]queryparams.SchemaConfig{
		"usual":     {Codecs: []queryparams.Codec{codec}},
		"unlimited": {Codecs: []queryparams.Codec{codec}, Limits: queryparams.Limits{MaxElements: -1}},
	} {
		for _, p := range parameters(queryparams.Must(queryparams.NewSchema[wide](cfg)).Parameters()) {
			wellFormed(t, &p)
			if p.Schema.Items != nil && (p.Schema.MaxItems == nil) != (name == "unlimited") {
				t.Errorf("%s, %s: at most %v items", name, p.Name, p.Schema.MaxItems)
			}
		}
	}
	for _, p := range parameters(queryparams.Must(queryparams.NewSchema[documented](queryparams.SchemaConfig{})).Parameters()) {
		wellFormed(t, &p)
	}
}

// wellFormed checks what OpenAPI 3.1 and JSON Schema 2020-12 demand of the
// members that we write.
func wellFormed(t *testing.T, p *parameter) {
	t.Helper()
	styles := map[string]bool{"": true, "form": true, "spaceDelimited": true, "pipeDelimited": true, "deepObject": true}
	if p.Name == "" || p.In != "query" || !styles[p.Style] || (p.Style == "") != (p.Explode == nil) || p.Schema == nil {
		t.Errorf("parameter %+v", p)
		return
	}
	if p.Style == "deepObject" && !*p.Explode {
		t.Errorf("%s: a deepObject is always exploded", p.Name)
	}
	wellFormedSchema(t, p.Name, p.Schema)
}

func wellFormedSchema(t *testing.T, name string, s *schema) {
	t.Helper()
	kind := func(j json.RawMessage) string {
		var v any
		if err := json.Unmarshal(j, &v); err != nil {
			return err.Error()
		}
		switch v.(type) {
		case string:
			return "string"
		case float64:
			return "number"
		case bool:
			return "boolean"
		case []any:
			return "array"
		}
		return "null"
	}
	want := strings.Replace(s.Type, "integer", "number", 1)
	for _, j := range append(slices.Clone(s.Enum), s.Default) {
		if j != nil && kind(j) != want {
			t.Errorf("%s: the JSON %s is no %s", name, j, s.Type)
		}
	}
	for _, j := range []json.RawMessage{s.Minimum, s.Maximum} {
		if j != nil && (kind(j) != "number" || want != "number") {
			t.Errorf("%s: the bound %s of a %s", name, j, s.Type)
		}
	}
	switch s.Type {
	case "string", "number", "integer", "boolean":
		if s.Items != nil || s.Properties != nil {
			t.Errorf("%s: a %s has parts", name, s.Type)
		}
	case "array":
		if s.Items == nil {
			t.Errorf("%s: an array without items", name)
			return
		}
		wellFormedSchema(t, name+"[]", s.Items)
	case "object":
		if s.AdditionalProperties != nil {
			wellFormedSchema(t, name+"[*]", s.AdditionalProperties)
		}
		for key, p := range s.Properties {
			wellFormedSchema(t, name+"["+key+"]", p)
		}
		for _, key := range s.Required {
			if s.Properties[key] == nil {
				t.Errorf("%s: %s is required and not there", name, key)
			}
		}
	default:
		t.Errorf("%s: type %q", name, s.Type)
	}
}
