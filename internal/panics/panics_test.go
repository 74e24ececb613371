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

func TestWhereAndLineStandInTheText(t *testing.T) {
	t.Parallel()
	err := panics.Catch(deepBoom).(*panics.Error) //lint:ignore errorlint it is what Catch returns
	if got := err.Error(); got != "panic: deep" {
		t.Errorf("Error() = %q", got)
	}
	got := panics.In(panics.In(err, "users[7]"), "another").Error()
	if !strings.HasPrefix(got, "panic in users[7] at /") || !strings.HasSuffix(got, ": deep") || !strings.Contains(got, "panics_test.go:") || strings.Contains(got, "\n") {
		t.Errorf("Error() = %q, want the place, and one line", got)
	}
	second := panics.Repanicked(err)
	if text := second.Error(); !strings.HasPrefix(text, got+"\n\tat ") || !strings.Contains(text, "deepBoom") || strings.Contains(text, "runtime.") {
		t.Errorf("the text of what is panicked with again = %q, want the program's part of the stack", text)
	}
	if again := panics.Recovered(second); again.Error() != got || &again.Stack[0] != &err.Stack[0] {
		t.Errorf("Recovered() of what was panicked with again = %q", again)
	}
}

// noMap is nil.
var noMap map[int]int

// Whatever is between the function that was called and the panic, the line is
// that of the function.
func TestLineIsThatOfTheFunctionThatWasCalled(t *testing.T) {
	t.Parallel()
	for name, fn := range map[string]func(){
		"a panic":              func() { panic("x") },
		"a nil map":            func() { noMap[1] = 1 },
		"an index":             func() { _ = []int{}[len(name0)] },
		"in the library":       func() { _ = strings.Repeat("x", -1) },
		"deep":                 func() { dive(3000) },
		"once more in a defer": func() { defer func() { panic(recover()) }(); panic("x") },
	} {
		err, ok := errors.AsType[*panics.Error](panics.Catch(func() error {
			fn()
			return nil
		}))
		if !ok {
			t.Fatalf("%s: no panic was caught", name)
		}
		text := panics.Repanicked(panics.In(err, "x")).Error()
		if name != "deep" && !strings.Contains(err.Line, "panics_test.go:") {
			t.Errorf("%s: Line = %q, want that of this function", name, err.Line)
		}
		if lines := strings.Count(text, "\n"); lines == 0 || lines > 17 {
			t.Errorf("%s: the text has %d lines:\n%s", name, lines, text)
		}
	}
}

const name0 = "x"

func dive(n int) {
	if n == 0 {
		panic("bottom")
	}
	dive(n - 1)
}
