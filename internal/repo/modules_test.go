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

func TestWorkspaceListsEveryModule(t *testing.T) {
	t.Parallel()
	var work struct{ Use []struct{ DiskPath string } }
	if err := json.Unmarshal([]byte(run(t, root(t), nil, "go", "work", "edit", "-json")), &work); err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, use := range work.Use {
		listed = append(listed, path.Clean(use.DiskPath))
	}
	slices.Sort(listed)
	if diff := cmp.Diff(modules(t), listed); diff != "" {
		t.Errorf("go.work does not list the modules of the tree (-tree +go.work):\n%s", diff)
	}
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
