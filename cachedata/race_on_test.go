//go:build race

package cachedata_test

// raced says that the race detector is on, under which pools forget on purpose.
const raced = true
