package cacheresource_test

import (
	"context"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/cacheresource"
)

func TestANilContextIsAnError(t *testing.T) {
	t.Parallel()
	var none context.Context
	group, err := cacheresource.NewGroup("none", cacheresource.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := cacheresource.New("none", func(context.Context, int) (int, error) { return 1, nil },
		cacheresource.Config{Group: group})
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"Pin":     func() error { _, err := r.Pin(none, 1); return err },
		"Acquire": func() error { _, err := r.Acquire(none, 1); return err },
		"Do":      func() error { return r.Do(none, 1, func(int) error { return nil }) },
		"Delete":  func() error { return r.Delete(none, 1) },
		"Clear":   func() error { return r.Clear(none) },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "the context is nil") {
			t.Errorf("%s: %v, want an error that says so", name, err)
		}
	}
	if err := group.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
