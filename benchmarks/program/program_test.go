package program

import (
	"strings"
	"testing"

	"github.com/reecho-go/reecho/benchmarks/bench"
)

func TestParse(t *testing.T) {
	t.Parallel()
	p := Program{Name: "test", Groups: bench.Groups{{Name: "stack"}, {Name: "hit"}}}
	for args, want := range map[string]string{
		"-only nothing": `there is no group "nothing"; the groups are stack, hit`,
		"-count -1":     "-count is -1",
		"-write":        "-write is for -only",
		"more":          `unexpected argument "more"`,
	} {
		if _, err := p.parse(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%s) = %v, want %q", args, err, want)
		}
	}
	o, err := p.parse([]string{"-short", "-count", "5", "-only", "stack"})
	if err != nil || o.settings().Rounds != 5 || len(o.groups) != 1 {
		t.Errorf("parse() = %+v, %v", o, err)
	}
	if o, err := p.parse(nil); err != nil || len(o.groups) != 2 {
		t.Errorf("parse() = %+v, %v, want all groups", o, err)
	}
}
