package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// library is what is weighed.
type library struct {
	// Name is what the table calls one more of it.
	Name string
	// Imports are the paths that its uses need.
	Imports []string
	// Use is the code of one use, the body of a function. V%[1]d is a type of
	// its own.
	Use string
	// First is how many bytes the first may add at most, File and CPU are what
	// one more may weigh; 0: anything.
	First int64
	File  int64
	CPU   time.Duration
}

// more is how many uses there are beside the first.
const more = 20

// row is what was measured of a peer.
type row struct {
	library   library
	First     int64         // bytes of the binary that the first use adds to a program of nothing
	File      int64         // bytes that one more adds
	Functions float64       // functions that one more adds
	CPU       time.Duration // of the compiler, for one more
	Memory    int64         // bytes of the compiler with all of them
}

// built is what one build gave.
type built struct {
	file      int64
	functions int
	cpu       time.Duration
	memory    int64
}

// measure weighs a peer. dir is the folder of the module whose dependencies
// the peers are.
func measure(ctx context.Context, dir string, peer library) (row, error) {
	none, err := build(ctx, dir, peer, 0)
	if err != nil {
		return row{}, err
	}
	one, err := build(ctx, dir, peer, 1)
	if err != nil {
		return row{}, err
	}
	all, err := build(ctx, dir, peer, 1+more)
	if err != nil {
		return row{}, err
	}
	return row{
		library:   peer,
		First:     one.file - none.file,
		File:      (all.file - one.file) / more,
		Functions: float64(all.functions-one.functions) / more,
		CPU:       (all.cpu - one.cpu) / more,
		Memory:    all.memory,
	}, nil
}

// build builds the program of a peer with n uses. It exists in an overlay only.
func build(ctx context.Context, dir string, peer library, n int) (built, error) {
	temp, err := os.MkdirTemp("", "weight")
	if err != nil {
		return built{}, err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	dir, err = filepath.Abs(dir)
	if err != nil {
		return built{}, err
	}
	b := built{}
	source := filepath.Join(temp, "weighed.go")
	overlay := filepath.Join(temp, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(dir, "weighed", "weighed.go"): source}})
	if err != nil {
		return b, err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return b, err
	}
	run := func(pkg string, args ...string) (*os.ProcessState, error) {
		if err := os.WriteFile(source, []byte(sourceOf(peer, n, pkg)), 0o600); err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, "go", append(append([]string{"build", "-overlay", overlay}, args...), "./weighed")...)
		cmd.Dir = dir
		var out bytes.Buffer
		cmd.Stderr = &out
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("building %d times %s: %w\n%s", n, peer.Name, err, out.String())
		}
		return cmd.ProcessState, nil
	}
	binary := filepath.Join(temp, "weighed")
	if _, err := run("main", "-o", binary); err != nil { // compiles what it imports, too
		return b, err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return b, err
	}
	b.file = info.Size()
	names, err := exec.CommandContext(ctx, "go", "tool", "nm", binary).Output()
	if err != nil {
		return b, err
	}
	b.functions = bytes.Count(names, []byte(" T ")) + bytes.Count(names, []byte(" t "))
	state, err := run("weighed") // a package that is not main is compiled only
	if err != nil {
		return b, err
	}
	b.cpu = state.UserTime() + state.SystemTime()
	b.memory = peak(state)
	return b, nil
}

// sourceOf is the source of n uses of a peer. Its name makes it one that no
// build has in its cache.
func sourceOf(peer library, n int, pkg string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "package %s\n\nimport (\n", pkg)
	if n > 0 {
		for _, path := range peer.Imports {
			fmt.Fprintf(&b, "\t%q\n", path)
		}
	}
	fmt.Fprintf(&b, ")\n\nconst built = %d\n\nvar Sink any = built\n", time.Now().UnixNano())
	for i := range n {
		fmt.Fprintf(&b, "\ntype V%[1]d struct { A, B int; C string; D [%[1]d]byte }\n\nfunc use%[1]d() {\n", i+1)
		b.WriteString(strings.ReplaceAll(peer.Use, "%[1]d", fmt.Sprint(i+1)))
		b.WriteString("}\n")
	}
	b.WriteString("\nfunc main() {\n")
	for i := range n {
		fmt.Fprintf(&b, "\tuse%d()\n", i+1)
	}
	b.WriteString("}\n")
	return b.String()
}
