package sessionstate

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
)

// Manager gives every request its session. It is a plugin for a
// middleware.Stack, and a middleware of its own. It is safe for concurrent use.
type Manager struct {
	cookie    CookieConfig
	style     style
	local     *local // nil: InsecureLocalhost is not set
	plain     plainNotice
	begun     begun // the first content of a request's slot
	flashName string
	visitName string
	codec     *codec
	values    Codec // nil: JSON
	backend   backend
	limits    limits
	timeout   time.Duration
	failOpen  bool
	keepOn5xx bool

	renewEvery  time.Duration
	afterCommit []Hook
	started     sync.Once         // for the notices of Start
	misplaced   sync.Once         // for the notice of CSRF without a session
	onChange    map[string][]Hook // by key
	observer    observe.Observer
	logKey      []byte
	csrfKeys    [][]byte // one for each secret: the first makes tokens, all verify
	notices     []string
	typedLogin  sync.Once    // for warnOfNoUser
	revoked     *revocations // in server mode only for cookies of other names
	foreign     *foreignManager
	requested   requestedLifetime // the lifetime of the sessions that are taken over
	users       *Users
	scopes      *scopes
	names       names // of keys
	counters    counters
	turns       turns
}

// begun is the content of a request's slot until the session is first used.
type begun struct{ m *Manager }

// phase says whether a State can be changed.
type phase uint8

const (
	open       phase = iota
	committing       // the response's headers are about to leave
	frozen           // the headers were sent: the session can only be read
)

// State is the session of one request. It costs nothing until it is first
// used; then the cookie is opened and, in server mode, the record loaded,
// once. Changes are kept in the State and saved together, before the
// response's headers are sent, unless the status is 5xx or the handler panics.
//
// It belongs to its request: do not keep it for longer. All methods and those
// of [Key] are safe for concurrent use within it.
type State struct {
	m    *Manager
	req  *http.Request // its context and its cookies
	none bool          // the request has no session; err says why

	loading  sync.Once
	fetching sync.Mutex // held while the rest of a session is loaded

	mu       sync.Mutex
	phase    phase
	loaded   bool
	err      error       // why the session could not be loaded
	spillErr error       // why the rest of the session could not be loaded
	base     snapshot    // the session as it was loaded; without an id: a new visitor
	current  record      // base with the changes
	changes  changes     // from base to cur
	nextID   sessionID   // the id of a new or renewed session; zero: not yet chosen
	ended    []snapshot  // sessions that this request has destroyed
	endedIDs []sessionID // the ids of those that have been ended in the backend
	unread   []snapshot  // sessions of the request that can be ended but not read

	scope   *sessionScope   // for caches and resources; nil: not acquired for the present session
	scopes  []*sessionScope // all scopes that this request has acquired
	unsaved []*sessionScope // the scopes of sessions that are not saved yet

	saving chan struct{} // closed when the running SaveNow is done; nil: none runs
	early  http.Header   // headers of SaveNow for the response

	onFrozen []func() // to be called when the session is frozen

	detached bool // it belongs to a Detached: there is no response
	present  bool // Detached.Touch: this counts as a visit

	clearSite bool // DestroyAndClearSite was called
	mustFail  bool // a Destroy has failed, so the response must fail
	endUnread bool // a Destroy ends the unread sessions too
	running   int  // OnChange functions that run now
	flash     flashState
}

func newState(m *Manager, req *http.Request) *State {
	return &State{m: m, req: m.local.incoming(req)}
}

// isOpen waits for a running SaveNow, and reports whether the session can be changed. It is
// called under the lock, which it releases while it waits.
func (s *State) isOpen() bool {
	for s.saving != nil {
		done := s.saving
		s.mu.Unlock()
		<-done
		s.mu.Lock()
	}
	return s.phase == open
}

func (s *State) context() context.Context { return s.req.Context() }

// Name is the plugin's name, "sessionstate".
func (*Manager) Name() string { return "sessionstate" }

// Users lists and ends the sessions of users who logged in. An index in the
// store has an entry for each session, written before the session itself, so
// that none is missed. Where the Manager cannot list, all methods fail with
// [ErrNoUsers]. It is safe for concurrent use.
type Users struct {
	m       *Manager
	backend *storeBackend
	scan    store.Scanner // nil: the Manager cannot list
	perUser int           // Config.Limits.PerUser; 0: any number

	refuse bool  // Config.Limits.RefuseLogin: a login beyond most, instead of ending the oldest
	turns  turns // a user's logins are counted one after the other
}

// Hook is a function that is called when a key changes; [Key.OnChange] and
// [Key.AfterCommit] make them, Config.Hooks takes them.
type Hook struct {
	key         string
	id          *identity
	onChange    func(ctx context.Context, s *State, ch rawChange) error
	afterCommit func(ctx context.Context, s *State, ch rawChange)
}

// rawChange is a change of a key with encoded values.
type rawChange struct {
	tab            string
	old, now       entry
	hadOld, hasNow bool
}

// foreignManager is the Manager for adapters to other session libraries. It keeps the values of
// their code beside the keys, as an encoded text.
type foreignManager struct {
	m     *Manager
	token string
}

// flashState is the state of the flash messages in a request.
type flashState struct {
	loading sync.Once
	loaded  bool
	had     bool    // the request had the cookie, readable or not
	old     []Flash // from the cookie
	added   []Flash // in this request
	shown   int     // how many of old and added have been yielded
}

// Flash is a message that is shown once, usually by the page that a form
// redirects to.
type Flash struct {
	Kind string `json:"k,omitempty"` // as given to [State.Flash]
	Text string `json:"t"`
}

// plainNotice tells the observer once that browsers drop the cookies.
type plainNotice struct{ sent atomic.Bool }

// names are the keys that a Manager has seen, by their names.
type names struct {
	token *token
	first sync.Map // name -> *identity
	n     atomic.Int64
}

// maxNames bounds the names that a Manager remembers, because a program may make keys from
// data.
const maxNames = 10_000

// claim fails if another key with the name was used before.
func (n *names) claim(id *identity) error {
	if id.last.Load() == n.token {
		return nil
	}
	first, ok := n.first.Load(id.name)
	if !ok && n.n.Load() < maxNames {
		if first, ok = n.first.LoadOrStore(id.name, id); !ok {
			n.n.Add(1)
		}
	}
	if other, _ := first.(*identity); ok && other != id && !other.same(id) {
		return &valueError{key: id.name, typ: id.typ.String(), err: &sharedNameError{id, other}}
	}
	id.last.Store(n.token)
	return nil
}
