package repo_test

import (
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// seams says which files of the core may import what, so that a library can be
// replaced by changing one place.
var seams = []struct {
	imports string
	where   string // said in the failure
	allowed func(file string) bool
}{
	{
		imports: "github.com/labstack/echo/v4",
		where:   "package echov4",
		allowed: func(file string) bool { return path.Dir(file) == "echov4" || forTests(file) },
	},
	{
		imports: "github.com/mitchellh/hashstructure/v2",
		where:   "internal/keys",
		allowed: func(file string) bool { return path.Dir(file) == "internal/keys" },
	},
	{
		imports: "github.com/jinzhu/copier",
		where:   "cachedata/copiermap",
		allowed: func(file string) bool { return path.Dir(file) == "cachedata/copiermap" },
	},
	{
		imports: "github.com/gorilla",
		where:   "sessionstate/gorillastate",
		allowed: func(file string) bool { return path.Dir(file) == "sessionstate/gorillastate" },
	},
	{
		imports: "github.com/maypok86/otter/v2",
		where:   "cachedata/engine.go",
		allowed: func(file string) bool { return file == "cachedata/engine.go" },
	},
	{imports: "testing", where: "packages for tests", allowed: forTests},
	{imports: "net/http/httptest", where: "packages for tests", allowed: forTests},
	{imports: "go.uber.org/goleak", where: "packages for tests", allowed: forTests},
	{imports: "github.com/google/go-cmp", where: "packages for tests", allowed: forTests},
}

// forTests says whether file is in a package for tests, such as storetest.
func forTests(file string) bool { return strings.HasSuffix(path.Dir(file), "test") }

func TestSeams(t *testing.T) {
	t.Parallel()
	seen, dirs := 0, modules(t)
	for _, file := range files(t, "*.go") {
		if strings.HasSuffix(file, "_test.go") || outsideCore(dirs, file) {
			continue
		}
		seen++
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), file), nil, parser.ImportsOnly)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Errorf("%s: import %s: %v", file, spec.Path.Value, err)
			}
			for _, seam := range seams {
				if (imported == seam.imports || strings.HasPrefix(imported, seam.imports+"/")) && !seam.allowed(file) {
					t.Errorf("%s imports %s, which only %s may", file, imported, seam.where)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no file of the core was looked at")
	}
}

// outsideCore says whether file belongs to another of the modules in dirs than the core.
func outsideCore(dirs []string, file string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return dir != "." && strings.HasPrefix(file, dir+"/") })
}

// What a program links that does not serve a framework, or nothing at all.
func TestNobodyLinksAFrameworkThatIsNotServed(t *testing.T) {
	t.Parallel()
	const (
		echo = "github.com/labstack/echo"
		web  = "net/http"
	)
	core := "github.com/reecho-go/reecho/"
	for _, tt := range []struct {
		packages []string
		without  []string
	}{
		{packages: []string{"cachedata", "cacheresource", "store", "store/memstore", "observe"}, without: []string{echo, web}},
		{packages: []string{"middleware", "middleware/respcache", "sessionstate", "queryparams", "ctxinfo", "ctxinfo/client", "internal/host"}, without: []string{echo}},
	} {
		var packages []string
		for _, name := range tt.packages {
			packages = append(packages, core+name)
		}
		list := append([]string{"list", "-f", `{{.ImportPath}} {{join .Deps " "}}`}, packages...)
		known := make(map[string][]string)
		for _, line := range lines(run(t, root(t), alone, "go", list...)) {
			words := strings.Fields(line)
			known[words[0]] = words[1:]
		}
		for _, name := range packages {
			if len(known[name]) == 0 {
				t.Errorf("%s: its dependencies are not known: %v", name, known)
			}
			for _, dep := range known[name] {
				for _, not := range tt.without {
					if dep == not || strings.HasPrefix(dep, not+"/") {
						t.Errorf("%s links %s", name, dep)
					}
				}
			}
		}
	}
}
