package memstore_test

import (
	"context"
	"testing"

	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func open(t testing.TB, c memstore.Config) *memstore.Store {
	t.Helper()
	s, err := memstore.New(c)
	if err != nil {
		t.Fatalf("New(%+v): %v", c, err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]memstore.Config{
		"evict":    {},
		"refuse":   {Refuse: true},
		"no bound": {MaxEntries: -1, MaxBytes: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t testing.TB) store.Store { return open(t, c) })
		})
	}
}
