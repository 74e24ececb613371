// Release makes a release of all modules of the repository under one version. It first tries it: it
// publishes the modules in a proxy of files, fetches each into an empty program outside of the
// repository, as a user would, builds the program and runs it. With -publish it then commits the
// version, tags every module, and writes a bill of materials of each.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"
)

func main() {
	log.SetFlags(0)
	version := flag.String("version", "v0.0.0", "the version, such as v0.1.0")
	publish := flag.Bool("publish", false, "commit the version and tag it, after the trial")
	programs := flag.String("programs", "programs", "the folder of the programs to try the modules with")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: release [-version v0.1.0 -publish] REPOSITORY")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := release(ctx, flag.Arg(0), *programs, *version, *publish); err != nil {
		stop()
		log.Fatal("release: ", err)
	}
}

func release(ctx context.Context, repo, programs, version string, publish bool) error {
	repo, err := filepath.Abs(repo)
	if err != nil {
		return err
	}
	if semver.Canonical(version) != version || version == "" {
		return fmt.Errorf("-version %q is no version: write all of it, as in v0.1.0", version)
	}
	last, err := lastRelease(ctx, repo)
	if err != nil {
		return err
	}
	if publish {
		if err := ready(ctx, repo, version, last); err != nil {
			return err
		}
	}
	work, err := os.MkdirTemp("", "release")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	tree := filepath.Join(work, "tree")
	if err := copyTree(ctx, repo, tree); err != nil {
		return err
	}
	modules, err := modulesIn(tree)
	if err != nil {
		return err
	}
	if err := compare(ctx, repo, work, tree, modules, last, version); err != nil {
		return err
	}
	if err := try(ctx, work, tree, programs, modules, version); err != nil || !publish {
		return err
	}
	if err := tag(ctx, repo, modules, version); err != nil {
		return err
	}
	return materials(ctx, repo, work, modules)
}

// lastRelease returns the newest version that the repository has a tag of, or "".
func lastRelease(ctx context.Context, repo string) (string, error) {
	out, err := run(ctx, repo, nil, "git", "tag", "--list", "v*", "--merged", "HEAD")
	if err != nil {
		return "", err
	}
	last := ""
	for tag := range strings.Lines(out) {
		if tag = strings.TrimSpace(tag); semver.IsValid(tag) && (last == "" || semver.Compare(tag, last) > 0) {
			last = tag
		}
	}
	return last, nil
}

// ready says all that stands against a release.
func ready(ctx context.Context, repo, version, last string) error {
	var errs []error
	if version == "v0.0.0" {
		errs = append(errs, errors.New("say which version: make release VERSION=v0.1.0"))
	}
	if last != "" && semver.Compare(version, last) <= 0 {
		errs = append(errs, fmt.Errorf("%s is not after %s, the last release", version, last))
	}
	if changed, err := run(ctx, repo, nil, "git", "status", "--porcelain"); err != nil || changed != "" {
		errs = append(errs, cmp.Or(err, fmt.Errorf("there are changes that are not committed:\n%s", changed)))
	}
	log, err := os.ReadFile(filepath.Join(repo, "CHANGELOG.md"))
	if err == nil {
		_, err = dated(string(log), version, "")
	}
	return errors.Join(append(errs, err)...)
}
