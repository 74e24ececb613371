package flight_test

import (
	"testing"

	"github.com/reecho-go/reecho/internal/flight"
)

func TestMarkHoldsOnlyWithoutClears(t *testing.T) {
	t.Parallel()
	var g flight.Gate
	before := g.Mark()
	if !g.Holds(before) {
		t.Fatal("a mark does not hold although nothing was cleared")
	}
	var during flight.Mark
	g.Clear(func() {
		during = g.Mark()
		if !before.Before(during) || during.Before(g.Mark()) {
			t.Error("a clear that runs comes after what was before it, and is one moment")
		}
		if g.Holds(before) {
			t.Error("a mark of before the clear holds while the clear runs")
		}
		g.Clear(func() {}) // a clear inside a clear, or beside it
		if g.Holds(g.Mark()) {
			t.Error("a mark of after the inner clear holds while the outer one runs")
		}
	})
	if g.Holds(before) {
		t.Error("a mark of before the clear holds after it")
	}
	if g.Holds(during) {
		t.Error("a mark that was made while the clear ran holds after it")
	}
	after := g.Mark()
	if !g.Holds(after) {
		t.Error("a mark of after the clear does not hold")
	}
	if !before.Before(after) || !during.Before(after) || after.Before(after) || after.Before(during) {
		t.Error("the marks of before, during and after a clear are not in this order")
	}
	if g.Holds(flight.Mark{}) {
		t.Error("the zero mark holds")
	}
}

func TestClearThatPanicsEnds(t *testing.T) {
	t.Parallel()
	var g flight.Gate
	func() {
		defer func() { _ = recover() }()
		g.Clear(func() { panic("step") })
	}()
	if !g.Holds(g.Mark()) {
		t.Error("a clear that panicked still runs")
	}
}
