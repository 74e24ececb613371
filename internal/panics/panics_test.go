package panics_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/panics"
)

func TestCatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		fn   func() error
		want string
		is   error
	}{
		{"value", func() error { return nil }, "", nil},
		{"error", func() error { return io.EOF }, "EOF", io.EOF},
		{"panic with a string", func() error { panic("boom") }, "panic: boom", nil},
		{"panic with an error", func() error { panic(io.EOF) }, "panic: EOF", io.EOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := panics.Catch(tt.fn)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Catch() = %q, want %q", got, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("Catch() = %v, want it to be %v", err, tt.is)
			}
		})
	}
}

func TestErrorKeepsTheStackOfThePanic(t *testing.T) {
	t.Parallel()
	err := panics.Catch(func() error { return deepBoom() })
	pe, ok := errors.AsType[*panics.Error](err)
	if !ok {
		t.Fatalf("Catch() = %T, want *panics.Error", err)
	}
	if !strings.Contains(string(pe.Stack), "deepBoom") {
		t.Errorf("the stack does not name the function that panicked:\n%s", pe.Stack)
	}
}

func deepBoom() error { panic("deep") }
