package repo_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// root is the folder of the repository, two above this one.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// run runs a command in dir, in the workspace of all modules, and returns what it
// prints. env is added to the environment.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOWORK="+filepath.Join(root(t), "all.work")), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s in %s: %v\n%s%s", name, strings.Join(args, " "), dir, err, &out, &errs)
	}
	return out.String()
}

// alone is the environment in which a module does without the workspace.
var alone = []string{"GOWORK=off"}

// lines splits what a command printed.
func lines(out string) []string {
	return strings.FieldsFunc(out, func(r rune) bool { return r == '\n' })
}

// files returns the files below the root whose base name matches pattern, as
// slash-separated paths from the root. It leaves out hidden folders, testdata,
// and folders of built things.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range all {
		ok, err := path.Match(pattern, path.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			found = append(found, file)
		}
	}
	return found
}

// tree is what files chooses from.
var tree = sync.OnceValues(func() (found []string, err error) {
	dir, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	return found, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != dir && (strings.HasPrefix(name, ".") || slices.Contains([]string{"testdata", "node_modules", "bin", "artifacts"}, name)) {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		found = append(found, filepath.ToSlash(rel))
		return err
	})
})
