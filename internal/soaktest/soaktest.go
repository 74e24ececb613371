// Package soaktest tells tests how many random cases to run: few in an ordinary
// run, which then takes seconds, and all in `make soak`, which sets the environment
// variable SOAK. It is for tests only.
package soaktest

import (
	"math/rand/v2"
	"os"
)

// Long reports whether this is a long run: the environment variable SOAK is
// set and not empty.
func Long() bool { return os.Getenv("SOAK") != "" }

// Rounds returns how many random cases a test draws: n in a long run, a tenth
// of n, at least 1, otherwise.
func Rounds(n int) int {
	if Long() {
		return n
	}
	return max(1, n/10)
}

// Seed returns what random cases begin with: a number of its own for each call
// in a long run, so that repeating it finds something new, and always 1
// otherwise. A test that fails must print it.
func Seed() uint64 {
	if Long() {
		return rand.Uint64()
	}
	return 1
}

// Size returns the size of a test's largest value: n, or a fiftieth of n, at
// least 1, under the race detector, which makes every access to it much slower.
func Size(n int) int {
	if Race {
		return max(1, n/50)
	}
	return n
}
