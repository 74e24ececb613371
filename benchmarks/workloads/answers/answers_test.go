package answers_test

import (
	"errors"
	"testing"
	"time"

	"github.com/reecho-go/reecho/benchmarks/workloads/answers"
)

type node struct{ Value int }

type row struct {
	ID   int
	Tags []string
}

func rows() []row { return []row{{1, nil}, {2, []string{}}, {3, []string{"a", "b"}}} }

func TestCheckCopy(t *testing.T) {
	t.Parallel()
	now := time.Now()
	one, other := &node{1}, &node{1}
	m := map[string]int{"a": 1}
	original, half := rows(), rows()
	half[2].Tags = original[2].Tags
	tests := []struct {
		name   string
		own, v any
		want   error
	}{
		{"numbers", 1, 1, nil},
		{"times", []time.Time{now}, []time.Time{now}, nil},
		{"another value", []int{1}, []int{2}, answers.ErrChanged},
		{"nil turned empty", []int{}, []int(nil), answers.ErrChanged},
		{"two arrays", []int{1}, []int{1}, nil},
		{"pointers apart", []*node{one}, []*node{other}, nil},
		{"one pointer", []*node{one}, []*node{one}, answers.ErrShared},
		{"one pointer in a map in a struct", struct{ m map[int]*node }{map[int]*node{1: one}}, struct{ m map[int]*node }{map[int]*node{1: one}}, answers.ErrShared},
		{"one pointer in an array", [1]*node{one}, [1]*node{one}, answers.ErrShared},
		{"one pointer behind an interface", []any{one}, []any{one}, answers.ErrShared},
		{"rows apart", rows(), original, nil},
		{"rows with one slice in common", half, original, answers.ErrShared},
		{"one map", m, m, answers.ErrShared},
	}
	for _, tt := range tests {
		if got := answers.CheckCopy(tt.own, tt.v); !errors.Is(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
