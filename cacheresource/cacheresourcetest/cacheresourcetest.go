// Package cacheresourcetest helps to test apps that use package cacheresource:
// [VerifyNoLeases] finds the leases that nobody has released.
package cacheresourcetest

import (
	"testing"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
)

// patience is how long a lease may take to be released after a test: by a
// goroutine that is about to end, or a check in the background.
const patience = time.Second

// VerifyNoLeases fails the test if instances of the groups, or of the default
// group if there are none, are still leased a second later, and names them. Call
// it at the end of a test, before a Close, which would wait for them. Set
// Config.LeakAge, to an hour or so, to learn where the leases were taken.
//
// Instances that are open, pinned, or needed by others that were opened
// with them, are no leaks. It works within a bubble of testing/synctest.
func VerifyNoLeases(t testing.TB, groups ...*cacheresource.Group) {
	t.Helper()
	if len(groups) == 0 {
		groups = append(groups, cacheresource.Default())
	}
	end := time.Now().Add(patience)
	for _, g := range groups {
		leased := g.Leased()
		for len(leased) > 0 && time.Now().Before(end) {
			time.Sleep(patience / 100)
			leased = g.Leased()
		}
		for _, in := range leased {
			t.Errorf("cacheresource: group %s: not given back: %v", g.Name(), in)
		}
	}
}
