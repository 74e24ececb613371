// Package uses connects a response, or anything else that is being made, with the cached
// results that it is made of, so that it is kept no longer than they are.
package uses

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// LoadingKey is the context key of the settings of the innermost load, see
// cachedata.LoadingFrom. The value is a [SettingsTaker].
type LoadingKey struct{}

// LoadSettings are what a load has set so far for its result: how long the result is
// fresh, if HasTTL is set, and that it must not be stored.
type LoadSettings struct {
	TTL             time.Duration
	HasTTL, NoStore bool
}

// SettingsTaker is the value of [LoadingKey].
type SettingsTaker interface {
	// TakeSettings returns the settings and resets NoStore. The caller may still store
	// what it knows of the result; if it must not, it sets NoStore again.
	TakeSettings() LoadSettings
}

// RecorderKey is the context key of the [Recorder]. A load hides it from the loads
// inside of it, because their results are parts of the load's own result only.
type RecorderKey struct{}

// Recorder is told of every result that is used while something is made. It must be
// safe for concurrent use.
type Recorder interface {
	// Use says that a result was used. fresh is how long that result stays fresh: 0 or
	// less means that it must not be kept, Forever that it does not expire. stamp tells
	// later whether the result is still current; nil means that it belongs to one
	// visitor.
	Use(stamp Stamp, fresh time.Duration)
}

// Forever is how long a result that does not expire stays fresh.
const Forever time.Duration = math.MaxInt64

// Stamp tells whether a result that was used is still current: it was not cleared,
// deleted or replaced since. Holds takes some nanoseconds, and is safe for concurrent use.
type Stamp interface{ Holds() bool }

// recording counts what is being recorded in the process. While it is 0, no context needs
// to be searched for a Recorder.
var recording atomic.Int64

// Begin says that a Recorder is in use, until end is called.
func Begin() (end func()) {
	recording.Add(1)
	return func() { recording.Add(-1) }
}

// Recording reports whether there may be a Recorder in any context.
func Recording() bool { return recording.Load() != 0 }

// Of returns the Recorder of ctx, or nil.
func Of(ctx context.Context) Recorder {
	if ctx == nil {
		return nil
	}
	r, _ := ctx.Value(RecorderKey{}).(Recorder)
	return r
}
