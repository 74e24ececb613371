package repo_test

import (
	"encoding/json"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// modules are the folders with a go.mod, from the root; "." is the core.
func modules(t *testing.T) []string {
	t.Helper()
	var dirs []string
	for _, file := range files(t, "go.mod") {
		dirs = append(dirs, path.Dir(file))
	}
	slices.Sort(dirs)
	return dirs
}

func TestTheWorkspaceOfMakeListsEveryModule(t *testing.T) {
	t.Parallel()
	want := slices.DeleteFunc(modules(t), func(dir string) bool {
		return dir == "tools" || strings.HasPrefix(dir, "tools/") // built alone
	})
	if diff := cmp.Diff(want, used(t, "all.work")); diff != "" {
		t.Errorf("all.work does not list the modules of the tree (-tree +all.work):\n%s", diff)
	}
}

// Who tries an example fetches the go.mod of each dependency of each module of the workspace.
func TestTheWorkspaceOfAFirstRunListsWhatTheExamplesNeed(t *testing.T) {
	t.Parallel()
	var want []string
	for _, dir := range []string{"examples", "examples/echov5"} {
		var mod struct{ Replace []struct{ New struct{ Path string } } }
		if err := json.Unmarshal([]byte(run(t, path.Join(root(t), dir), nil, "go", "mod", "edit", "-json")), &mod); err != nil {
			t.Fatal(err)
		}
		want = append(want, dir)
		for _, r := range mod.Replace {
			want = append(want, path.Join(dir, r.New.Path))
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if diff := cmp.Diff(want, used(t, "go.work")); diff != "" {
		t.Errorf("go.work does not list the modules that the examples need (-needed +go.work):\n%s", diff)
	}
}

// used returns the folders of a workspace, sorted.
func used(t *testing.T, workspace string) []string {
	t.Helper()
	var work struct{ Use []struct{ DiskPath string } }
	if err := json.Unmarshal([]byte(run(t, root(t), nil, "go", "work", "edit", "-json", workspace)), &work); err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, use := range work.Use {
		dirs = append(dirs, path.Clean(use.DiskPath))
	}
	slices.Sort(dirs)
	return dirs
}

// The core's dependencies are part of what its users get. A new one is a
// decision: it shows up here, and `go test ./internal/repo -update` makes it.
func TestCoreDependencies(t *testing.T) {
	t.Parallel()
	const golden = "testdata/core-dependencies.txt"
	// Nobody else can import the internal packages for tests.
	packages := slices.DeleteFunc(lines(run(t, root(t), alone, "go", "list", "./...")), func(p string) bool {
		return strings.Contains(p, "/internal/") && strings.HasSuffix(p, "test")
	})
	deps := append([]string{"list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}"}, packages...)
	got := lines(run(t, root(t), alone, "go", deps...))
	slices.Sort(got)
	got = slices.Compact(got)
	if *update {
		if err := os.WriteFile(golden, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lines(string(want)), got); diff != "" {
		t.Errorf("the modules that the core's packages are built from are not those of %s (-want +got):\n%s", golden, diff)
	}
}
