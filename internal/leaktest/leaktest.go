// Package leaktest finds goroutines that tests leave behind. It is goleak with the patience
// that a busy machine needs. It is for tests only.
package leaktest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Main runs the tests of a package, for its TestMain, and fails if they leave goroutines.
func Main(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	if code == 0 {
		if err := Find(options...); err != nil {
			fmt.Fprintf(os.Stderr, "the tests leave goroutines: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}

// Find returns an error if there are other goroutines, and goes on looking for up to a minute
// while there are.
func Find(options ...goleak.Option) error {
	for end := time.Now().Add(time.Minute); ; {
		if err := goleak.Find(options...); err == nil || time.Now().After(end) {
			return err
		}
	}
}
