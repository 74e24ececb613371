//go:build !race

package cachedata_test

const raced = false
