package cacheresource_test

import (
	"context"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/cacheresource"
)

// Each line of a constructor's error can be understood by itself, and says once
// where it is from.
func TestEachLineOfAConstructorsErrorSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	type key struct {
		F func()
		C chan int
		D chan int
	}
	cfg := cacheresource.Config{TTL: -1, MaxEntries: -1, IdleTTL: -1, Group: cacheresource.Must(cacheresource.NewGroup("g", cacheresource.GroupConfig{}))}
	_, err := cacheresource.New("x", func(context.Context, int) (*int, error) { return new(int), nil }, cfg)
	checkLines(t, err, `cacheresource: New("x"): `)
	cfg = cacheresource.Config{Group: cfg.Group}
	_, err = cacheresource.New("x", func(context.Context, key) (*int, error) { return new(int), nil }, cfg)
	checkLines(t, err, `cacheresource: New("x"): `)
}

func checkLines(t *testing.T, err error, prefix string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) < 3 {
		t.Errorf("%d faults, want three:\n%v", len(lines), err)
	}
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, prefix); !ok || strings.Contains(rest, "cacheresource: ") || strings.HasPrefix(rest, "x: ") {
			t.Errorf("%q: want %q once, at the beginning", line, prefix)
		}
	}
}
