//go:build race

package cacheresource_test

const raceEnabled = true
