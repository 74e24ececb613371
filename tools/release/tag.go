package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const unreleased = "## [Unreleased]\n"

// dated gives the changes under Unreleased a version and a day.
func dated(changelog, version, day string) (string, error) {
	before, after, ok := strings.Cut(changelog, unreleased)
	if !ok {
		return "", fmt.Errorf("CHANGELOG.md has no line %q", strings.TrimSpace(unreleased))
	}
	changes, _, _ := strings.Cut(after, "\n## ")
	if !strings.Contains(changes, "\n- ") {
		return "", errors.New("CHANGELOG.md lists nothing under Unreleased")
	}
	return before + unreleased + "\n## [" + strings.TrimPrefix(version, "v") + "] - " + day + "\n" + after, nil
}

// tag commits the version in every go.mod and in the changelog, and tags each module. It pushes nothing.
func tag(ctx context.Context, repo string, modules []module, version string) error {
	file := filepath.Join(repo, "CHANGELOG.md")
	changelog, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := dated(string(changelog), version, time.Now().Format(time.DateOnly))
	if err != nil {
		return err
	}
	if err := errors.Join(require(repo, modules, version), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		return err
	}
	if _, err := run(ctx, repo, nil, "git", "commit", "--quiet", "--all", "--message", "release: "+version); err != nil {
		return err
	}
	var tags []string
	for _, m := range modules {
		if _, err := run(ctx, repo, nil, "git", "tag", "--annotate", m.tag(version), "--message", m.path+" "+version); err != nil {
			return err
		}
		tags = append(tags, m.tag(version))
	}
	log.Printf("tagged. To publish it:\n  git push --atomic origin HEAD %s", strings.Join(tags, " "))
	return nil
}

// materials writes a bill of materials (CycloneDX) of each module into artifacts/sbom.
func materials(ctx context.Context, repo, work string, modules []module) error {
	dir := filepath.Join(repo, "artifacts", "sbom")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cyclonedx, err := tool(ctx, work, "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod")
	if err != nil {
		return err
	}
	for _, m := range modules {
		name := filepath.Join(dir, filepath.Base(m.path)+".cdx.json")
		if _, err := run(ctx, repo, nil, cyclonedx, "mod", "-json", "-output", name, filepath.Join(repo, m.dir)); err != nil {
			return err
		}
	}
	log.Printf("bills of materials are in %s", dir)
	return nil
}
