package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	gomodule "golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// try publishes the modules of a tree in a proxy of files, and has a program fetch, build and run
// each. The version of the trial is none that could ever be released, and leaves the module cache
// with the trial.
func try(ctx context.Context, work, tree, programs string, modules []module, version string) error {
	trial := fmt.Sprintf("%s-trial.%d", strings.SplitN(version, "-", 2)[0], time.Now().UnixNano())
	if err := require(tree, modules, trial); err != nil {
		return err
	}
	cache, err := run(ctx, tree, nil, "go", "env", "GOMODCACHE")
	if err != nil {
		return err
	}
	defer forget(strings.TrimSpace(cache), modules, trial)
	proxy := filepath.Join(work, "proxy")
	for _, m := range modules {
		if err := publish(proxy, filepath.Join(tree, m.dir), m, trial); err != nil {
			return err
		}
	}
	upstream, err := run(ctx, tree, nil, "go", "env", "GOPROXY")
	if err != nil {
		return err
	}
	var paths []string
	for _, m := range modules {
		paths = append(paths, m.path)
	}
	env := []string{
		"GOPROXY=file://" + filepath.ToSlash(proxy) + "," + cmp.Or(strings.TrimSpace(upstream), "off"),
		"GONOSUMDB=" + strings.Join(paths, ","),
	}
	for _, m := range modules {
		said, err := tryOne(ctx, filepath.Join(work, "programs", m.dir), programs, m, trial, env)
		if err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
		log.Printf("  %s: fetched, built, run: %s", m.path, said)
	}
	return nil
}

// publish puts a module into a proxy of files (https://go.dev/ref/mod#goproxy-protocol).
func publish(proxy, dir string, m module, version string) error {
	escaped, err := gomodule.EscapePath(m.path)
	if err != nil {
		return err
	}
	base := filepath.Join(proxy, escaped, "@v")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": version, "Time": time.Now().UTC()})
	if err != nil {
		return err
	}
	archive, err := os.Create(filepath.Join(base, version+".zip"))
	if err != nil {
		return err
	}
	return errors.Join(
		zip.CreateFromDir(archive, gomodule.Version{Path: m.path, Version: version}, dir),
		archive.Close(),
		os.WriteFile(filepath.Join(base, version+".mod"), mod, 0o644),
		os.WriteFile(filepath.Join(base, version+".info"), info, 0o644),
		os.WriteFile(filepath.Join(base, "list"), []byte(version+"\n"), 0o644),
	)
}

// tryOne does what a user of a module does first, and returns what the program printed.
func tryOne(ctx context.Context, dir, programs string, m module, version string, env []string) (string, error) {
	name := filepath.Base(m.path) + ".go.txt"
	source, err := os.ReadFile(filepath.Join(programs, name))
	if err != nil {
		return "", fmt.Errorf("there is no program to try it with: write one that uses it and prints a line: %w", err)
	}
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "main.go"), source, 0o644)); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"mod", "init", "example.com/program"},
		{"get", m.path + "@" + version},
		{"mod", "tidy"},
		{"build", "-o", "program", "."},
	} {
		if _, err := run(ctx, dir, env, "go", args...); err != nil {
			return "", err
		}
	}
	out, err := run(ctx, dir, env, filepath.Join(dir, "program"))
	if err != nil {
		return "", err
	}
	if out = strings.TrimSpace(out); out == "" {
		return "", fmt.Errorf("the program %s printed nothing", name)
	}
	return out, nil
}

// forget takes the trial's version out of the module cache.
func forget(cache string, modules []module, version string) {
	for _, m := range modules {
		escaped, err := gomodule.EscapePath(m.path)
		if err != nil {
			continue
		}
		unpacked := filepath.Join(cache, escaped+"@"+version)
		_ = filepath.WalkDir(unpacked, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				err = os.Chmod(path, 0o755) // the go command made it read-only
			}
			return err
		})
		_ = os.RemoveAll(unpacked)
		downloads, _ := filepath.Glob(filepath.Join(cache, "cache", "download", escaped, "@v", version+".*"))
		for _, file := range downloads {
			_ = os.Remove(file)
		}
	}
}
