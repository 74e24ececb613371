// Command benchmarks compares the toolkit with its peers and with the physical
// limit, prints tables of medians and ratios, and writes results/<date>.md,
// results/<date>.json, the charts and the tables in the README and the records
// of decisions.
//
//	go run .                      everything, about twenty minutes
//	go run . -short               everything, in a few minutes, nothing written
//	go run . -only hit,stack      some groups, nothing written
//	go run . -only key -write     some groups, with their tables in the documents
//	go run . -against v0.1.0      this tree against a commit
//	go run . weight               what one more cache weighs, in the binary and the compiler
//	go run . weight -ours         without the peers
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/report"
	"github.com/reecho-go/reecho/benchmarks/weight"
	"github.com/reecho-go/reecho/benchmarks/workloads"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	short   bool
	only    string
	write   bool
	count   int
	against string
	json    string
}

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	fs.BoolVar(&o.short, "short", false, "quick and rough: fewer, shorter rounds; writes no files")
	fs.StringVar(&o.only, "only", "", "comma-separated groups to run: "+strings.Join(workloads.Groups(), ", "))
	fs.BoolVar(&o.write, "write", false, "with -only: write the results and the tables of these groups")
	fs.IntVar(&o.count, "count", 0, "rounds per row (default 8, with -short 3)")
	fs.StringVar(&o.against, "against", "", "compare this tree's own rows with those of a git revision")
	fs.StringVar(&o.json, "json", "", "write the results to this file only")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if o.write && (o.only == "" || o.short) {
		return o, fmt.Errorf("-write is for -only, and not for -short: a whole run writes anyway")
	}
	if o.count < 0 {
		return o, fmt.Errorf("-count is %d: it must be at least 1", o.count)
	}
	for _, g := range o.groups() {
		if !slices.Contains(workloads.Groups(), g) {
			return o, fmt.Errorf("-only: there is no group %q; the groups are %s", g, strings.Join(workloads.Groups(), ", "))
		}
	}
	return o, nil
}

// groups are those asked for, all by default.
func (o options) groups() []string {
	if o.only == "" {
		return workloads.Groups()
	}
	return strings.Split(o.only, ",")
}

func (o options) settings() bench.Settings {
	s := bench.Settings{Rounds: 8, Round: 100 * time.Millisecond, Progress: progress}
	if o.short {
		s.Rounds, s.Round = 3, 20*time.Millisecond
	}
	if o.count > 0 {
		s.Rounds = o.count
	}
	return s
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "\r\033[K"+format, args...)
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "weight" {
		return weigh(ctx, args[1:])
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.against != "" {
		return compare(ctx, o)
	}
	s := o.settings()
	results, err := bench.Run(ctx, workloads.Of(o.groups()...), s)
	progress("")
	if err != nil {
		return err
	}
	r := report.New(results, s.Rounds)
	if o.json != "" {
		return r.WriteJSON(o.json)
	}
	fmt.Print(r.Markdown())
	if o.short || o.only != "" && !o.write {
		return nil
	}
	dir, err := moduleDir()
	if err != nil {
		return err
	}
	name := r.Date
	if o.only != "" {
		name += "-" + strings.Join(o.groups(), "-")
	}
	paths, err := publish(r, name, filepath.Join(dir, ".."))
	if err != nil {
		return err
	}
	fmt.Println("\nwritten:", strings.Join(paths, ", "))
	return nil
}

// weigh prints what one more cache and its peers weigh, and fails if ours are
// over their bounds.
func weigh(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("benchmarks weight", flag.ContinueOnError)
	ours := fs.Bool("ours", false, "weigh only what has a bound")
	if err := fs.Parse(args); err != nil {
		return err
	}
	dir, err := moduleDir()
	if err != nil {
		return err
	}
	var rows []weight.Row
	for _, peer := range weight.Peers() {
		if *ours && peer.File == 0 {
			continue
		}
		progress("%s", peer.Name)
		row, err := weight.Measure(ctx, dir, peer)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	progress("")
	fmt.Print(weight.Table(rows))
	return weight.Over(rows)
}

// moduleDir is the folder of this module, where results belong.
func moduleDir() (string, error) {
	for _, dir := range []string{".", "benchmarks"} {
		if _, err := os.Stat(filepath.Join(dir, "workloads", "hit.go")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("run this from the repository or from its folder benchmarks")
}
