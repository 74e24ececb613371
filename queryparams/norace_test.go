//go:build !race

package queryparams_test

const raceEnabled = false
