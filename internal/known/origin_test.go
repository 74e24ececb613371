package known

import (
	"runtime/debug"
	"testing"
)

// What the go command says of programs that are built, run and tested in each
// of the usual ways.
func TestWhoseAPackageIs(t *testing.T) {
	t.Parallel()
	lib := &debug.Module{Path: "example.com/lib", Version: "v1.2.3"}
	replaced := &debug.Module{Path: "example.com/lib", Version: "v0.0.0", Replace: &debug.Module{Path: "../lib", Version: "(devel)"}}
	workspace := &debug.Module{Path: "example.com/lib", Version: "(devel)"}
	nested := &debug.Module{Path: "example.com/app/tool", Version: "v1.0.0"}
	app := debug.Module{Path: "example.com/app", Version: "(devel)"}
	for _, tt := range []struct {
		name string
		info *debug.BuildInfo
		pkg  string
		want origin
	}{
		{"main package", &debug.BuildInfo{Main: app}, "main", own},
		{"main package in a test", &debug.BuildInfo{Main: app}, "example.com/app", own},
		{"external test", &debug.BuildInfo{Main: app}, "example.com/app_test", own},
		{"external test of a package", &debug.BuildInfo{Main: app, Deps: []*debug.Module{lib}}, "example.com/app/sub_test", own},
		{"package", &debug.BuildInfo{Main: app, Deps: []*debug.Module{lib}}, "example.com/app/sub", own},
		{"library", &debug.BuildInfo{Main: app, Deps: []*debug.Module{lib}}, "example.com/lib/sub", foreign},
		{"its root", &debug.BuildInfo{Main: app, Deps: []*debug.Module{lib}}, "example.com/lib", foreign},
		{"a path that only begins alike", &debug.BuildInfo{Main: app, Deps: []*debug.Module{lib}}, "example.com/library", foreign},
		{"replaced by a directory", &debug.BuildInfo{Main: app, Deps: []*debug.Module{replaced}}, "example.com/lib", foreign},
		{"of the workspace", &debug.BuildInfo{Main: app, Deps: []*debug.Module{workspace}}, "example.com/lib", own},
		{"module inside the main one", &debug.BuildInfo{Main: app, Deps: []*debug.Module{nested}}, "example.com/app/tool/x", foreign},
		{"main inside a dependency", &debug.BuildInfo{Main: debug.Module{Path: "example.com/lib/app"}, Deps: []*debug.Module{lib}}, "example.com/lib/app/x", own},
		{"library that only tests import", &debug.BuildInfo{Main: app}, "example.com/lib", foreign},
		{"plain name in no module", &debug.BuildInfo{Main: app}, "gen/proto", own},
		{"run by file", &debug.BuildInfo{Deps: []*debug.Module{{Path: "example.com/app", Version: "(devel)"}, lib}}, "example.com/app/sub", own},
		{"run by file, main", &debug.BuildInfo{Deps: []*debug.Module{lib}}, "command-line-arguments", own},
		{"run by file, library", &debug.BuildInfo{Deps: []*debug.Module{lib}}, "example.com/lib", foreign},
		{"standard library", &debug.BuildInfo{Main: app, Deps: []*debug.Module{lib}}, "log/slog", standard},
		{"vendored into it", &debug.BuildInfo{Main: app}, "vendor/golang.org/x/net/idna", standard},
		{"module with a plain name", &debug.BuildInfo{Main: debug.Module{Path: "log"}}, "log/sub", own},
		{"no build information, domain", nil, "example.com/app", foreign},
		{"no build information, plain name", nil, "app/sub", own},
		{"no build information, main", nil, "main", own},
		{"no build information, standard library", nil, "net/http", standard},
		{"no modules", &debug.BuildInfo{}, "example.com/lib", foreign},
		{"a basic type", nil, "", own},
	} {
		if got := originIn(tt.info, tt.pkg); got != tt.want {
			t.Errorf("%s: %q is %d, want %d", tt.name, tt.pkg, got, tt.want)
		}
	}
}
