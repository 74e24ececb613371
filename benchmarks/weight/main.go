// Command weight measures what a library adds to a program: bytes and functions
// of the binary, CPU time and memory of the compiler, for the first use and for
// each one more. It builds programs that differ in nothing else.
//
//	go run ./weight               what one more cache weighs, in the binary and the compiler
//	go run ./weight -ours         without the peers
//	go run ./weight -write        with the table in the README
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"

	"github.com/reecho-go/reecho/benchmarks/program"
	"github.com/reecho-go/reecho/benchmarks/report"
)

func main() { program.Exec("weight", weigh) }

// weigh prints what one more cache and its peers weigh, and fails if ours are
// over their bounds.
func weigh(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("weight", flag.ContinueOnError)
	ours := fs.Bool("ours", false, "weigh only what has a bound")
	write := fs.Bool("write", false, "write the table to the README")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *ours && *write {
		return errors.New("-ours with -write: the README's table has all peers, leave out -ours")
	}
	repository, err := program.Repository()
	if err != nil {
		return err
	}
	var rows []row
	for _, peer := range peers() {
		if *ours && peer.File == 0 {
			continue
		}
		program.Progress("%s", peer.Name)
		weighed, err := measure(ctx, filepath.Join(repository, "benchmarks"), peer)
		if err != nil {
			return err
		}
		rows = append(rows, weighed)
	}
	program.Progress("")
	fmt.Print(table(rows))
	if *write {
		if err := report.Between(filepath.Join(repository, "README.md"), "measured:weight", "\n"+table(rows)+"\n"); err != nil {
			return err
		}
	}
	return over(rows)
}
