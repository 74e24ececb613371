// Package echov5_test moves examples from echo v4 to echo v5.
package echov5_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the moved examples")

// moved are the files of this module, and what they are made from.
var moved = map[string]string{
	"quickstart/main.go":      "../quickstart/main.go",
	"quickstart/main_test.go": "../quickstart/main_test.go",
	"adopt/after/app.go":      "../adopt/after/app.go",
	"adopt/before/app.go":     "../adopt/before/app.go",
	"adopt/route/app.go":      "../adopt/route/app.go",
	"adopt/adopt_test.go":     "../adopt/adopt_test.go",
	"login/accounts.go":       "../login/accounts.go",
	"login/app.go":            "../login/app.go",
	"login/devices.go":        "../login/devices.go",
	"login/errors.go":         "../login/errors.go",
	"login/style.go":          "../login/style.go",
	"login/style.css":         "../login/style.css",
	"login/main.go":           "../login/main.go",
	"login/page.html":         "../login/page.html",
	"login/stores.go":         "../login/stores.go",
	"login/app_test.go":       "../login/app_test.go",
}

const mark = "// Code generated from %s by the steps of docs/echo-v5.md. DO NOT EDIT.\n\n"

// steps reads what is to be replaced from the first table of the document.
func steps(t *testing.T) *strings.Replacer {
	t.Helper()
	text, err := os.ReadFile("../../docs/echo-v5.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## 2. Replace\n")
	section, _, ends := strings.Cut(section, "\n## ")
	if !ok || !ends {
		t.Fatal("docs/echo-v5.md has no section 2 with the steps")
	}
	// The example's own imports move with it.
	pairs := []string{"reecho/examples/adopt/", "reecho/examples/echov5/adopt/"}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "` | `")
		if len(cells) == 2 {
			pairs = append(pairs, strings.TrimPrefix(cells[0], "| `"), strings.TrimSuffix(cells[1], "` |"))
		}
	}
	if len(pairs) < 10 {
		t.Fatalf("docs/echo-v5.md lists only the steps %q", pairs)
	}
	return strings.NewReplacer(pairs...)
}

func TestTheExamplesAreMovedByTheStepsOfTheDocument(t *testing.T) {
	t.Parallel()
	replace := steps(t)
	for to, from := range moved {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		want := string(text)
		if filepath.Ext(to) == ".go" {
			want = strings.Replace(mark, "%s", filepath.ToSlash(strings.TrimPrefix(from, "../")), 1) + replace.Replace(want)
		}
		if *update {
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != want {
			t.Errorf("%s is not what the steps make of %s (%v): run go test ./examples/echov5 -update", to, from, err)
		}
	}
}
