package workloads

import (
	"errors"
	"testing"
	"time"
)

func TestCheckCopy(t *testing.T) {
	t.Parallel()
	now := time.Now()
	one, other := &tree{Value: 1}, &tree{Value: 1}
	tests := []struct {
		name   string
		own, v any
		want   error
	}{
		{"numbers", 1, 1, nil},
		{"times", []time.Time{now}, []time.Time{now}, nil},
		{"another value", []int{1}, []int{2}, errChanged},
		{"nil turned empty", []int{}, []int(nil), errChanged},
		{"two arrays", []int{1}, []int{1}, nil},
		{"pointers apart", []*tree{one}, []*tree{other}, nil},
		{"one pointer", []*tree{one}, []*tree{one}, errShared},
		{"one pointer in a map in a struct", struct{ m map[int]*tree }{map[int]*tree{1: one}}, struct{ m map[int]*tree }{map[int]*tree{1: one}}, errShared},
		{"one pointer in an array", [1]*tree{one}, [1]*tree{one}, errShared},
		{"one pointer behind an interface", []any{one}, []any{one}, errShared},
	}
	rows := makeTable(3, 0)
	half := cloneRows(rows)
	half[2].Tags = rows[2].Tags
	m := map[string]int{"a": 1}
	for _, tt := range tests {
		if got := checkCopy(tt.own, tt.v); !errors.Is(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if err := checkCopy(half, rows); !errors.Is(err, errShared) {
		t.Errorf("rows with one slice in common: %v", err)
	}
	if err := checkCopy(cloneRows(rows), rows); err != nil {
		t.Errorf("rows apart: %v", err)
	}
	if err := checkCopy(m, m); !errors.Is(err, errShared) {
		t.Errorf("one map: %v", err)
	}
}
