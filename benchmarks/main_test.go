package main

import (
	"strings"
	"testing"

	"github.com/reecho-go/reecho/benchmarks/workloads"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-only nothing": `there is no group "nothing"`,
		"-count -1":     "-count is -1",
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

// Every peer must answer what it was given: a benchmark of a wrong answer
// measures nothing.
func TestEveryRowWorks(t *testing.T) {
	t.Parallel()
	list, err := workloads.Of(workloads.Groups()...)
	if err != nil {
		t.Fatal(err)
	}
	headline := false
	for _, w := range list {
		headline = headline || w.Name == workloads.Headline
		for _, row := range w.Rows {
			for i := range 3 {
				if err := row.Op(i); err != nil {
					t.Errorf("%s: %s: %s: %v", w.Group, w.Name, row.Peer, err)
				}
			}
		}
	}
	if !headline {
		t.Errorf("no workload is called %q", workloads.Headline)
	}
}
