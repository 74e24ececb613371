package memstore_test

import (
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/lineartest"
	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/store/memstore"
)

func TestCallsAreLinearizable(t *testing.T) {
	t.Parallel()
	for range soaktest.Rounds(50) {
		lineartest.Stores(t, soaktest.Seed(), 6, 60, time.Minute, open(t, memstore.Config{}))
	}
}
