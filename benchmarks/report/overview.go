package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/benchmarks/bench"
)

// Overview renders the workloads of one group as one table: a line for each
// workload, a column for each peer. The reference of the workloads has times,
// the others say how many times as long they take; allocations are in brackets.
// Figures that are no times are those of each peer. Peers, if there are any, are the only ones shown, in this order.
func (r Run) Overview(group string, peers ...string) string {
	results := slices.DeleteFunc(slices.Clone(r.Results), func(res bench.Result) bool { return res.Group != group })
	if len(results) == 0 {
		return ""
	}
	if len(peers) == 0 {
		peers = peersOf(results)
	}
	reference := results[0].Reference
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %s, %d CPUs, %s, %s", r.Date, r.CPU, r.CPUs, r.OS, r.Go)
	switch {
	case results[0].Words():
		b.WriteString("; each answer is what the library did.\n\n")
	case results[0].Unit != "":
		fmt.Fprintf(&b, ", in %s.\n\n", results[0].Unit)
	default:
		fmt.Fprintf(&b, ", medians of %d interleaved rounds. The time is that of %s; of the others, how many times as long. Allocations are in brackets.\n\n", r.Rounds, reference)
	}
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(peers, " | "), strings.Repeat("---:|", len(peers)))
	var notes notes
	for _, res := range results {
		fmt.Fprintf(&b, "| %s |", res.Name)
		for _, peer := range peers {
			fmt.Fprintf(&b, " %s |", cell(res, peer, &notes))
		}
		b.WriteString("\n")
	}
	if len(notes) > 0 {
		b.WriteString("\n")
	}
	for i, n := range notes {
		fmt.Fprintf(&b, "%d. %s: %s.\n", i+1, n.peer, n.text)
	}
	return b.String()
}

// peersOf are the peers of all results, the reference first.
func peersOf(results []bench.Result) []string {
	peers := []string{results[0].Reference}
	for _, res := range results {
		for _, m := range res.Rows {
			if !slices.Contains(peers, m.Peer) {
				peers = append(peers, m.Peer)
			}
		}
	}
	return peers
}

// cell is what one peer did in one workload; empty if it took no part.
func cell(res bench.Result, peer string, notes *notes) string {
	at := slices.IndexFunc(res.Rows, func(m bench.Measure) bool { return m.Peer == peer })
	if at < 0 {
		return ""
	}
	m := res.Rows[at]
	if m.Error != "" {
		return notes.mark("failed", peer, m.Error)
	}
	if m.Text != "" {
		return notes.mark(m.Text, peer, m.Note)
	}
	if res.Unit != "" {
		return notes.mark(number(m.NsPerOp), peer, m.Note)
	}
	value := ratio(m.Ratio)
	if peer == res.Reference {
		value = duration(m.NsPerOp)
	}
	return notes.mark(fmt.Sprintf("%s (%d)", value, m.Allocs), peer, m.Note)
}

// notes are the remarks under a table.
type notes []note

type note struct{ peer, text string }

// mark adds the number of the note to a cell; without a text there is none.
func (n *notes) mark(cell, peer, text string) string {
	if text == "" {
		return cell
	}
	at := slices.Index(*n, note{peer, text})
	if at < 0 {
		at = len(*n)
		*n = append(*n, note{peer, text})
	}
	return fmt.Sprintf("%s [%d]", cell, at+1)
}

func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return number(ns) + " ns"
	case ns < 1e6:
		return number(ns/1e3) + " µs"
	}
	return number(ns/1e6) + " ms"
}

func ratio(r float64) string {
	switch {
	case r < 10:
		return fmt.Sprintf("%.2f", r)
	case r < 100:
		return fmt.Sprintf("%.1f", r)
	}
	return fmt.Sprintf("%.0f", r)
}
