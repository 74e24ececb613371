package main

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/reecho-go/reecho/benchmarks/report"
	"github.com/reecho-go/reecho/benchmarks/workloads"
)

// tables are what the documents show of a run: the figures of a group between
// the markers measured:<group>.
var tables = []struct {
	file  string
	group string
	peers []string // the columns; none: all peers
}{
	{"docs/adr/0001-exact-keys.md", "key", nil},
	{"docs/adr/0002-hashstructure-for-fingerprints.md", "key", []string{workloads.Ours, workloads.Hashstructure}},
	{"docs/adr/0003-compiled-copies.md", "copy", nil},
	{"docs/adr/0004-copier-for-mapping.md", "copy", []string{workloads.ByHand, workloads.Ours, workloads.Copier}},
	{"docs/adr/0005-otter-as-a-store-only.md", "ratio", nil},
	{"docs/adr/0005-otter-as-a-store-only.md", "memory", nil},
	{"docs/adr/0006-the-publish-rule.md", "races", nil},
	{"docs/adr/0008-sessions-on-gorilla.md", "session", []string{workloads.OursInCookie, workloads.EchoContrib, workloads.OursInMemory, workloads.SCS}},
	{"README.md", "key", []string{workloads.Ours, workloads.ByHand, workloads.Hashstructure, "cbor + xxhash", "fmt"}},
	{"README.md", "copy", []string{workloads.ByHand, workloads.Ours, "go-clone", workloads.Copier, "msgpack"}},
	{"README.md", "session", []string{workloads.OursInCookie, workloads.EchoContrib, workloads.OursInMemory, workloads.SCS}},
	{"README.md", "query", []string{"url.ParseQuery alone", workloads.Ours, "echo QueryParamsBinder", "echo Bind", "gorilla/schema"}},
}

// headlinePeers are those of the README's first table, in this order.
var headlinePeers = []string{
	workloads.Ours, "map + RWMutex + copy", "otter + copy", "theine + copy", "ristretto + copy", "go-cache + copy",
	"bigcache + msgpack", "otter + hashstructure + copier", "otter",
}

// publish writes everything that is committed, below the repository's folder,
// and returns the paths. The results are called name; what was not measured
// stays as it is.
func publish(r report.Run, name, repository string) ([]string, error) {
	results := filepath.Join(repository, "benchmarks", "results")
	paths, err := r.Write(results, name)
	if err != nil {
		return nil, err
	}
	if headline, ok := r.Find("hit", workloads.Headline); ok {
		chart := filepath.Join(results, "hit.svg")
		if err := os.WriteFile(chart, []byte(report.Chart(headline, workloads.Ours)), 0o644); err != nil {
			return nil, err
		}
		readme := filepath.Join(repository, "README.md")
		if err := report.Between(readme, "measured:hit", "\n"+report.Ratios(headline, workloads.Ours, headlinePeers...)+"\n"); err != nil {
			return nil, err
		}
		paths = append(paths, chart, readme)
	}
	for _, t := range tables {
		if !r.Has(t.group) {
			continue
		}
		path := filepath.Join(repository, t.file)
		if err := report.Between(path, "measured:"+t.group, "\n"+r.Overview(t.group, t.peers...)+"\n"); err != nil {
			return nil, err
		}
		if !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths, nil
}
