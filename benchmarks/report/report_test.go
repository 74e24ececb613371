package report_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/report"
)

var result = bench.Result{
	Group: "hit", Name: "a < b", Reference: "map",
	Rows: []bench.Measure{
		{Peer: "map", NsPerOp: 20, MinNs: 19, MaxNs: 30, Ratio: 1},
		{Peer: "ours & yours", NsPerOp: 40, Allocs: 2, Ratio: 2},
		{Peer: "broken", Error: "boom"},
	},
}

func TestTableAndRatios(t *testing.T) {
	t.Parallel()
	table := report.Table(result)
	for _, want := range []string{"| map | 20.0 | 19.0-30.0 | 0 | 0 | 1.00 |", "failed: boom"} {
		if !strings.Contains(table, want) {
			t.Errorf("table\n%s\nlacks %q", table, want)
		}
	}
	ratios := report.Ratios(result, "ours & yours", "ours & yours", "map", "broken", "absent")
	if !strings.Contains(ratios, "| ours & yours | 1.00 | 2 |  |\n| map | 0.50 | 0 |  |\n") || strings.Contains(ratios, "broken") || strings.Contains(ratios, "absent") {
		t.Errorf("ratios\n%s", ratios)
	}
}

func TestChartIsWellFormed(t *testing.T) {
	t.Parallel()
	d := xml.NewDecoder(strings.NewReader(report.Chart(result, "map")))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWriteAndBetween(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	paths, err := report.New([]bench.Result{result}, 3).Write(dir, "today")
	if err != nil || len(paths) != 2 {
		t.Fatalf("Write() = %v, %v", paths, err)
	}
	b, err := os.ReadFile(paths[1])
	if err != nil {
		t.Fatal(err)
	}
	var back report.Run
	if err := json.Unmarshal(b, &back); err != nil || back.Results[0].Rows[1].NsPerOp != 40 || back.Go == "" {
		t.Errorf("JSON = %s, %v", b, err)
	}
	readme := filepath.Join(dir, "README.md")
	if err := os.WriteFile(readme, []byte("a\n<!-- x -->\nold\n<!-- /x -->\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := report.Between(readme, "x", "new\n"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(readme); string(got) != "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n" {
		t.Errorf("file = %q", got)
	}
	if err := report.Between(readme, "y", ""); err == nil {
		t.Error("Between() found markers that are not there")
	}
}
