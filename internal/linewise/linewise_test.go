package linewise

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestEachLineSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	inner := errors.Join(errors.New("b"), errors.Join(nil, errors.New("pkg: x: c")), io.EOF)
	for name, tt := range map[string]struct {
		err      error
		repeated []string
		want     string
	}{
		"one":            {errors.New("a"), nil, "pkg: New: a"},
		"several":        {errors.Join(errors.New("a"), inner), []string{"pkg: ", "x: "}, "pkg: New: a\npkg: New: b\npkg: New: c\npkg: New: EOF"},
		"wrapped":        {fmt.Errorf("field: %w", inner), nil, "pkg: New: field: b\npkg: x: c\nEOF"}, // one error with a text of its own
		"not repeated":   {errors.New("of pkg: y"), []string{"pkg: "}, "pkg: New: of pkg: y"},
		"joined by verb": {fmt.Errorf("%w and %w", io.EOF, io.ErrNoProgress), nil, "pkg: New: EOF and multiple Read calls return no data or error"},
	} {
		if got := Prefix("pkg: New: ", tt.err, tt.repeated...); got.Error() != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if err := Prefix("pkg: ", nil); err != nil {
		t.Errorf("of nothing: %v", err)
	}
	if err := Prefix("pkg: ", errors.Join(errors.New("a"), inner)); !errors.Is(err, io.EOF) {
		t.Errorf("%v does not wrap what it is made of", err)
	}
}
