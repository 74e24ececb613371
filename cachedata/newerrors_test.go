package cachedata_test

import (
	"context"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/cachedata"
)

// Each line of a constructor's error can be understood by itself, and says once
// where it is from.
func TestEachLineOfAConstructorsErrorSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	type key struct {
		F func()
		C chan int
	}
	cfg := cachedata.Config{TTL: -1, MaxEntries: -1, Group: cachedata.Must(cachedata.NewGroup("g", cachedata.GroupConfig{}))}
	_, err := cachedata.New("x", func(context.Context, key) (chan int, error) { return nil, nil }, cfg)
	checkLines(t, err, `cachedata: New("x"): `)
	_, err = cachedata.NewBatch("x", func(context.Context, []any) (map[any]chan int, error) { return nil, nil }, cfg)
	checkLines(t, err, `cachedata: NewBatch("x"): `)
}

func checkLines(t *testing.T, err error, prefix string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) < 3 {
		t.Errorf("%d faults, want those of TTL, MaxEntries and the value:\n%v", len(lines), err)
	}
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, prefix); !ok || strings.Contains(rest, "cachedata: ") || strings.HasPrefix(rest, "x: ") {
			t.Errorf("%q: want %q once, at the beginning", line, prefix)
		}
	}
}
