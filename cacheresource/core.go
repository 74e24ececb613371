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

// line is as much memory as processors take from each other at a time, on most.
type line [64]byte

// sequence numbers all instances in the order of their opening.
var sequence atomic.Uint64

// core is a [Resource] without its types: all that a resource does but calling
// the functions of its user and handing out values. It knows keys and values by
// their addresses, so it is compiled once for all resources. An address of a key
// that it is given for the time of a call is not kept: what it needs for longer
// it copies.
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
	clocked        bool // a use asks for the time
	simple         bool // a use asks nothing but a map of words
	recency        bool // instances know when they were last used
	group          *group.Group
	observer       observe.Observer // of the resource and its group; see observed
	listens        bool             // the resource has an observer of its own
	keys           *keys.Keys

	_      line // what every use writes slows down nothing that it reads
	mu     sync.RWMutex
	_      line
	era    *era                   // everybody's
	all    map[*instance]struct{} // every instance that has not been released
	shared map[pointee]*shared    // which of these share a value
	closed bool

	visitors   *visitors.Registry[*era] // nil: not in Scope Session
	attempts   attempts
	checks     *flight.Table
	tracker    flight.Tracker
	reads      *visit.Reads // what opens and checks read of their contexts
	background group.Tasks  // refreshes and checks that nobody has asked for
	stragglers group.Tasks  // opens, checks and releases, which nobody can break off
	ledger     *ledger      // nil: leases are not watched
	counters   counters
	hooks      group.Hooks
	member     *member
}

// functions are those of a resource's user, as the core calls them: with
// addresses of keys and values, which they do not keep. All but open may be nil.
type functions struct {
	open    func(ctx context.Context, key unsafe.Pointer) (value unsafe.Pointer, err error)
	release func(ctx context.Context, key, value unsafe.Pointer) error
	check   func(ctx context.Context, key, value unsafe.Pointer) error
}

// instance is one opened value. It is held by its leases, by its pin, while it
// is checked, and by its open until the callers of that have their leases.
// All times are those of the group.
type instance struct {
	core   *core
	home   *era
	id     string
	key    unsafe.Pointer // our own
	value  unsafe.Pointer
	seq    uint64 // order of opening within the process
	opened int64
	stale  int64 // when a new one is to be opened; never: it has no TTL
	expiry int64 // when it is not handed out any more

	_     line
	holds atomic.Int64 // plus retired
	peak  atomic.Int64 // the most holds that there were when a use began
	_     line

	leaving atomic.Bool // retire has been called
	pinned  atomic.Bool
	checked atomic.Int64 // time of the last passed check, or of the opening
	probed  atomic.Bool  // a background check has been started
	// checking is full while a check runs, also one that was left behind.
	checking chan struct{}
	used     atomic.Int64 // when it was last handed out or given back; kept only if somebody asks
	renewal  renewal

	cause observe.Cause // why it left; written before retired is added
	done  chan struct{} // closed when it has been released

	dependencies dependencies // what it was opened with
	dependents   dependents   // what was opened with it
}

// retired is added to an instance's holds when it has left the cache: then no
// hold can be added any more, and the one that ends last releases.
const retired = 1 << 62

// renewal is the opening of a new instance in the background, while a stale one
// serves.
type renewal struct {
	mu      sync.Mutex
	cancel  context.CancelFunc // of the one that runs; nil: none does
	stopped bool               // nothing is to be renewed any more
	tries   int                // how many have failed
	next    int64              // not before
}

// dependencies are the leases of what an instance was opened with. They end when
// it has been released, so that nothing is taken from under it.
type dependencies struct {
	of *instance

	mu     sync.Mutex
	sealed bool // the open is over: nothing is added any more
	leased []*instance
}

// dependents are the instances that were opened with an instance; one may be in it
// several times.
type dependents struct {
	mu   sync.Mutex
	list []*instance
}

// era is what a resource holds between two clears: the instances, the errors
// that it remembers, and the opens that were started for them. What an open
// brings after its era is over is for its callers only. All but opens is
// guarded by the resource's lock.
type era struct {
	words  map[uint64]*instance // for keys of the shape Word, whose lookup is the fastest
	texts  map[string]*instance // for all others
	faults faults
	ended  bool // nothing is put in any more
	opens  *flight.Table
}

// faults are the errors of failed opens that are remembered, by id.
type faults map[string]fault

type fault struct {
	err   error
	until int64
}

// opening is the flight.Work of one open.
type opening struct {
	core    *core
	in      *era   // taken before mark
	visitor string // empty: everybody
	id      string
	key     unsafe.Pointer // our own
	mark    flight.Mark
	// old is what is to be replaced in the background; nil: what Find finds
	// will do.
	old   *instance
	began int64

	// of what this call opened, kept or not; written by Load and Commit.
	got      *instance
	failed   error
	kept     bool
	replaced *instance
	evicted  []*instance
}

// opened is the result of an open: an instance, or an error that is to be
// remembered. Other errors are those of the flight.
type opened struct {
	in  *instance
	err error
}

// attempts are the runs of the user's open. No key is opened twice at a time,
// whatever became of the callers of the first open.
type attempts struct {
	mu      sync.Mutex
	running map[attemptKey]*attempt
}

// attemptKey is what must not be opened twice at a time: one visitor's instance
// of a key.
type attemptKey struct{ visitor, id string }

// attempt is one run of the user's open, in a goroutine of its own: who waits
// for it can leave it behind when it ignores its context.
type attempt struct {
	*opening
	name     string // of the instance
	began    time.Time
	call     flight.Call
	returned chan struct{} // closed when the open has returned

	in     *instance // with the hold of its open
	result chan error
	// stale is held, since the open may return its value again; nil: there is none.
	stale *instance
	// settled: either the result is on its way, or the attempt was left behind.
	settled atomic.Bool
	// opened: the open has returned a value, whatever is wrong with it. Written
	// before the result is sent.
	opened bool
}

// checking is the flight.Work of one check.
type checking struct {
	in    *instance
	from  int64 // a check that passed later will do
	leads bool  // Find has found nothing: this is the work that runs
	began int64
}

// lease is a Lease without its type.
type lease struct {
	of       lessor
	released atomic.Bool
}

// lessor is who gets back what was leased: an instance, whatever its key, or
// the note of a lease that is watched.
type lessor interface {
	giveBack()
	givenTwice(site string)
}

// pointee is what a pointer, map or channel refers to, which is released once,
// however many instances have it. The zero pointee is that of all other values,
// which are released once for each open that returned them.
type pointee struct {
	typ  reflect.Type
	addr uintptr
}

// shared is what the instances of one value that have not been released share.
type shared struct {
	instances    int
	dependencies dependencies // of those that have ended: they are needed until the last has
}

// ledger has a note of each lease that is held.
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
	lost     atomic.Bool // the garbage collector has found the lease
	released atomic.Bool // it has been given back

	reported bool // guarded by the ledger's lock
}

// stack is where a lease was taken: the innermost callers.
type stack [8]uintptr

// counters are what Stats reads.
type counters struct {
	opens, openErrors, checks, failedChecks, stuck, leaks atomic.Uint64
	expired, idle, size, replaced                         atomic.Uint64
	deleted, cleared, unsound, orphan, session, closed    atomic.Uint64
}

// member is a resource as its group sees it.
type member struct{ core *core }

// observed reports whether anybody is told of events.
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

// contextRead tells of a context value that an open or check has read.
func (r *core) contextRead(ctx context.Context, key, value string) {
	observe.Emit(ctx, r.observer, observe.ContextRead{Source: observe.Source{Group: r.group.Name(), Cache: r.name}, Key: key, Value: value})
}

// at is the address of key for the core, which keeps it for no longer than the
// call. So the key stays on the stack.
func at[K any](key *K) unsafe.Pointer { return unsafe.Pointer(key) }
