package main

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"time"
)

func TestOverNamesEachBoundThatIsExceeded(t *testing.T) {
	t.Parallel()
	bound := library{Name: "bound", First: 5000, File: 1000, CPU: time.Second}
	for _, tt := range []struct {
		name string
		row  row
		want []string
	}{
		{"within", row{library: bound, First: 5000, File: 1000, CPU: time.Second}, nil},
		{"too large", row{library: bound, File: 1001, CPU: time.Second}, []string{"bound adds 1001 bytes"}},
		{"the first too large", row{library: bound, First: 5001}, []string{"the first bound adds 5001 bytes"}},
		{"too slow", row{library: bound, File: 1, CPU: 2 * time.Second}, []string{"bound takes 2s"}},
		{"both", row{library: bound, File: 2000, CPU: time.Minute}, []string{"bound adds 2000 bytes", "bound takes 1m0s"}},
		{"a peer", row{library: library{Name: "peer"}, File: 1 << 40, CPU: time.Hour}, nil},
	} {
		err := over([]row{tt.row})
		if (err != nil) != (tt.want != nil) {
			t.Errorf("%s: %v", tt.name, err)
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", tt.name, err, want)
			}
		}
	}
}

func TestProgramsAreGoAndUseWhatTheyImport(t *testing.T) {
	t.Parallel()
	for _, peer := range peers() {
		for _, n := range []int{0, 1, 3} {
			source := sourceOf(peer, n, "main")
			f, err := parser.ParseFile(token.NewFileSet(), "weighed.go", source, 0)
			if err != nil {
				t.Errorf("%s: %v\n%s", peer.Name, err, source)
				continue
			}
			if uses := strings.Count(source, "func use"); uses != n || n == 0 && len(f.Imports) > 0 {
				t.Errorf("%s: %d uses and %d imports, want %d uses", peer.Name, uses, len(f.Imports), n)
			}
		}
	}
}
