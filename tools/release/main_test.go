package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kit is a repository of two modules, of which one needs the other, and a module of tools.
var kit = map[string]string{
	"go.mod":       "module example.com/kit\n\ngo 1.26.0\n",
	"kit.go":       "package kit\n\nfunc Name() string { return \"kit\" }\n",
	"sub/go.mod":   "module example.com/kit/sub\n\ngo 1.26.0\n\nrequire example.com/kit v0.0.0\n\nreplace example.com/kit => ../\n",
	"sub/sub.go":   "package sub\n\nimport \"example.com/kit\"\n\nfunc Name() string { return \"sub of \" + kit.Name() }\n",
	"tools/go.mod": "module example.com/kit/tools\n\ngo 1.26.0\n",
	"CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n- `kit`: is there.\n",
}

const kitProgram = "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.com/kit\"\n)\n\nfunc main() { fmt.Println(kit.Name()) }\n"

var programs = map[string]string{
	"kit.go.txt": kitProgram,
	"sub.go.txt": strings.ReplaceAll(strings.Replace(kitProgram, "kit\"", "kit/sub\"", 1), "kit.Name", "sub.Name"),
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func git(t *testing.T, repo string, args ...string) string {
	t.Helper()
	out, err := run(t.Context(), repo, nil, "git", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// repository makes a repository of kit's files, committed, and a folder of programs.
func repository(t *testing.T) (repo, programDir string) {
	t.Helper()
	repo, programDir = t.TempDir(), t.TempDir()
	write(t, repo, kit)
	write(t, programDir, programs)
	git(t, repo, "init", "--quiet")
	git(t, repo, "config", "user.name", "tester")
	git(t, repo, "config", "user.email", "tester@example.com")
	git(t, repo, "add", "--all")
	git(t, repo, "commit", "--quiet", "--message", "start")
	return repo, programDir
}

func tagAll(t *testing.T, repo, version string) {
	t.Helper()
	modules, err := modulesIn(repo)
	if err != nil {
		t.Fatal(err)
	}
	if err := tag(t.Context(), repo, modules, version); err != nil {
		t.Fatal(err)
	}
}

func TestAReleaseTagsEveryModuleWithTheVersionThatItRequires(t *testing.T) {
	t.Parallel()
	repo, programs := repository(t)
	if err := release(t.Context(), repo, programs, "v0.1.0", false); err != nil {
		t.Fatal(err)
	}
	if tags := git(t, repo, "tag"); tags != "" {
		t.Fatalf("a trial left the tags %q", tags)
	}
	tagAll(t, repo, "v0.1.0")
	if got, want := git(t, repo, "tag"), "sub/v0.1.0\nv0.1.0\n"; got != want {
		t.Errorf("tags %q, want %q", got, want)
	}
	if mod := git(t, repo, "show", "sub/v0.1.0:sub/go.mod"); !strings.Contains(mod, "require example.com/kit v0.1.0") {
		t.Errorf("the tagged go.mod is\n%s", mod)
	}
	if log := git(t, repo, "show", "v0.1.0:CHANGELOG.md"); !strings.Contains(log, "## [Unreleased]\n\n## [0.1.0] - 20") {
		t.Errorf("the tagged changelog is\n%s", log)
	}
}

func TestAModuleThatCannotBeFetchedIsNotReleased(t *testing.T) {
	t.Parallel()
	repo, programs := repository(t)
	write(t, repo, map[string]string{"sub/sub.go": "package sub\n\nimport \"example.com/kit/forgotten\"\n\nvar Name = forgotten.Name\n"})
	err := release(t.Context(), repo, programs, "v0.1.0", false)
	if err == nil || !strings.Contains(err.Error(), "example.com/kit/sub") {
		t.Errorf("got %v, want an error that names the module", err)
	}
}

func TestAModuleWithoutAProgramIsNotReleased(t *testing.T) {
	t.Parallel()
	repo, programs := repository(t)
	if err := os.Remove(filepath.Join(programs, "sub.go.txt")); err != nil {
		t.Fatal(err)
	}
	if err := release(t.Context(), repo, programs, "v0.1.0", false); err == nil || !strings.Contains(err.Error(), "write one") {
		t.Errorf("got %v", err)
	}
}

func TestAnAPIThatBreaksTakesAVersionThatSaysSo(t *testing.T) {
	t.Parallel()
	repo, programs := repository(t)
	tagAll(t, repo, "v0.1.0")
	write(t, repo, map[string]string{
		"kit.go":     "package kit\n\nfunc Title() string { return \"kit\" }\n",
		"sub/sub.go": "package sub\n\nimport \"example.com/kit\"\n\nfunc Name() string { return \"sub of \" + kit.Title() }\n",
	})
	write(t, programs, map[string]string{"kit.go.txt": strings.ReplaceAll(kitProgram, "Name()", "Title()")})
	err := release(t.Context(), repo, programs, "v0.1.1", false)
	if err == nil || !strings.Contains(err.Error(), "Name: removed") {
		t.Errorf("a patch without Name: got %v, want what was removed", err)
	}
	if err := release(t.Context(), repo, programs, "v0.2.0", false); err != nil {
		t.Errorf("a new minor version before v1: %v", err)
	}
}

func TestWhatStandsAgainstAReleaseIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	repo, programs := repository(t)
	tagAll(t, repo, "v0.1.0")
	write(t, repo, map[string]string{"more.go": "package kit\n"})
	err := release(t.Context(), repo, programs, "v0.1.0", true)
	if err == nil {
		t.Fatal("it was released")
	}
	for _, want := range []string{"not after v0.1.0", "not committed", "lists nothing"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nsays nothing of %q", err, want)
		}
	}
	for _, wrong := range []string{"", "1.2.3", "v1", "v1.2", "v1.2.3+build", "latest"} {
		if err := release(t.Context(), repo, programs, wrong, true); err == nil || !strings.Contains(err.Error(), "no version") {
			t.Errorf("version %q: %v", wrong, err)
		}
	}
}
