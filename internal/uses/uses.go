// Package uses connects what is being made, such as a response, with the results of
// cached functions that it is made of: it lives no longer than they do.
package uses

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// LoadingKey is the context key under which a load finds what it says of its result,
// see cachedata.LoadingFrom. It is that of the innermost load.
type LoadingKey struct{}

// Said is what was said so far of the result of a load: its time, if it is timed, and
// that it is not to be stored.
type Said struct {
	TTL            time.Duration
	Timed, NoStore bool
}

// Taker is what is found under [LoadingKey].
type Taker interface {
	// TakeSaid returns what was said so far, and takes NoStore back: the caller stores
	// what is known of the result all the same, or says NoStore again.
	TakeSaid() Said
}

// RecorderKey is the context key of the [Recorder]. A load hides it from the loads
// inside of it: what they give is its own matter.
type RecorderKey struct{}

// Recorder is told of every result that is used while something is made. It must be
// safe for concurrent use.
type Recorder interface {
	// Use is told that a result was used which stays fresh for that long: 0 and less,
	// that it is not to be kept; Forever, that it does not expire. stamp says whether
	// it still holds later; nil: it is one visitor's.
	Use(stamp Stamp, left time.Duration)
}

// Forever is how long what does not expire stays fresh.
const Forever time.Duration = math.MaxInt64

// Stamp says whether a result still holds that was used: whether nothing has come
// since that would have another one loaded. It takes some nanoseconds, and is safe
// for concurrent use.
type Stamp interface{ Holds() bool }

// recording counts what is being made in the process. It only saves those who use
// results a look into their context while nothing is.
var recording atomic.Int64

// Begin says that something is made, until end is called.
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
