// Package program is the command line of programs that compare: it runs groups of
// workloads, prints the tables, writes what is committed, and compares a tree with
// a commit.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/report"
)

// Program is what a program compares.
type Program struct {
	Name   string // as its errors begin
	Dir    string // its folder in the repository
	Groups bench.Groups
	Ours   string // the peer whose rows are compared with those of a commit
	// Compared are the modules whose versions a reader wants to know.
	Compared []string
	// Suffix is what the names of the results of a whole run end with.
	Suffix string
	// Publish writes the results under a name, and the tables in the documents, below
	// the folder of the repository, and returns the paths.
	Publish func(r report.Run, name, repository string) ([]string, error)
	// Ready says what is missing on this machine; nil: nothing can be.
	Ready func() error
	// Commands are what the first argument can ask for instead.
	Commands map[string]func(ctx context.Context, args []string) error
}

// Main runs the program with the arguments of the process, as [Exec] does.
func Main(p Program) { Exec(p.Name, p.Run) }

// Exec runs a command with the arguments of the process, until it is interrupted, and
// ends the process by status 1 after an error, which it prints after the name.
func Exec(name string, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
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
	groups  []string
}

func (p Program) parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	fs.BoolVar(&o.short, "short", false, "quick and rough: fewer, shorter rounds; writes no files")
	fs.StringVar(&o.only, "only", "", "comma-separated groups to run: "+strings.Join(p.Groups.Names(), ", "))
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
	o.groups = p.Groups.Names()
	if o.only != "" {
		o.groups = strings.Split(o.only, ",")
	}
	for _, g := range o.groups {
		if !slices.Contains(p.Groups.Names(), g) {
			return o, fmt.Errorf("-only: there is no group %q; the groups are %s", g, strings.Join(p.Groups.Names(), ", "))
		}
	}
	return o, nil
}

func (o options) settings() bench.Settings {
	s := bench.Settings{Rounds: 8, Round: 100 * time.Millisecond, Progress: Progress}
	if o.short {
		s.Rounds, s.Round = 3, 20*time.Millisecond
	}
	if o.count > 0 {
		s.Rounds = o.count
	}
	return s
}

// Progress replaces the line that tells how far the program is.
func Progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "\r\033[K"+format, args...)
}

// Run runs the program with these arguments.
func (p Program) Run(ctx context.Context, args []string) error {
	if len(args) > 0 && p.Commands[args[0]] != nil {
		return p.Commands[args[0]](ctx, args[1:])
	}
	o, err := p.parse(args)
	if err != nil {
		return err
	}
	if p.Ready != nil {
		if err := p.Ready(); err != nil {
			return err
		}
	}
	if o.against != "" {
		return p.compare(ctx, o)
	}
	s := o.settings()
	results, err := bench.Run(ctx, p.Groups.Of(o.groups...), s)
	Progress("")
	if err != nil {
		return err
	}
	r := report.New(results, s.Rounds, p.Compared...)
	if o.json != "" {
		return r.WriteJSON(o.json)
	}
	fmt.Print(r.Markdown())
	if o.short || o.only != "" && !o.write {
		return nil
	}
	repository, err := Repository()
	if err != nil {
		return err
	}
	name := r.Date + p.Suffix
	if o.only != "" {
		name = r.Date + "-" + strings.Join(o.groups, "-")
	}
	paths, err := p.Publish(r, name, repository)
	if err != nil {
		return err
	}
	fmt.Println("\nwritten:", strings.Join(paths, ", "))
	return nil
}

// Repository is the folder of the repository, which this one is in.
func Repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "benchmarks", "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run this from the repository or from a folder in it")
		}
		dir = parent
	}
}
