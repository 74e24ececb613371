package queryparams_test

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reecho-go/reecho/queryparams"
)

// The urlencoded parser of the WHATWG URL standard, on the inputs that the web
// platform's own tests use. Params and lenient schemas read like browsers.
func TestLenientReadingIsThatOfBrowsers(t *testing.T) {
	t.Parallel()
	type pairs map[string][]string
	tests := []struct {
		raw  string
		want pairs
	}{
		{"test", pairs{"test": {""}}},
		{"\ufefftest=\ufeff", pairs{"\ufefftest": {"\ufeff"}}},
		{"%EF%BB%BFtest=%EF%BB%BF", pairs{"\ufefftest": {"\ufeff"}}},
		{"%EF%BF%BF=%EF%BF%BF", pairs{"\uffff": {"\uffff"}}},
		{"%FE%FF", pairs{"\ufffd\ufffd": {""}}},
		{"%FF%FE", pairs{"\ufffd\ufffd": {""}}},
		{"†&†=x", pairs{"†": {"", "x"}}},
		{"%C2", pairs{"\ufffd": {""}}},
		{"%C2x", pairs{"\ufffdx": {""}}},
		{"_charset_=windows-1252&test=%C2x", pairs{"_charset_": {"windows-1252"}, "test": {"\ufffdx"}}},
		{"", pairs{}},
		{"a", pairs{"a": {""}}},
		{"a=b", pairs{"a": {"b"}}},
		{"a=", pairs{"a": {""}}},
		{"=b", pairs{"": {"b"}}},
		{"&", pairs{}},
		{"&a", pairs{"a": {""}}},
		{"a&", pairs{"a": {""}}},
		{"a&a", pairs{"a": {"", ""}}},
		{"a&b&c", pairs{"a": {""}, "b": {""}, "c": {""}}},
		{"a=b&c=d", pairs{"a": {"b"}, "c": {"d"}}},
		{"a=b&c=d&", pairs{"a": {"b"}, "c": {"d"}}},
		{"&&&a=b&&&&c=d&", pairs{"a": {"b"}, "c": {"d"}}},
		{"a=a&a=b&a=c", pairs{"a": {"a", "b", "c"}}},
		{"a==a", pairs{"a": {"=a"}}},
		{"a=a+b+c+d", pairs{"a": {"a b c d"}}},
		{"%=a", pairs{"%": {"a"}}},
		{"%a=a", pairs{"%a": {"a"}}},
		{"%a_=a", pairs{"%a_": {"a"}}},
		{"%61=a", pairs{"a": {"a"}}},
		{"%61+%4d%4D=", pairs{"a MM": {""}}},
		{"id=0&value=%", pairs{"id": {"0"}, "value": {"%"}}},
		{"b=%2sf%2a", pairs{"b": {"%2sf*"}}},
		{"b=%2%2af%2a", pairs{"b": {"%2*f*"}}},
		{"b=%%2a", pairs{"b": {"%*"}}},
	}
	if len(tests) != 35 {
		t.Fatalf("%d vectors, want all 35", len(tests))
	}
	type all struct {
		Rest url.Values `query:",rest"`
	}
	lenient := queryparams.Must(queryparams.NewSchema[all](queryparams.SchemaConfig{Lenient: true}))
	for _, tt := range tests {
		got, err := lenient.Parse(tt.raw)
		if d := cmp.Diff(tt.want, pairs(got.Rest), cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Errorf("%q by a lenient schema, %v (-want +got):\n%s", tt.raw, err, d)
		}
		p := dict(t, tt.raw)
		if d := cmp.Diff(tt.want, pairs(p.ToMap())); d != "" {
			t.Errorf("%q (-want +got):\n%s", tt.raw, d)
		}
		if back := dict(t, p.Encode()); back.Encode() != p.Encode() || !cmp.Equal(back.ToMap(), p.ToMap()) {
			t.Errorf("%q written as %q reads back as %v", tt.raw, p.Encode(), back.ToMap())
		}
	}
}
