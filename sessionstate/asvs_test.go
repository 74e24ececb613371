package sessionstate_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// SECURITY.md answers each requirement of ASVS 5.0, section 3.3 and chapter 7, and
// the tests that it names are there.
func TestEveryRequirementOfASVSIsAnswered(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^\| v5\.0\.0-(\S+) \|`).FindAllStringSubmatch(string(text), -1) {
		got = append(got, m[1])
	}
	want := strings.Fields("3.3.1 3.3.2 3.3.3 3.3.4 3.3.5 7.1.1 7.1.2 7.1.3 7.2.1 7.2.2 7.2.3 7.2.4 7.3.1 7.3.2 7.4.1 7.4.2 7.4.3 7.4.4 7.4.5 7.5.1 7.5.2 7.5.3 7.6.1 7.6.2")
	if !slices.Equal(got, want) {
		t.Errorf("SECURITY.md answers %v, want %v", got, want)
	}
	var tests strings.Builder
	for _, dir := range []string{".", "contracts", "../examples/login"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(code)
		}
	}
	for _, name := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(tests.String(), "func "+name[1]+"(t *testing.T)") {
			t.Errorf("SECURITY.md names %s, which is not there", name[1])
		}
	}
}
