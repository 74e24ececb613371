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
	local     *local // nil: visitors on this machine are like all others
	plain     plainNotice
	begun     begun // what the slot of a request holds first
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
	started     sync.Once         // Start tells its notices once
	misplaced   sync.Once         // CSRF tells once that it has no session
	onChange    map[string][]Hook // by key
	observer    observe.Observer
	logKey      []byte
	csrfKeys    [][]byte // as Secrets: the first makes tokens, all verify
	notices     []string
	typedLogin  sync.Once    // the notice of one
	revoked     *revocations // in server mode only of a library's cookies of other names
	foreign     *foreignManager
	promise     promise // of the store whose sessions are taken over
	users       *Users
	scopes      *scopes
	names       names // of keys
	counters    counters
	turns       turns
}

// begun is what the slot of a request holds until its session is first used.
type begun struct{ m *Manager }

// phase is where a State is in its request.
type phase uint8

const (
	open       phase = iota
	committing       // the response's headers are about to leave
	frozen           // they have been sent: the session can only be read
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
	spillErr error       // why the rest of it could not
	base     snapshot    // as it was loaded; without an id: a new visitor
	cur      record      // base with the changes
	changes  changes     // from base to cur
	nextID   sessionID   // of a new or renewed session; zero: not yet chosen
	ended    []snapshot  // sessions that this request destroyed
	over     []sessionID // those of them that have ended
	unread   []snapshot  // sessions of the request that cannot be read, only ended

	scope   *sessionScope   // for caches and resources; nil: none yet, or it is another now
	scopes  []*sessionScope // all that this request has acquired
	unsaved []*sessionScope // those of sessions that are yet to be saved

	saving chan struct{} // closed when SaveNow is done; nil: it is not under way
	early  http.Header   // what SaveNow has left for the response

	then []func() // to be called when the session is frozen

	detached bool // of a Detached: there is no response
	present  bool // the Detached says that the visitor is there

	clearSite bool // Destroy was asked for it
	mustFail  bool // Destroy could not be noted
	endUnread bool // Destroy ends them too
	running   int  // OnChange functions now running
	flash     flashState
}

func newState(m *Manager, req *http.Request) *State {
	return &State{m: m, req: m.local.incoming(req)}
}

// isOpen reports whether the session can be changed, once nobody is saving it
// any more. It is called under the lock, which it may give up meanwhile.
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
	m    *Manager
	k    *storeBackend
	scan store.Scanner // nil: cannot list
	most int           // Config.Limits.PerUser; 0: any number

	refuse bool  // Config.Limits.RefuseLogin: a login beyond most, instead of ending the oldest
	turns  turns // of a user's logins that are counted
}

// Hook is a function that is called when a key changes; [Key.OnChange] and
// [Key.AfterCommit] make them, Config.Hooks takes them.
type Hook struct {
	key         string
	id          *identity
	onChange    func(ctx context.Context, s *State, ch rawChange) error
	afterCommit func(ctx context.Context, s *State, ch rawChange)
}

// rawChange is a change before the key's type is known.
type rawChange struct {
	tab            string
	old, now       entry
	hadOld, hasNow bool
}

// foreignManager is the Manager as adapters to other session libraries see it.
// The values of their code are kept beside the keys, as a text that is theirs.
type foreignManager struct {
	m     *Manager
	token string
}

// flashState is what a request does with the messages.
type flashState struct {
	loading sync.Once
	loaded  bool
	had     bool    // the cookie was there, with messages or junk
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

// plainNotice tells once that cookies do not stick.
type plainNotice struct{ told atomic.Bool }

// names are the keys that a Manager has seen, by their names.
type names struct {
	token *token
	first sync.Map // name -> *identity
	n     atomic.Int64
}

// maxNames bounds the names that a Manager remembers, for programs that make keys
// of names from data.
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
