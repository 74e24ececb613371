package syntax

import (
	"regexp"
	"strings"
	"testing"
)

// bareRE is a bare item of RFC 9651, section 3.3, and itemRE an item with its
// parameters, as they are parsed (section 4.2.3).
const bareRE = `(?:-?[0-9]{1,15}|-?[0-9]{1,12}\.[0-9]{1,3}|"(?:[ !#-\[\]-~]|\\["\\])*"|[A-Za-z*][A-Za-z0-9!#$%&'*+.^_|~:/` + "`" + `-]*|:[A-Za-z0-9+/=]*:|\?[01]|@-?[0-9]{1,15}|%"(?:[ !#$&-~]|%[0-9a-f]{2})*")`

var itemRE = regexp.MustCompile(`^ *(` + bareRE + `)(?:; *[a-z*][a-z0-9_.*-]*(?:=` + bareRE + `)?)* *$`)

func FuzzStructuredField(f *testing.F) {
	for _, s := range []string{
		`"dark"`, ` "dark";a;b=?1; c=1.5 `, "?1", "?1;x=:YQ==:", "token", "*a/b:c", `"a\"b\\c"`, `"a\b"`, `"é"`, "1.", "-0.123", "1.1234", "@1", "@1.5",
		`%"%c3%bc"`, `%"%C3"`, ":a", "a;A", "a;=1", "a;b=", "a ;b", `"a" "b"`, "", " ", "?2",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, kind := Item(s)
		m := itemRE.FindStringSubmatch(s)
		if m == nil || len(s) > maxItem {
			if text != "" || kind != Other {
				t.Errorf("sfItem(%q) = %q, %d, of a field that is malformed", s, text, kind)
			}
			return
		}
		want, wantKind := "", Other
		switch c := m[1][0]; {
		case c == '"':
			want, wantKind = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(m[1][1:len(m[1])-1]), String
		case c == '?':
			want, wantKind = m[1][1:], Bool
		case IsAlpha(c) || c == '*':
			want, wantKind = m[1], Token
		}
		if text != want || kind != wantKind {
			t.Errorf("sfItem(%q) = %q, %d; want %q, %d", s, text, kind, want, wantKind)
		}
	})
}
