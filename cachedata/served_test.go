package cachedata_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

// told returns what observers were told of expired results that were served,
// since it was called last: fail-safe or not, and their ages.
func told(rec *observe.Recorder, seen *int) (events []observe.CacheServed) {
	all := observe.Of[observe.CacheServed](rec)
	for _, e := range all[*seen:] {
		e.Source = observe.Source{}
		events = append(events, e)
	}
	*seen = len(all)
	return events
}

// Observers are told once that an expired result is served, and once more after
// each load that has failed to replace it.
func TestObserversAreToldWhatIsServed(t *testing.T) {
	t.Parallel()
	type served = observe.CacheServed
	synctest.Test(t, func(t *testing.T) {
		var s source
		var rec observe.Recorder
		seen := 0
		c := newCache(t, s.load, cachedata.Config{
			TTL:      time.Minute,
			Observer: &rec,
			Stale:    cachedata.StaleConfig{For: time.Minute, OnError: time.Hour, RetryAfter: 10 * time.Second},
		})
		steps := func(want string, events ...served) {
			t.Helper()
			for range 3 { // only the first of them is told of
				gets(t, c, want)
				synctest.Wait()
			}
			if diff := cmp.Diff(events, told(&rec, &seen)); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", want, diff)
			}
		}
		gets(t, c, "1 load")
		steps("1 hit")
		s.takes.Store(int64(time.Second))
		s.failWith(errDown)
		time.Sleep(time.Minute)
		steps("1 stale", served{Age: time.Minute})
		time.Sleep(time.Second) // the refresh fails
		steps("1 stale", served{Age: time.Minute + time.Second})
		time.Sleep(time.Minute - time.Second)
		s.takes.Store(0)
		steps("1 fail-safe", served{FailSafe: true, Age: 2 * time.Minute})
		time.Sleep(10*time.Second - 1)
		steps("1 fail-safe")
		time.Sleep(time.Minute)
		steps("1 fail-safe", served{FailSafe: true, Age: 3*time.Minute + 10*time.Second - 1})
		s.heal()
		time.Sleep(10 * time.Minute)
		gets(t, c, "5 load")
		steps("5 hit")
		for _, e := range observe.Of[served](&rec) {
			if e.Cache != "test" || e.Group != "group" || e.Fingerprint == 0 {
				t.Errorf("the event says nothing of where: %+v", e)
			}
		}
	})
}

// So are they by batches, of each key.
func TestObserversAreToldWhatABatchServes(t *testing.T) {
	t.Parallel()
	type served = observe.CacheServed
	synctest.Test(t, func(t *testing.T) {
		var s source
		var rec observe.Recorder
		seen := 0
		b := newBatch(t, s.loadAll, cachedata.Config{TTL: time.Minute, Observer: &rec, Stale: cachedata.StaleConfig{For: time.Minute, OnError: time.Hour}})
		steps := func(event served) {
			t.Helper()
			for range 2 {
				wantMany(t, b, []string{"k", "l"}, map[string]int{"k": 1, "l": 1})
			}
			if diff := cmp.Diff([]served{event, event}, told(&rec, &seen)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		}
		wantMany(t, b, []string{"k", "l"}, map[string]int{"k": 1, "l": 1})
		s.takes.Store(int64(time.Second))
		s.failWith(errDown)
		time.Sleep(time.Minute)
		steps(served{Age: time.Minute})
		time.Sleep(time.Minute)
		s.takes.Store(0)
		steps(served{FailSafe: true, Age: 2 * time.Minute})
	})
}
