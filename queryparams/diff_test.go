package queryparams_test

import (
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/queryparams"
)

func TestDiffNamesWhatChanged(t *testing.T) {
	t.Parallel()
	type Range struct {
		Min int `query:"min"`
		Max int `query:"max" default:"9"`
	}
	type T struct {
		Page  int               `query:"page" default:"1"`
		Tags  []string          `query:"tags"`
		Comma []string          `query:"comma" style:"form,explode=false"`
		Price *Range            `query:"price"`
		M     map[string]string `query:"m"`
		L     []Range           `query:"l"`
		Rest  url.Values        `query:",rest"`
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{}))
	type D = queryparams.Difference
	for _, tt := range []struct {
		from, to string
		want     []D
	}{
		{"page=1", "", nil},
		{"", "page=2", []D{{"page", []string{"1"}, []string{"2"}}}},
		{"tags=a&tags=b&x=1", "tags=b&tags=a", []D{{"tags", []string{"a", "b"}, []string{"b", "a"}}, {"x", []string{"1"}, nil}}},
		{"tags=", "", []D{{"tags", []string{}, nil}}},
		{"tags[]=", "tags=", []D{{"tags", []string{""}, []string{}}}},
		{"tags=&tags=", "tags[]=", []D{{"tags", []string{"", ""}, []string{""}}}},
		{"comma=a%2Cb", "comma=a,b", []D{{"comma", []string{"a,b"}, []string{"a", "b"}}}},
		{"", "price=", []D{{"price[max]", nil, []string{"9"}}}},
		{"price[min]=1&m[a]=1&m[b]=2", "price[min]=2&m[b]=2", []D{{"price[min]", []string{"1"}, []string{"2"}}, {"m[a]", []string{"1"}, nil}}},
		{"x=2&l[0][min]=1", "l[0][min]=1&l[1][max]=3&x=3&page=3", []D{
			{"page", []string{"1"}, []string{"3"}}, {"l[1][max]", nil, []string{"3"}}, {"x", []string{"2"}, []string{"3"}},
		}},
	} {
		from, err1 := s.Parse(tt.from)
		to, err2 := s.Parse(tt.to)
		got, err := s.Diff(from, to)
		if err1 != nil || err2 != nil || err != nil {
			t.Errorf("%q to %q: %v, %v, %v", tt.from, tt.to, err1, err2, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q to %q (-want +got):\n%s", tt.from, tt.to, diff)
		}
	}
	if _, err := s.Diff(T{}, T{Tags: []string{"\xff"}}); err == nil {
		t.Error("a value that no URL carries is compared")
	}
}

var inputs = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// submit is the query that a browser makes of hidden inputs: the WHATWG
// application/x-www-form-urlencoded serializer.
func submit(html template.HTML) string {
	var pairs []string
	encode := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			switch {
			case c == ' ':
				b.WriteByte('+')
			case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("*-._", c) >= 0:
				b.WriteByte(c)
			default:
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		return b.String()
	}
	unescape := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&amp;", "&")
	for _, m := range inputs.FindAllStringSubmatch(string(html), -1) {
		pairs = append(pairs, encode(unescape.Replace(m[1]))+"="+encode(unescape.Replace(m[2])))
	}
	return strings.Join(pairs, "&")
}

// A form sends what was in its hidden inputs, whatever the browser escapes.
func TestHiddenInputsSurviveTheBrowser(t *testing.T) {
	t.Parallel()
	seed := soaktest.Seed()
	t.Logf("seed %d", seed)
	m := newMaker(seed)
	carried, rounds := 0, soaktest.Rounds(5_000)
	for range rounds {
		v := m.everything()
		html, err := everything.Hidden(v)
		if err != nil || strings.ContainsAny(string(html), "\r\n\x00") { // browsers change line breaks
			continue
		}
		carried++
		back, err := everything.Parse(submit(html))
		if err != nil {
			t.Fatalf("the form %s of %+v: %v", html, v, err)
		}
		if diff := cmp.Diff(v, back, same); diff != "" {
			t.Fatalf("the form %s (-v +back):\n%s", html, diff)
		}
	}
	if carried < rounds/3 {
		t.Errorf("%d of %d values were carried: the law was hardly tested", carried, rounds)
	}
	type T struct {
		Comma []string       `query:"comma" style:"form,explode=false"`
		Map   map[string]int `query:"map"`
		Dash  []int          `query:"dash" style:"sep=-"`
	}
	s := queryparams.Must(queryparams.SchemaOf[T]())
	html, err := s.Hidden(T{Comma: []string{"a,b", "c"}, Map: map[string]int{"a": 1}, Dash: []int{1, 2}}, "map", "dash")
	if want := `<input type="hidden" name="comma" value="a,b"><input type="hidden" name="comma" value="c">`; string(html) != want || err != nil {
		t.Errorf("Hidden = %s, %v; want %s", html, err, want)
	}
	for _, v := range []T{{Dash: []int{-1, 2}}} {
		if html, err := s.Hidden(v); err == nil || !strings.Contains(err.Error(), "cannot be carried by a form") {
			t.Errorf("Hidden(%+v) = %s, %v: a form cannot carry it", v, html, err)
		}
	}
}
