package cacheresource

import (
	"context"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/internal/group"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/visit"
	"github.com/reecho-go/reecho/internal/visitors"
	"github.com/reecho-go/reecho/observe"
)

// line is the size of a cache line on most processors.
type line [64]byte

// sequence numbers all instances in the order of their opening.
var sequence atomic.Uint64

// core is a [Resource] without its types. It does everything but call the functions of
// the user and hand out values. It knows keys and values by their addresses, so it is
// compiled once for all resources. It does not keep the address of a key that it gets
// for the time of a call: it copies what it needs for longer.
type core struct {
	name           string
	fns            functions
	key            reflect.Type // of keys
	result         reflect.Type // of values
	ttl            time.Duration
	staleFor       time.Duration
	idleTTL        time.Duration
	maxEntries     int
	openTimeout    time.Duration
	errorTTL       time.Duration
	checkEvery     time.Duration // 0: before each use
	checkTimeout   time.Duration
	releaseTimeout time.Duration
	drainTimeout   time.Duration
	clocked        bool // a use reads the clock
	simple         bool // a use only needs a lookup by a word
	recency        bool // instances know when they were last used
	group          *group.Group
	observer       observe.Observer // of the resource and its group; see observed
	listens        bool             // the resource has an observer of its own
	keys           *keys.Keys

	_      line // keeps fields that uses write off the cache line of those that they read
	mu     sync.RWMutex
	_      line
	era    *era                   // used in global scope
	all    map[*instance]struct{} // every instance that has not been released
	shared map[pointee]*shared    // the instances in all that share a value
	closed bool

	visitors   *visitors.Registry[*era] // nil: not in Scope Session
	attempts   attempts
	checks     *flight.Table
	tracker    flight.Tracker
	reads      *visit.Reads // hides the visitor from opens and checks, and notes what they read
	background group.Tasks  // refreshes and checks in the background
	stragglers group.Tasks  // opens, checks and releases, which cannot be interrupted
	ledger     *ledger      // nil: leases are not watched
	counters   counters
	hooks      group.Hooks
	member     *member
}

// functions are the user's functions in the form that the core calls: with the addresses
// of keys and values, which they do not keep. All but open may be nil.
type functions struct {
	open    func(ctx context.Context, key unsafe.Pointer) (value unsafe.Pointer, err error)
	release func(ctx context.Context, key, value unsafe.Pointer) error
	check   func(ctx context.Context, key, value unsafe.Pointer) error
}

// instance is one opened value. Its leases, its pin and a running check hold it, and so
// does its open until the callers of the open have their leases. All times are those of
// the group.
type instance struct {
	core   *core
	home   *era
	id     string
	key    unsafe.Pointer // a copy
	value  unsafe.Pointer
	seq    uint64 // order of opening within the process
	opened int64
	stale  int64 // when a new one is opened in the background; never: it has no TTL
	expiry int64 // from then on it is not handed out

	_     line
	holds atomic.Int64 // plus retired
	peak  atomic.Int64 // the most holds at the beginning of a use
	_     line

	leaving atomic.Bool // retire has been called
	pinned  atomic.Bool
	checked atomic.Int64 // time of the last passed check, or of the opening
	probed  atomic.Bool  // a background check has been started
	// checking is full while a check runs, even if the check was left behind.
	checking chan struct{}
	used     atomic.Int64 // when it was last handed out or given back; kept only if core.recency is set
	renewal  renewal

	cause observe.Cause // why it left; written before retired is added
	done  chan struct{} // closed when it has been released

	dependencies dependencies // the instances that its open has used
	dependents   dependents   // the instances whose opens have used it
}

// retired is added to an instance's holds when it has left the cache. When the holds fall
// to retired, the last hold has ended, and the instance is released.
const retired = 1 << 62

// renewal is the opening of a new instance in the background, while the stale one is
// handed out.
type renewal struct {
	mu      sync.Mutex
	cancel  context.CancelFunc // of the running renewal; nil: none runs
	stopped bool               // no renewal may begin
	tries   int                // how many renewals have failed
	next    int64              // no renewal before this time
}

// dependencies are the leases of the instances that an open has used. They end when the
// opened instance has been released, because it needs them until then.
type dependencies struct {
	of *instance

	mu     sync.Mutex
	sealed bool // the open is over, so no lease is added
	leased []*instance
}

// dependents are the instances whose opens have used an instance. An instance may be in
// the list several times.
type dependents struct {
	mu   sync.Mutex
	list []*instance
}

// era is what a resource holds between two clears: the instances, the remembered errors,
// and the opens that were started for them. An instance that is opened after its era is
// over goes to the callers of the open only. The resource's lock guards all but opens.
type era struct {
	words  map[uint64]*instance // for keys of the shape Word, whose lookup is the fastest
	texts  map[string]*instance // for all others
	faults faults
	ended  bool // no instance may be added
	opens  *flight.Table
}

// faults are the remembered errors of failed opens, by id.
type faults map[string]fault

type fault struct {
	err   error
	until int64
}

// opening is the flight.Work of one open.
type opening struct {
	core    *core
	in      *era   // taken before mark
	visitor string // the visitor's id; empty in global scope
	id      string
	key     unsafe.Pointer // a copy
	mark    flight.Mark
	// old is the instance that a background open replaces; nil: an instance that
	// Find finds is enough.
	old   *instance
	began int64

	// The outcome of the open, written by Load and Commit.
	got      *instance
	failed   error
	kept     bool
	replaced *instance
	evicted  []*instance
}

// opened is the result of an open: an instance, or an error to remember. Other errors are
// those of the flight.
type opened struct {
	in  *instance
	err error
}

// attempts are the runs of the user's open. No key is opened twice at a time, even if the
// callers of the first open have left.
type attempts struct {
	mu      sync.Mutex
	running map[attemptKey]*attempt
}

// attemptKey is the key that must not be opened twice at a time: a key of one visitor.
type attemptKey struct{ visitor, id string }

// attempt is one run of the user's open, in a goroutine of its own, so that a load can
// leave it behind if it ignores its context.
type attempt struct {
	*opening
	name     string // of the instance
	began    time.Time
	call     flight.Call
	returned chan struct{} // closed when the open has returned

	in     *instance // with the hold of its open
	result chan error
	// stale is the instance that is replaced; it is held, because the open may
	// return its value again. It may be nil.
	stale *instance
	// settled is set by the first of two: the attempt has a result, or it was left
	// behind.
	settled atomic.Bool
	// opened says that the open has returned a value, even if there was an error
	// too. It is written before the result is sent.
	opened bool
}

// checking is the flight.Work of one check.
type checking struct {
	in    *instance
	from  int64 // a check that has passed after this time is enough
	leads bool  // Find has found no such check, so this one runs
	began int64
}

// lease is a Lease without its type.
type lease struct {
	of       lessor
	released atomic.Bool
}

// lessor gets back what was leased: it is an instance, or the note of a lease that is
// watched.
type lessor interface {
	giveBack()
	givenTwice(site string)
}

// pointee identifies the target of a pointer, map or channel. A target is released once,
// however many instances have it. All other values have the zero pointee, and are
// released once for each open that returned them.
type pointee struct {
	typ  reflect.Type
	addr uintptr
}

// shared counts the unreleased instances of one value.
type shared struct {
	instances    int
	dependencies dependencies // of the instances that have ended: needed until the last one ends
}

// ledger has a note of each lease, if leases are watched.
type ledger struct {
	group *group.Group
	age   time.Duration

	mu    sync.Mutex
	notes map[*note]struct{}
}

// note is one lease that is watched.
type note struct {
	ledger   *ledger
	of       *instance
	since    int64
	stack    stack
	cleanup  runtime.Cleanup
	lost     atomic.Bool // the garbage collector has found the lease unreleased
	released atomic.Bool // the lease was given back

	reported bool // guarded by the ledger's lock
}

// stack is the innermost callers at the place where a lease was taken.
type stack [8]uintptr

// counters are the counters that Stats reads.
type counters struct {
	opens, openErrors, checks, failedChecks, stuck, leaks atomic.Uint64
	expired, idle, size, replaced                         atomic.Uint64
	deleted, cleared, unsound, orphan, session, closed    atomic.Uint64
}

// member is a resource as its group sees it.
type member struct{ core *core }

// observed reports whether there is an observer.
func (r *core) observed() bool { return r.listens || r.group.Observed() }

// current returns the era, and whether the resource is closed.
func (r *core) current() (e *era, closed bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.era, r.closed
}

func (r *core) isClosed() bool {
	_, closed := r.current()
	return closed
}

// source names a key in an event.
func (r *core) source(key unsafe.Pointer) observe.Source {
	fp, _ := r.keys.Fingerprint(key) // 0 for a key that cannot be hashed
	return observe.Source{Group: r.group.Name(), Cache: r.name, Fingerprint: fp}
}

// contextRead tells observers of a context value that an open or check has read.
func (r *core) contextRead(ctx context.Context, key, value string) {
	observe.Emit(ctx, r.observer, observe.ContextRead{Source: observe.Source{Group: r.group.Name(), Cache: r.name}, Key: key, Value: value})
}

// at returns the address of key for the core, which keeps the address for no longer than
// the call. So the key stays on the stack.
func at[K any](key *K) unsafe.Pointer { return unsafe.Pointer(key) }
