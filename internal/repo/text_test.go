package repo_test

import (
	"bytes"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// machinePath is a path that only one machine has, in one of homes or roots.
var (
	homes       = []string{"home", "Users"}
	roots       = []string{"root", "work"}
	machinePath = regexp.MustCompile(`(?:^|[^\w.~/-])/(?:(?:` + strings.Join(homes, "|") + `)/\w|(?:` + strings.Join(roots, "|") + `)/)[\w./-]*`)
)

// leftOpen is a note that something is not done, by one of marks.
var (
	marks    = []string{"TODO", "FIXME", "HACK"}
	leftOpen = regexp.MustCompile(`(?://|/\*|#|<!--)\s*(?:` + strings.Join(marks, "|") + `)\b`)
)

// What is in a file is read on every machine.
func TestNoTraceOfAMachine(t *testing.T) {
	t.Parallel()
	forbidden := map[string]string{root(t): "the folder of this checkout"}
	for name, value := range map[string]string{
		"the module cache": run(t, root(t), nil, "go", "env", "GOMODCACHE"),
		"the home folder":  os.Getenv("HOME"),
	} {
		if value = strings.TrimSpace(value); strings.Count(value, "/") > 1 {
			forbidden[value] = name
		}
	}
	for entry := range strings.FieldsFuncSeq(run(t, root(t), nil, "go", "env", "GOPROXY"), func(r rune) bool { return strings.ContainsRune(",| \n", r) }) {
		if u, err := url.Parse(entry); err == nil && u.Hostname() != "" {
			forbidden[u.Hostname()] = "the host of the module proxy"
		}
	}
	var folders []string
	for _, name := range slices.Concat(homes, roots) {
		folders = append(folders, "/"+name+"/")
	}
	for _, file := range tracked(t) {
		text, err := os.ReadFile(filepath.Join(root(t), file))
		if os.IsNotExist(err) || bytes.IndexByte(text, 0) >= 0 {
			continue // deleted in the work tree, or no text
		}
		if err != nil {
			t.Fatal(err)
		}
		for value, name := range forbidden {
			if bytes.Contains(text, []byte(value)) {
				t.Errorf("%s names %s, %q", file, name, value)
			}
		}
		if path.Base(file) == "text_test.go" {
			continue // the cases below
		}
		for line := range bytes.Lines(text) {
			if hasAny(line, folders...) { // the expressions take ten times as long
				for _, match := range machinePath.FindAll(line, -1) {
					t.Errorf("%s names a path of a machine, %q", file, match)
				}
			}
			if hasAny(line, marks...) {
				for _, match := range leftOpen.FindAll(line, -1) {
					t.Errorf("%s leaves something to do: %q", file, match)
				}
			}
		}
	}
}

// hasAny reports whether one of the texts is in the line.
func hasAny(line []byte, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return bytes.Contains(line, []byte(text)) })
}

func TestWhatIsATrace(t *testing.T) {
	t.Parallel()
	const work, root = "work", "root" // apart, so that this file holds no such path itself
	for text, want := range map[string]bool{
		"see /home/ada/x":                    true,
		"\"/" + work + "/x/go.mod\"":         true,
		"cd /" + root + "/.cache":            true,
		"https://example.com/" + work + "/x": false,
		"docs/" + work + "/plan":             false,
		"/workers/1":                         false,
		"../" + work + "/x":                  false,
		"GET /home":                          false,
	} {
		if got := machinePath.MatchString(text); got != want {
			t.Errorf("machinePath matches %q: %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]bool{
		"// TODO: more":    true,
		"# FIXME later":    true,
		"context.TODO()":   false,
		"a list of TODOs.": false,
	} {
		if got := leftOpen.MatchString(text); got != want {
			t.Errorf("leftOpen matches %q: %v, want %v", text, got, want)
		}
	}
}

// tracked returns the files that git knows. Without git, as in a module
// downloaded by its users, there is nothing to check.
func tracked(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root(t), ".git")); err != nil {
		t.Skip("not a git checkout")
	}
	return strings.FieldsFunc(run(t, root(t), nil, "git", "ls-files", "-z"), func(r rune) bool { return r == 0 })
}

var (
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code = regexp.MustCompile("(?ms)^\\s*```.*?^\\s*```|`[^`\n]*`")
)

// links returns the targets that a document links to, outside code.
func links(text string) []string {
	var targets []string
	for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
		targets = append(targets, match[1])
	}
	return targets
}

func TestLinksAreNotCode(t *testing.T) {
	t.Parallel()
	const text = "see [a](a.md) and `f[T](x)`, [`b`](b.md#c)\n```go\nf[T](y)\n```\n[d](https://example.com)\n"
	if got, want := links(text), []string{"a.md", "b.md#c", "https://example.com"}; !slices.Equal(got, want) {
		t.Errorf("links() = %q, want %q", got, want)
	}
}

// A document links only to files that are there.
func TestLinksBetweenDocuments(t *testing.T) {
	t.Parallel()
	for _, file := range files(t, "*.md") {
		text, err := os.ReadFile(filepath.Join(root(t), file))
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range links(string(text)) {
			u, err := url.Parse(target)
			if err != nil {
				t.Errorf("%s: the link %q: %v", file, target, err)
				continue
			}
			if u.Scheme != "" || u.Path == "" {
				continue
			}
			if _, err := os.Stat(filepath.Join(root(t), path.Dir(file), u.Path)); err != nil {
				t.Errorf("%s links to %s, which is not there", file, target)
			}
		}
	}
}
