package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"
)

// compare prints what the API of each module has changed incompatibly since the last release, and
// fails if the version does not say so (https://semver.org): before v1 by its second number, from
// then on by its first.
func compare(ctx context.Context, repo, work, tree string, modules []module, last, version string) error {
	if last == "" {
		log.Print("  nothing has been released: there is no API to compare with")
		return nil
	}
	before := filepath.Join(work, "before")
	if _, err := run(ctx, repo, nil, "git", "clone", "--quiet", "--branch", last, repo, before); err != nil {
		return err
	}
	apidiff, err := tool(ctx, work, "golang.org/x/exp/cmd/apidiff")
	if err != nil {
		return err
	}
	var broken strings.Builder
	for _, m := range modules {
		if _, err := os.Stat(filepath.Join(before, m.dir, "go.mod")); err != nil {
			continue // it is new
		}
		export := filepath.Join(work, "export")
		if _, err := run(ctx, filepath.Join(before, m.dir), nil, apidiff, "-m", "-w", export, m.path); err != nil {
			return err
		}
		changes, err := run(ctx, filepath.Join(tree, m.dir), nil, apidiff, "-m", "-incompatible", export, m.path)
		if err != nil {
			return err
		}
		if changes = strings.TrimSpace(changes); changes != "" {
			fmt.Fprintf(&broken, "%s:\n%s\n", m.path, changes)
		}
	}
	if broken.Len() == 0 {
		return nil
	}
	if number := promise(last); number == promise(version) {
		return fmt.Errorf("%s promises what %s has, and these changes break it:\n%s", version, last, &broken)
	}
	log.Printf("changed since %s, and not compatible:\n%s", last, &broken)
	return nil
}

// promise is the part of a version within which the API stays compatible.
func promise(version string) string {
	if major := semver.Major(version); major != "v0" {
		return major
	}
	return semver.MajorMinor(version)
}

// tool builds one of the tools of go.mod into a folder, and returns its path.
func tool(ctx context.Context, dir, path string) (string, error) {
	binary := filepath.Join(dir, filepath.Base(path))
	_, err := run(ctx, ".", nil, "go", "build", "-o", binary, path)
	return binary, err
}
