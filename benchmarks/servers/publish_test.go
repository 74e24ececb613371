package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/report"
	"github.com/reecho-go/reecho/benchmarks/servers/peers"
)

// The README of this repository must have the markers that publish fills.
func TestPublishFillsTheReadme(t *testing.T) {
	t.Parallel()
	repository := t.TempDir()
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	readme := filepath.Join(repository, "README.md")
	if err := os.WriteFile(readme, b, 0o600); err != nil {
		t.Fatal(err)
	}
	words := bench.Result{Group: "cluster", Name: "a delete", Reference: peers.Ours, Rows: []bench.Measure{{Peer: peers.Ours, Text: "new"}, {Peer: "a peer", Text: "old"}}}
	figures := bench.Result{Group: "loopback", Name: "a hit", Unit: "µs", Reference: peers.EchoAlone, Rows: []bench.Measure{{Peer: peers.EchoAlone, NsPerOp: 20}, {Peer: peers.Ours, NsPerOp: 21.5}}}
	for range 2 { // publishing again replaces what was published
		if _, err := publish(report.New([]bench.Result{words, figures}, 1), "today", repository); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(readme)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"| a delete | new | old |", "| a hit | 20.0 | 21.5 |"} {
			if n := strings.Count(string(text), "\n"+line+"\n"); n != 1 {
				t.Errorf("the README has the line %q %d times", line, n)
			}
		}
	}
	paths, err := publish(report.New([]bench.Result{{Group: "servers"}}, 1), "today", repository)
	if err != nil || len(paths) != 2 {
		t.Errorf("without a group that has a table there were written: %v, %v", paths, err)
	}
}
