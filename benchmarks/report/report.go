// Package report writes what a run has measured: tables for people, JSON for
// programs, charts for the README.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/reecho-go/reecho/benchmarks/bench"
)

// Run is everything that a run has to say.
type Run struct {
	Date    string            `json:"date"`
	CPU     string            `json:"cpu"`
	CPUs    int               `json:"cpus"`
	OS      string            `json:"os"`
	Go      string            `json:"go"`
	Rounds  int               `json:"rounds"`
	Peers   map[string]string `json:"peers"` // module -> version
	Results []bench.Result    `json:"results"`
}

// New describes this machine and build, with the versions of the modules that were
// compared.
func New(results []bench.Result, rounds int, compared ...string) Run {
	return Run{
		Date: time.Now().UTC().Format(time.DateOnly), CPU: cpu(), CPUs: runtime.GOMAXPROCS(0),
		OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Rounds: rounds, Peers: versions(compared), Results: results,
	}
}

func versions(compared []string) map[string]string {
	out := map[string]string{}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return out
	}
	for _, d := range info.Deps {
		if slices.Contains(compared, d.Path) {
			out[d.Path] = d.Version
		}
	}
	return out
}

// cpu is the processor's name as Linux tells it.
func cpu() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// Find returns the result of one workload.
func (r Run) Find(group, name string) (bench.Result, bool) {
	for _, res := range r.Results {
		if res.Group == group && res.Name == name {
			return res, true
		}
	}
	return bench.Result{}, false
}

// Has reports whether a group was measured.
func (r Run) Has(group string) bool {
	return slices.ContainsFunc(r.Results, func(res bench.Result) bool { return res.Group == group })
}

// Markdown renders the whole run.
func (r Run) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks, %s\n\n%s, %d CPUs, %s, %s. Medians of %d interleaved rounds; ratios are medians of those within a round, to the row marked 1.00 of the same table. "+
		"Times are CPU time on one processor, garbage collection included; on all CPUs, the time that passes.\n", r.Date, r.CPU, r.CPUs, r.OS, r.Go, r.Rounds)
	mods := make([]string, 0, len(r.Peers))
	for m, v := range r.Peers {
		mods = append(mods, m+" "+v)
	}
	slices.Sort(mods)
	fmt.Fprintf(&b, "Peers: %s.\n", strings.Join(mods, ", "))
	for i, res := range r.Results {
		switch first := i == 0 || r.Results[i-1].Group != res.Group; {
		case !res.Words():
			fmt.Fprintf(&b, "\n## %s: %s\n\n%s", res.Group, res.Name, Table(res))
		case first:
			fmt.Fprintf(&b, "\n## %s\n\n%s", res.Group, r.Overview(res.Group))
		}
	}
	return b.String()
}

// Table renders one workload.
func Table(res bench.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s | min-max | B/op | allocs/op | ratio | |\n|---|---:|---:|---:|---:|---:|---|\n", cmp.Or(res.Unit, "ns/op"))
	for _, m := range res.Rows {
		switch {
		case m.Error != "":
			fmt.Fprintf(&b, "| %s | | | | | | failed: %s |\n", m.Peer, m.Error)
			continue
		case m.Text != "":
			fmt.Fprintf(&b, "| %s | | | | | | %s |\n", m.Peer, m.Text)
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s-%s | %d | %d | %.2f | %s |\n", m.Peer, number(m.NsPerOp), number(m.MinNs), number(m.MaxNs), m.Bytes, m.Allocs, m.Ratio, m.Note)
	}
	return b.String()
}

func number(ns float64) string {
	if ns < 100 {
		return fmt.Sprintf("%.1f", ns)
	}
	return fmt.Sprintf("%.0f", ns)
}

// Write puts name.md and name.json into dir and returns their paths.
func (r Run) Write(dir, name string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	md, js := filepath.Join(dir, name+".md"), filepath.Join(dir, name+".json")
	if err := os.WriteFile(md, []byte(r.Markdown()), 0o644); err != nil {
		return nil, err
	}
	return []string{md, js}, r.WriteJSON(js)
}

// WriteJSON writes the run to one file.
func (r Run) WriteJSON(path string) error {
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// Ratios is a short table: how many times longer each of these peers takes than ours.
func Ratios(res bench.Result, ours string, peers ...string) string {
	measured := make(map[string]bench.Measure, len(res.Rows))
	for _, m := range res.Rows {
		if m.Error == "" {
			measured[m.Peer] = m
		}
	}
	own, ok := measured[ours]
	if !ok {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | time of a hit | allocations | |\n|---|---:|---:|---|\n", res.Name)
	for _, peer := range peers {
		if m, ok := measured[peer]; ok {
			fmt.Fprintf(&b, "| %s | %.2f | %d | %s |\n", m.Peer, m.NsPerOp/own.NsPerOp, m.Allocs, m.Note)
		}
	}
	return b.String()
}

// Between replaces what stands between the markers <!-- name --> and
// <!-- /name --> in the file by text.
func Between(path, name, text string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	open, end := "<!-- "+name+" -->", "<!-- /"+name+" -->"
	before, rest, ok := strings.Cut(string(b), open)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s: the markers %s and %s are missing", path, open, end)
	}
	return os.WriteFile(path, []byte(before+open+"\n"+text+end+after), 0o644)
}
