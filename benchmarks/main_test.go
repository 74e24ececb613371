package main

import (
	"strings"
	"testing"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/workloads"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-only nothing": `there is no group "nothing"`,
		"-count -1":     "-count is -1",
		"-write":        "-write is for -only",
		"more":          `unexpected argument "more"`,
	} {
		if _, err := parse(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%s) = %v, want %q", args, err, want)
		}
	}
	o, err := parse([]string{"-short", "-count", "5", "-only", "stack"})
	if err != nil || o.settings().Rounds != 5 || len(o.groups()) != 1 {
		t.Errorf("parse() = %+v, %v", o, err)
	}
}

// Every peer must answer what it was asked: a benchmark of a wrong answer
// measures nothing. What one gets wrong is said beside its row, and must be so.
// Not in parallel: a workload that is measured once measures the heap, which
// is everybody's.
func TestEveryRowIsRightOrSaysItsFlaw(t *testing.T) {
	for _, w := range workloads.Of(workloads.Groups()...) {
		t.Run(w.Group+"/"+w.Name, func(t *testing.T) {
			if !w.Once {
				t.Parallel()
			}
			rows, err := w.Prepare()
			defer bench.Close(rows)
			if err != nil {
				t.Fatal(err)
			}
			reference := false
			for _, row := range rows {
				reference = reference || row.Peer == w.Reference
				if row.Op != nil {
					if err := row.Op(0); err != nil {
						t.Errorf("%s: %v", row.Peer, err)
					}
				}
				if row.Check == nil {
					continue
				}
				err := row.Check()
				switch {
				case err != nil && row.Flaw == "":
					t.Errorf("%s: %v", row.Peer, err)
				case err == nil && row.Flaw != "":
					t.Errorf("%s: is right, though its row says %q", row.Peer, row.Flaw)
				}
			}
			if !reference {
				t.Errorf("no row is called %q", w.Reference)
			}
		})
	}
}
