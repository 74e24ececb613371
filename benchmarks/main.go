// Command benchmarks compares the toolkit with its peers and with the physical
// limit, prints tables of medians and ratios, and writes results/<date>.md,
// results/<date>.json, the charts and the tables in the README and the records
// of decisions.
//
//	go run .                      everything, about twenty minutes
//	go run . -short               everything, in a few minutes, nothing written
//	go run . -only hit,stack      some groups, nothing written
//	go run . -only key -write     some groups, with their tables in the documents
//	go run . -against HEAD~1      this tree against a commit
//	go run . weight               what one more cache weighs, in the binary and the compiler
//	go run . weight -ours         without the peers
//	go run . weight -write        with the table in the README
//
// Comparisons that need a server or a disk are in the folder servers, which is a
// module of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"

	"github.com/reecho-go/reecho/benchmarks/program"
	"github.com/reecho-go/reecho/benchmarks/report"
	"github.com/reecho-go/reecho/benchmarks/weight"
	"github.com/reecho-go/reecho/benchmarks/workloads"
)

func main() {
	program.Main(program.Program{
		Name: "benchmarks", Dir: "benchmarks", Groups: workloads.All(), Ours: workloads.Ours, Publish: publish,
		Compared: compared,
		Commands: map[string]func(context.Context, []string) error{"weight": weigh},
	})
}

var compared = []string{
	"github.com/maypok86/otter/v2", "github.com/dgraph-io/ristretto/v2", "github.com/patrickmn/go-cache",
	"github.com/allegro/bigcache/v3", "github.com/coocood/freecache", "github.com/VictoriaMetrics/fastcache",
	"github.com/jellydator/ttlcache/v3", "github.com/hashicorp/golang-lru/v2",
	"github.com/mitchellh/hashstructure/v2", "github.com/cespare/xxhash/v2", "github.com/fxamacker/cbor/v2",
	"github.com/vmihailenco/msgpack/v5", "github.com/jinzhu/copier", "github.com/huandu/go-clone",
	"github.com/tiendc/go-deepcopy", "github.com/labstack/echo/v4",
	"github.com/Yiling-J/theine-go", "github.com/viccon/sturdyc", "github.com/bluele/gcache", "golang.org/x/sync",
	"github.com/labstack/echo-contrib", "github.com/gorilla/sessions", "github.com/alexedwards/scs/v2",
	"github.com/gofiber/fiber/v2", "github.com/gregjones/httpcache", "github.com/puzpuzpuz/xsync/v4",
}

// weigh prints what one more cache and its peers weigh, and fails if ours are
// over their bounds.
func weigh(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("benchmarks weight", flag.ContinueOnError)
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
	var rows []weight.Row
	for _, peer := range weight.Peers() {
		if *ours && peer.File == 0 {
			continue
		}
		program.Progress("%s", peer.Name)
		row, err := weight.Measure(ctx, filepath.Join(repository, "benchmarks"), peer)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	program.Progress("")
	fmt.Print(weight.Table(rows))
	if *write {
		if err := report.Between(filepath.Join(repository, "README.md"), "measured:weight", "\n"+weight.Table(rows)+"\n"); err != nil {
			return err
		}
	}
	return weight.Over(rows)
}
