package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/report"
	"github.com/reecho-go/reecho/benchmarks/workloads"
)

// The documents of this repository must have the markers that publish fills,
// and the tables must be those of the run.
func TestPublish(t *testing.T) {
	t.Parallel()
	repository := t.TempDir()
	files := []string{"README.md"}
	for _, table := range tables {
		if !slices.Contains(files, table.file) {
			files = append(files, table.file)
		}
	}
	for _, file := range files {
		b, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(repository, file)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	row := func(peer string, ratio float64) bench.Measure {
		return bench.Measure{Peer: peer, NsPerOp: 1000 * ratio, Ratio: ratio}
	}
	run := report.New([]bench.Result{
		{Group: "hit", Name: workloads.Headline, Reference: workloads.Ours, Rows: []bench.Measure{row(workloads.Ours, 1), row("otter", 7.25), row("a peer", 9)}},
		{Group: "key", Name: "a key", Reference: workloads.Ours, Rows: []bench.Measure{row(workloads.Ours, 1), row(workloads.Hashstructure, 31), row("a peer", 5)}},
		{Group: "copy", Name: "a value", Reference: workloads.ByHand, Rows: []bench.Measure{
			row(workloads.ByHand, 1), row(workloads.Ours, 1.125), row(workloads.Copier, 41), row("a peer", 6),
		}},
		{Group: "ratio", Name: "a trace", Reference: "otter", Unit: "% hits", Rows: []bench.Measure{{Peer: "otter", NsPerOp: 64}, {Peer: workloads.Ours, NsPerOp: 63.9}}},
		{Group: "memory", Name: "entries", Reference: "otter", Unit: "B/entry", Rows: []bench.Measure{{Peer: "otter", NsPerOp: 80}, {Peer: workloads.Ours, NsPerOp: 99}}},
		{Group: "races", Name: "a delete", Reference: workloads.Ours, Rows: []bench.Measure{
			{Peer: workloads.Ours, Text: "2 / 2"}, {Peer: "a peer", Text: "1 / 1"},
		}},
		{Group: "session", Name: "a route", Reference: workloads.OursInCookie, Rows: []bench.Measure{
			row("echo alone", 0.5), row(workloads.OursInCookie, 1), row(workloads.EchoContrib, 7), row(workloads.OursInMemory, 1), row(workloads.SCS, 8),
		}},
	}, 3)
	want := []struct{ file, line string }{
		{"README.md", "\n| reecho | 1.00 | 0 |  |\n| otter | 7.25 | 0 |  |\n\n<!-- /measured:hit -->"},
		{tables[0].file, "\n| a key | 1.0 µs (0) | 31.0 (0) | 5.00 (0) |\n"},
		{tables[1].file, "\n| a key | 1.0 µs (0) | 31.0 (0) |\n"},
		{tables[2].file, "\n| a value | 1.0 µs (0) | 1.12 (0) | 41.0 (0) | 6.00 (0) |\n"},
		{tables[3].file, "\n| a value | 1.0 µs (0) | 1.12 (0) | 41.0 (0) |\n"},
		{tables[4].file, "\n| a trace | 64.0 | 63.9 |\n"},
		{tables[5].file, "\n| entries | 80.0 | 99.0 |\n"},
		{tables[6].file, "\n| a delete | 2 / 2 | 1 / 1 |\n"},
		{tables[7].file, "\n| a route | 1.0 µs (0) | 7.00 (0) | 1.00 (0) | 8.00 (0) |\n"},
	}
	read := func(file string) string {
		b, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := make(map[string]string)
	for range 2 { // publishing again replaces what was published
		paths, err := publish(run, run.Date, repository)
		if err != nil {
			t.Fatal(err)
		}
		if len(paths) != len(files)+3 {
			t.Errorf("written: %v", paths)
		}
		for _, w := range want {
			file, line := w.file, w.line
			text := read(file)
			if strings.Count(text, line) != 1 {
				t.Errorf("%s does not have one line %q:\n%s", file, line, text)
			}
			if first[file] == "" {
				first[file] = text
			} else if first[file] != text {
				t.Errorf("%s changed when the same was published again", file)
			}
		}
	}
	before := read("README.md")
	paths, err := publish(report.New(nil, 3), "part", repository)
	if err != nil || len(paths) != 2 || read("README.md") != before {
		t.Errorf("of a run without the headline there were written: %v, %v", paths, err)
	}
}

// What the documents show must be the names of groups and peers.
func TestTablesNameGroupsAndPeers(t *testing.T) {
	t.Parallel()
	for _, table := range tables {
		list := workloads.All().Of(table.group)
		if len(list) == 0 {
			t.Errorf("%s: there is no group %q", table.file, table.group)
			continue
		}
		rows, err := list[0].Prepare()
		defer bench.Close(rows)
		if err != nil {
			t.Fatal(err)
		}
		known := make(map[string]bool)
		for _, row := range rows {
			known[row.Peer] = true
		}
		for _, peer := range table.peers {
			if !known[peer] {
				t.Errorf("%s: there is no peer %q", table.file, peer)
			}
		}
	}
}
