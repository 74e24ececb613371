package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// module is one that is released: its path, and its folder in the repository, "." for the core.
type module struct{ path, dir string }

// tag returns the name of the git tag that makes a version of the module.
func (m module) tag(version string) string {
	if m.dir == "." {
		return version
	}
	return m.dir + "/" + version
}

// private are the folders whose modules nobody imports.
func private(dir string) bool {
	first, _, _ := strings.Cut(dir, "/")
	return slices.Contains([]string{"benchmarks", "examples", "internal", "tools"}, first) || strings.HasSuffix(dir, "/contracts")
}

// modulesIn returns the modules of a tree that are released, in the order of their folders.
func modulesIn(tree string) ([]module, error) {
	var modules []module
	err := eachModule(tree, func(dir string, file *modfile.File) error {
		if !private(dir) {
			modules = append(modules, module{file.Module.Mod.Path, dir})
		}
		return nil
	})
	if err == nil && len(modules) == 0 {
		err = fmt.Errorf("there is no module in %s", tree)
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.dir, b.dir) })
	return modules, err
}

// require has every go.mod of a tree require a version of the modules that are released.
func require(tree string, modules []module, version string) error {
	return eachModule(tree, func(dir string, file *modfile.File) error {
		for _, r := range slices.Clone(file.Require) {
			if slices.ContainsFunc(modules, func(m module) bool { return m.path == r.Mod.Path }) {
				if err := file.AddRequire(r.Mod.Path, version); err != nil {
					return err
				}
			}
		}
		text, err := file.Format()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tree, dir, "go.mod"), text, 0o644)
	})
}

// eachModule calls f with the folder, from the root and with slashes, of each go.mod of a tree.
func eachModule(tree string, f func(dir string, file *modfile.File) error) error {
	return filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "go.mod" {
			if err == nil && d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git" || d.Name() == "bin") {
				return filepath.SkipDir
			}
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := modfile.Parse(path, text, nil)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(tree, filepath.Dir(path))
		if err != nil {
			return err
		}
		return f(filepath.ToSlash(dir), file)
	})
}

// copyTree copies the files that git knows of a repository, as they are now.
func copyTree(ctx context.Context, repo, to string) error {
	out, err := run(ctx, repo, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(repo, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not committed yet
		}
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o755), os.WriteFile(target, content, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// run runs a program in a folder, without a workspace, and returns what it printed.
func run(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOWORK=off"), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, &errs, &out)
	}
	return out.String(), nil
}
