package client

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/ctxinfo"
)

var traceparentRE = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\s\S]*)?$`)

func FuzzTraceparent(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what")
	f.Add("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add("00-00000000000000000000000000000000-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, s string) {
		m := traceparentRE.FindStringSubmatch(s)
		want := m != nil && m[1] != "ff" && strings.Trim(m[2], "0") != "" && strings.Trim(m[3], "0") != "" && (m[1] != "00" || m[5] == "")
		got, ok := parseTraceparent(s)
		if ok != want || (got != Trace{}) != want {
			t.Errorf("parseTraceparent(%q) = %v, want %v", s, ok, want)
		}
		if ok && got.TraceID+"-"+got.SpanID != s[3:52] {
			t.Errorf("parseTraceparent(%q) = %+v", s, got)
		}
	})
}

// bareRE is a bare item of RFC 9651, section 3.3.
const bareRE = `(?:-?[0-9]{1,15}|-?[0-9]{1,12}\.[0-9]{1,3}|"(?:[ !#-\[\]-~]|\\["\\])*"|[A-Za-z*][A-Za-z0-9!#$%&'*+.^_|~:/` + "`" + `-]*|:[A-Za-z0-9+/=]*:|\?[01]|@-?[0-9]{1,15}|%"(?:[ !#$&-~]|%[0-9a-f]{2})*")`

// brandRE is a member of Sec-CH-UA by RFC 9651: a string with parameters.
var brandRE = regexp.MustCompile(`^[ \t]*"(?:[ !#-\[\]-~]|\\["\\])*"(?:; *[a-z*][a-z0-9_.*-]*(?:=` + bareRE + `)?)*[ \t]*(?:,|$)`)

func FuzzAgent(f *testing.F) {
	f.Add(`"Chromium";v="148", "Not/A)Brand";v="99"`, `"Linux"`, "Mozilla/5.0 Chrome/148.0.0.0 Safari/537.36")
	f.Add(`"Not;A=Brand";v="8","Google Chrome";v="1\\2"`, `"Chrome OS"`, "curl/8")
	f.Add(`"a";v="1",`, `"`, "Version/17 Safari/605 Mobile")
	f.Add(`a`, ``, ``)
	f.Fuzz(func(t *testing.T, brands, platform, agent string) {
		in := ctxinfo.FromRequest(&http.Request{Header: http.Header{
			"Sec-Ch-Ua": {brands}, "Sec-Ch-Ua-Platform": {platform}, "User-Agent": {agent},
		}})
		c := AgentOf(in)
		if len(c.UserAgent) > maxAgent || len(c.Platform) > 32 || strings.Trim(c.Version, "0123456789") != "" || len(c.Version) > 6 {
			t.Errorf("AgentOf() = %+v", c)
		}
		valid := len(brands) <= maxBrands && brands != ""
		for rest := brands; valid && rest != ""; {
			m := brandRE.FindString(rest)
			rest = rest[len(m):]
			valid = m != "" && (rest != "" || !strings.HasSuffix(m, ","))
		}
		if name, _ := brand(brands); name != "" && len(brands) <= maxBrands && !valid {
			t.Errorf("brand(%q) = %q, of a list that is malformed", brands, name)
		}
	})
}
