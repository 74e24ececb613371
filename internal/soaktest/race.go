//go:build race

package soaktest

// Race reports whether the race detector is on, under which sync.Pool drops
// values at random, so that allocations cannot be counted.
const Race = true
