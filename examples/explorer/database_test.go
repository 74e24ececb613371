package main

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/examples/explorer/strikes"
	"github.com/reecho-go/reecho/observe"
)

// A database that breaks is replaced; the one that is there when the app ends
// is closed once nobody uses it.
func TestTheDatabaseIsCheckedReplacedAndClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, err := newDatabase()
		if err != nil {
			t.Fatal(err)
		}
		use := func() (got *strikes.DB) {
			t.Helper()
			err := d.Do(t.Context(), func(db *strikes.DB) error {
				got = db
				return db.Ping(t.Context())
			})
			if err != nil {
				t.Errorf("Do() = %v", err)
			}
			return got
		}
		first := use()
		if use() != first {
			t.Error("opened twice")
		}
		if err := first.Close(); err != nil { // somebody else breaks it
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // until the next check
		second := use()
		if second == first {
			t.Error("still the broken one")
		}

		var during error
		err = d.Do(t.Context(), func(db *strikes.DB) error {
			go func() { during = d.group.Close(t.Context()) }()
			synctest.Wait()
			if err := d.Do(t.Context(), nil); !errors.Is(err, cacheresource.ErrClosed) {
				t.Errorf("Do() during Close = %v, want ErrClosed", err)
			}
			return db.Ping(t.Context())
		})
		if err != nil {
			t.Errorf("the database that was in use: %v", err)
		}
		synctest.Wait()
		if during != nil || second.Ping(t.Context()) == nil {
			t.Errorf("Close() = %v, or the database is still open", during)
		}
		s := d.db.Stats()
		if s.Opens != 2 || s.FailedChecks != 1 || !maps.Equal(s.Releases, map[observe.Cause]uint64{observe.CauseUnsound: 1, observe.CauseClosed: 1}) {
			t.Errorf("stats %+v, want two opened, one found broken, both released", s)
		}
	})
}
