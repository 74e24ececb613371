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
//
// Comparisons that need a server or a disk are in the folder servers, which is a
// module of its own.
package main

import (
	"github.com/reecho-go/reecho/benchmarks/program"
	"github.com/reecho-go/reecho/benchmarks/workloads"
)

func main() {
	program.Main(program.Program{
		Name: "benchmarks", Dir: "benchmarks", Groups: workloads.All(), Ours: workloads.Ours, Publish: publish,
		Compared: compared,
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
