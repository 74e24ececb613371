package scope_test

import (
	"testing"

	"github.com/reecho-go/reecho/internal/scope"
)

func TestUpdateReplacesWhatASlotHolds(t *testing.T) {
	t.Parallel()
	s := newState(t.Context())
	s.Fill(scope.Info, 7)
	scope.Update(s, scope.Info, func(held any) any { return held.(int) + 1 })
	if f, _ := scope.Get(s, scope.Info, build); f.n != 8 {
		t.Errorf("the slot is built from %d, want 8", f.n)
	}
	scope.Update(s, scope.Info, func(held any) any { held.(*fact).n++; return held })
	if f, _ := scope.Get(s, scope.Info, build); f.n != 9 {
		t.Errorf("the slot holds %d, want 9", f.n)
	}
	scope.Update(t.Context(), scope.Info, func(any) any { t.Error("updated without a request"); return nil })
}
