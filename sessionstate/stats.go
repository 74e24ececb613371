package sessionstate

import (
	"sync/atomic"

	"github.com/reecho-go/reecho/observe"
)

// Stats counts what a Manager has done since it was made, in this process.
type Stats struct {
	Created   uint64 // sessions that were saved for the first time
	Renewed   uint64 // sessions that were saved under a new id
	Ended     uint64 // sessions that were ended by Destroy, Users.Revoke and Users.End, and for Limits.PerUser
	Lost      uint64 // changes that were dropped since their session had ended meanwhile
	Refused   uint64 // cookies that stood for no session: forged, expired, revoked, unknown
	Saves     uint64 // sessions that were saved, visits that were noted included
	Conflicts uint64 // saves that met another writer and were done again
	Failures  uint64 // calls of a store that failed

	// Kept is how many sessions caches and resources in session scope keep
	// something for, or are about to, now.
	Kept int
}

// counters are the counters that Stats reads.
type counters struct {
	created, renewed, ended, lost, refused, saves, conflicts, failures atomic.Uint64
}

// count counts a step of a session.
func (c *counters) count(action observe.SessionAction) {
	switch action {
	case observe.SessionCreated:
		c.created.Add(1)
	case observe.SessionRenewed:
		c.renewed.Add(1)
	case observe.SessionDestroyed:
		c.ended.Add(1)
	case observe.SessionLost:
		c.lost.Add(1)
	}
}
