package program

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/report"
)

// turns is how often the two builds are run, one after the other.
const turns = 4

// compare builds this tree and the given revision and runs them in turn: the
// median of each of our rows, theirs and ours, and the ratio.
func (p Program) compare(ctx context.Context, o options) error {
	repository, err := Repository()
	if err != nil {
		return err
	}
	dir := filepath.Join(repository, p.Dir)
	tmp, err := os.MkdirTemp("", "benchmarks")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	tree := filepath.Join(tmp, "tree")
	if err := command(ctx, dir, "git", "worktree", "add", "--detach", tree, o.against); err != nil {
		return fmt.Errorf("-against %s: %w", o.against, err)
	}
	// the context may be over by then; the work tree must go all the same
	defer func() {
		_ = command(context.WithoutCancel(ctx), dir, "git", "worktree", "remove", "--force", tree)
	}()
	now, then := filepath.Join(tmp, "now"), filepath.Join(tmp, "then")
	if err := command(ctx, dir, "go", "build", "-o", now, "."); err != nil {
		return err
	}
	if err := command(ctx, filepath.Join(tree, p.Dir), "go", "build", "-o", then, "."); err != nil {
		return fmt.Errorf("-against %s: its benchmarks do not build: %w", o.against, err)
	}
	nows, thens := map[string][]float64{}, map[string][]float64{}
	for range turns {
		for bin, into := range map[string]map[string][]float64{now: nows, then: thens} {
			if err := p.collect(ctx, bin, o, into); err != nil {
				return err
			}
		}
	}
	names := make([]string, 0, len(nows))
	for name := range nows {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Printf("| workload | %s | now | now / then |\n|---|---:|---:|---:|\n", o.against)
	for _, name := range names {
		a, b := bench.Median(thens[name]), bench.Median(nows[name])
		if a == 0 {
			fmt.Printf("| %s | | %.1f | |\n", name, b)
			continue
		}
		fmt.Printf("| %s | %.1f | %.1f | %.2f |\n", name, a, b, b/a)
	}
	return nil
}

// collect runs a build once and adds the medians of our rows.
func (p Program) collect(ctx context.Context, bin string, o options, into map[string][]float64) error {
	out := bin + ".json"
	args := []string{"-json", out, fmt.Sprintf("-count=%d", o.count), "-only=" + o.only}
	if o.short {
		args = append(args, "-short")
	}
	if err := command(ctx, "", bin, args...); err != nil {
		return err
	}
	b, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	var r report.Run
	if err := json.Unmarshal(b, &r); err != nil {
		return err
	}
	for _, res := range r.Results {
		for _, m := range res.Rows {
			if m.Peer == p.Ours && m.Error == "" && m.Text == "" {
				name := res.Group + ": " + res.Name
				into[name] = append(into[name], m.NsPerOp)
			}
		}
	}
	return nil
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	return cmd.Run()
}
