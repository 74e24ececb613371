package visit

import (
	"context"
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A release of Go that gives a package context values is noticed here, and not
// by a user who is told of them.
func TestTheStandardLibrarysContextValuesAreKnown(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]string{
		"context":       "an example in a comment",
		"net":           "under a key of internal/nettrace",
		"net/http/fcgi": "the environment of a request, which is a visitor's: it is told of",
	}
	src := filepath.Join(build.Default.GOROOT, "src")
	seen := 0
	err := filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "cmd" || d.Name() == "vendor"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "context.WithValue(") {
			return err
		}
		seen++
		pkg, err := filepath.Rel(src, filepath.Dir(path))
		if err != nil {
			return err
		}
		if pkg = filepath.ToSlash(pkg); !slices.Contains(plumbers, pkg) && elsewhere[pkg] == "" {
			t.Errorf("%s puts values into contexts: say in plumbers that they are no visitor's, or here why it is not there", pkg)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("nothing was looked at")
	}
}

func TestTheKeyOfContextsAmongThemselves(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if cancelKey == nil || ctx.Value(cancelKey) == nil {
		t.Fatalf("cancelKey = %v, which finds nothing", cancelKey)
	}
	if !plumbing(cancelKey) || plumbing(new(int)) {
		t.Error("any pointer to an int is taken for it, or none")
	}
}

func TestTokensAreKnownByTheirPackage(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"github.com/golang-jwt/jwt": true, "github.com/golang-jwt/jwt/v5": true, "github.com/golang-jwt/other": false, "example.com/jwt": false, "": false,
	} {
		if got := ofTokens(path); got != want {
			t.Errorf("ofTokens(%q) = %v, want %v", path, got, want)
		}
	}
}
