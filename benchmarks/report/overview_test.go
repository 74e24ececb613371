package report_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/report"
)

func TestOverview(t *testing.T) {
	t.Parallel()
	run := report.Run{
		Date: "2026-01-02", CPU: "a processor", CPUs: 2, OS: "linux/amd64", Go: "go1.26", Rounds: 8,
		Results: []bench.Result{
			{Group: "other", Name: "not shown", Reference: "x", Rows: []bench.Measure{{Peer: "x", NsPerOp: 1, Ratio: 1}}},
			{Group: "copy", Name: "rows", Reference: "hand", Rows: []bench.Measure{
				{Peer: "ours", NsPerOp: 1500, Ratio: 1.0714, Allocs: 3},
				{Peer: "hand", NsPerOp: 1400, Ratio: 1, Allocs: 3},
				{Peer: "theirs", NsPerOp: 140000, Ratio: 100, Allocs: 300, Note: "nil becomes empty"},
			}},
			{Group: "copy", Name: "bytes", Reference: "hand", Rows: []bench.Measure{
				{Peer: "ours", NsPerOp: 2e6, Ratio: 1, Allocs: 1},
				{Peer: "hand", NsPerOp: 2e6, Ratio: 1, Allocs: 1},
				{Peer: "theirs", NsPerOp: 25e6, Ratio: 12.5, Allocs: 2, Note: "nil becomes empty"},
				{Peer: "fourth", Error: "boom"},
			}},
		},
	}
	const head = "Measured 2026-01-02 on a processor, 2 CPUs, linux/amd64, go1.26, medians of 8 interleaved rounds. " +
		"The time is that of hand; of the others, how many times as long. Allocations are in brackets.\n\n"
	const all = head + `| | hand | ours | theirs | fourth |
|---|---:|---:|---:|---:|
| rows | 1.4 µs (3) | 1.07 (3) | 100 (300) [1] |  |
| bytes | 2.0 ms (1) | 1.00 (1) | 12.5 (2) [1] | failed [2] |

1. theirs: nil becomes empty.
2. fourth: boom.
`
	if diff := cmp.Diff(all, run.Overview("copy")); diff != "" {
		t.Errorf("all peers (-want +got):\n%s", diff)
	}
	const some = head + `| | ours | hand |
|---|---:|---:|
| rows | 1.07 (3) | 1.4 µs (3) |
| bytes | 1.00 (1) | 2.0 ms (1) |
`
	if diff := cmp.Diff(some, run.Overview("copy", "ours", "hand")); diff != "" {
		t.Errorf("some peers (-want +got):\n%s", diff)
	}
	words := report.Run{Date: "2026-01-02", CPU: "a processor", CPUs: 2, OS: "linux/amd64", Go: "go1.26", Results: []bench.Result{
		{Group: "races", Name: "a delete", Reference: "ours", Rows: []bench.Measure{{Peer: "ours", Text: "2 / 2"}, {Peer: "theirs", Text: "1 / 1"}}},
		{Group: "races", Name: "a clear", Reference: "ours", Rows: []bench.Measure{{Peer: "ours", Text: "2 / 2"}, {Peer: "theirs", Error: "boom"}}},
	}}
	const matrix = `Measured 2026-01-02 on a processor, 2 CPUs, linux/amd64, go1.26; each answer is what the library did.

| | ours | theirs |
|---|---:|---:|
| a delete | 2 / 2 | 1 / 1 |
| a clear | 2 / 2 | failed [1] |

1. theirs: boom.
`
	if diff := cmp.Diff(matrix, words.Overview("races")); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
	if all := words.Markdown(); strings.Count(all, matrix) != 1 || strings.Count(all, "## ") != 1 {
		t.Errorf("words are one table:\n%s", all)
	}
	figures := report.Run{Date: "2026-01-02", CPU: "a processor", CPUs: 2, OS: "linux/amd64", Go: "go1.26", Rounds: 8, Results: []bench.Result{
		{Group: "ratio", Name: "a trace", Unit: "% hits", Reference: "theirs", Rows: []bench.Measure{
			{Peer: "ours", NsPerOp: 64.04, Ratio: 1.1}, {Peer: "theirs", NsPerOp: 58.2, Ratio: 1, Note: "guesses"},
		}},
	}}
	const hits = `Measured 2026-01-02 on a processor, 2 CPUs, linux/amd64, go1.26, in % hits.

| | theirs | ours |
|---|---:|---:|
| a trace | 58.2 [1] | 64.0 |

1. theirs: guesses.
`
	if diff := cmp.Diff(hits, figures.Overview("ratio")); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	if got := run.Overview("nothing"); got != "" {
		t.Errorf("a group without results gives %q", got)
	}
}
