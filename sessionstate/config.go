package sessionstate

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate/internal/foreign"
	"github.com/reecho-go/reecho/store"
)

// Config configures a [Manager]. The zero value keeps sessions in encrypted
// cookies that end with the process.
//
// The fields that most apps set come first. The others are grouped by concern,
// and each group is described at its type: [CookieConfig], [LifetimeConfig],
// [LimitConfig], [FailureConfig], and [CookieModeConfig] for apps without a
// Store.
//
// In every field 0 means the default that its comment names, and a negative
// value is an error in [New]. For "no limit" use math.MaxInt64 or math.MaxInt.
type Config struct {
	// Secrets seal the cookies: the first one seals, all of them open. To rotate,
	// put a new one first and keep the others until their sessions are over;
	// cookies are sealed again when their visitors come back. See [SecretFile].
	// Default nil: a random secret. Then all sessions end with the process, and
	// other processes do not know them; Start tells the observer.
	Secrets []Secret
	// Store keeps the sessions (server mode). It must have the capability of
	// compare-and-swap (store.Swapper). The caller closes it. Default nil: the
	// cookies hold the sessions (cookie mode; the package comment says what that
	// cannot do).
	Store store.Store
	// Prefix starts all keys in the stores. At most 512 bytes. Default:
	// "session/".
	Prefix string

	// Cookie says how the cookie looks. Default: secure, for this host only.
	Cookie CookieConfig
	// Lifetime says when sessions end and get new ids. Default: 30 minutes
	// without use, 24 hours at most.
	Lifetime LifetimeConfig
	// Limits bounds how many sessions there may be. Default: no limit for a user.
	Limits LimitConfig
	// Failures says what happens when the session cannot be loaded or saved.
	// Default: the response is a 503.
	Failures FailureConfig
	// CookieMode is for sessions in cookies. Setting a field together with Store
	// is an error.
	CookieMode CookieModeConfig

	// Codec encodes the values of keys, such as that of module
	// sessionstate/cborcodec. Values that were encoded as JSON before can still be
	// read; those of another Codec cannot, and read as defaults. Default nil:
	// JSON.
	Codec Codec
	// Hooks are called when keys change, in order. See [Key.OnChange] and
	// [Key.AfterCommit]. Default: none.
	Hooks []Hook
	// Observer is told of refused cookies, ended sessions, conflicts, values that
	// cannot be decoded, and failures of the stores. Default nil: nobody; notices
	// at the start go to slog.Default().
	Observer observe.Observer
}

// LifetimeConfig says when sessions end, and when they get new ids.
type LifetimeConfig struct {
	// Idle ends a session that has not been used for this long. It is exact to a
	// tenth, because not every request notes a visit. At least a second. Default
	// 0: 30 minutes. math.MaxInt64: no limit.
	Idle time.Duration
	// Absolute ends a session this long after it began, or after its Login. At
	// least Idle. Default 0: 24 hours. math.MaxInt64: no limit.
	Absolute time.Duration
	// RenewEvery gives a session a new id this long after its last, so that a
	// stolen id stops working. Requests with the old id that come within Grace
	// get the new one too, all the same one. Needs Config.Store: in cookie mode
	// parallel requests could not agree on an id. At least a second. Default 0:
	// never.
	RenewEvery time.Duration
	// Grace is how long an id works after RenewEvery has replaced it; after Login
	// and Renew it stops working at once. Default 0: 10 seconds. A nanosecond is in
	// effect none: then changes that parallel requests write with the old id are lost.
	Grace time.Duration
}

// LimitConfig bounds how many sessions a user has, and what is kept for new
// visitors.
type LimitConfig struct {
	// PerUser is how many sessions a user may have. A Login that makes one more
	// ends those whose Login is the longest ago. Needs a Config.Store that can
	// list (store.Scanner). Default 0: no limit.
	PerUser int
	// RefuseLogin lets a Login beyond PerUser fail with [ErrTooManySessions]
	// instead. Of several logins at the same moment, some may fail only when they
	// are saved; then the response becomes that error. Needs PerUser. Default:
	// false.
	RefuseLogin bool
	// Newcomers is how many visitors who have not sent their cookie back yet may
	// have entries in caches and resources of session scope. One more ends the
	// entries, but not the session, of the visitor who came first. So clients that
	// never keep cookies cannot fill the memory. Default 0: 1,000. math.MaxInt: any
	// number.
	Newcomers int
}

// FailureConfig says what happens when a session cannot be loaded or saved, or
// when its response fails.
type FailureConfig struct {
	// Open treats visitors whose session cannot be reached as new ones, whose
	// changes are refused or dropped (fail open). No cookie is set, and only a
	// Destroy that fails still answers 503. Default false: every request that used
	// the session is a 503 (fail closed).
	Open bool
	// Timeout bounds each load and each save. A save goes on when the client hangs
	// up, until then. It works through the context: a store that ignores it is
	// waited for. Default 0: 2 seconds.
	Timeout time.Duration
	// KeepOn5xx saves the changes of responses with a 5xx status too. Default
	// false: they are dropped.
	KeepOn5xx bool
}

// CookieModeConfig is for sessions in cookies. All of it is refused with
// Config.Store.
type CookieModeConfig struct {
	// Revocations keeps the ids of sessions that were ended before their time, so
	// that a copied cookie does not work either. One store must serve all processes that
	// share the secrets; it must have the capability of compare-and-swap
	// (store.Swapper). The caller closes it. Default nil: the memory of this
	// process. A restart and other processes then forget who logged out; the
	// observer is told when the first visitor does.
	//
	// In memory or in a store, the list takes at most 50 MiB, and cannot be filled:
	// it is kept on pages, and a page that is full ends the sessions of its part, a
	// thousandth or less, that were made before those that it remembers. Some
	// 300,000 logouts of users are remembered one by one, and as many of visitors; a
	// user who logs out again and again ends only sessions of that user.
	Revocations store.Store
	// Spill takes what does not fit into cookies: the largest values move there,
	// the others stay in the cookie and are read without it. A session may then
	// have 1 MiB. What moves is not encrypted. Values that the store has lost read
	// as their defaults, and the observer is told. One store must serve all
	// processes that share the secrets. The caller closes it. Refused with a store
	// of Foreign. Default nil: what does not fit is an [ErrTooLarge].
	Spill store.Store
	// Foreign takes over the sessions that the app has in another session library:
	// from cookies (gorillastate.TakeOver), or by keeping them in that library's
	// store (gorillastate.KeepIn), with the promises of cookie mode. What the old
	// store promised of their lifetime is kept; Start tells the observer. Default
	// nil: there are none.
	Foreign Foreign
}

// Foreign gives the Manager the sessions of another session library, see
// Config.CookieMode.Foreign. gorillastate.TakeOver and gorillastate.KeepIn make
// it.
type Foreign interface{ foreign.Library }

// unlessMax is a limit as this package keeps it: 0 is none.
func unlessMax(d time.Duration) time.Duration {
	if d == math.MaxInt64 {
		return 0
	}
	return d
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.Cookie = c.Cookie.withDefaults()
	if c.Prefix == "" {
		c.Prefix = "session/"
	}
	if c.Lifetime.Idle == 0 {
		c.Lifetime.Idle = 30 * time.Minute
	}
	if c.Lifetime.Absolute == 0 {
		c.Lifetime.Absolute = max(24*time.Hour, unlessMax(c.Lifetime.Idle))
	}
	if c.Lifetime.Grace == 0 {
		c.Lifetime.Grace = 10 * time.Second
	}
	if c.Limits.Newcomers == 0 {
		c.Limits.Newcomers = 1000
	}
	if c.Failures.Timeout == 0 {
		c.Failures.Timeout = 2 * time.Second
	}
	return c
}

// maxPrefix bounds Config.Prefix.
const maxPrefix = 512

// check finds everything that is wrong with a complete config.
func (c Config) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("sessionstate: Config."+format, args...))
	}
	errs = append(errs, checkSecrets(c.Secrets), c.Cookie.check())
	if c.Cookie.Insecure && c.Cookie.InsecureLocalhost {
		bad("Cookie.InsecureLocalhost is set, and Cookie.Insecure too, which is for every host: drop one of them")
	}
	if c.Cookie.InsecureLocalhost && withoutPrefix(c.Cookie.Name) == "" {
		bad("Cookie.Name is %q, of which Cookie.InsecureLocalhost leaves nothing: add letters to it", c.Cookie.Name)
	}
	if c.Store != nil {
		if _, ok := store.As[store.Swapper](c.Store); !ok {
			bad("Store is a %T without compare-and-swap (store.Swapper), so it would lose updates: use one that has it, such as memstore, or none for cookie mode", c.Store)
		}
		if c.CookieMode.Revocations != nil {
			bad("CookieMode.Revocations is set, and Store too, which forgets ended sessions by itself: drop CookieMode.Revocations")
		}
	}
	if _, ok := store.As[store.Swapper](c.CookieMode.Revocations); c.CookieMode.Revocations != nil && !ok {
		bad("CookieMode.Revocations is a %T without compare-and-swap (store.Swapper), so a logout at the same moment as another could be lost: use one that has it, or none for a list in memory", c.CookieMode.Revocations)
	}
	if c.CookieMode.Foreign != nil {
		kept, cookies := c.CookieMode.Foreign.Store(), c.CookieMode.Foreign.Cookies()
		if c.Store != nil {
			bad("CookieMode.Foreign is set, and Store too: sessions of another library can only be taken over into cookies, or stay in its store; drop one of them")
		}
		if kept == nil && (cookies == nil || cookies.Decode == nil || cookies.Until == 0) {
			bad("CookieMode.Foreign is incomplete: give gorillastate.KeepIn a store, and gorillastate.TakeOver one with Codecs and the time at which it ends")
		}
		if kept != nil && c.CookieMode.Spill != nil {
			bad("CookieMode.Foreign keeps the sessions in the store of another library, and CookieMode.Spill is set: only sessions in cookies can be too large for them; drop CookieMode.Spill")
		}
	}
	if c.CookieMode.Spill != nil && c.Store != nil {
		bad("CookieMode.Spill is set, and Store too: only sessions in cookies can be too large for them; drop CookieMode.Spill")
	}
	if c.Lifetime.RenewEvery < 0 || c.Lifetime.RenewEvery > 0 && c.Lifetime.RenewEvery < time.Second {
		bad("Lifetime.RenewEvery is %v: use at least a second, or 0 for never", c.Lifetime.RenewEvery)
	}
	if c.Lifetime.RenewEvery > 0 && c.Store == nil {
		bad("Lifetime.RenewEvery is %v, which needs a Store: in cookie mode parallel requests could not agree on a new id", c.Lifetime.RenewEvery)
	}
	if c.Limits.PerUser < 0 {
		bad("Limits.PerUser is %d: use 0 for no limit", c.Limits.PerUser)
	}
	if _, ok := store.As[store.Scanner](c.Store); c.Limits.PerUser > 0 && !ok {
		bad("Limits.PerUser is %d, which needs a Store that can list (store.Scanner), such as memstore", c.Limits.PerUser)
	}
	if c.Limits.RefuseLogin && c.Limits.PerUser == 0 {
		bad("Limits.RefuseLogin is set, and Limits.PerUser is 0, no limit: set Limits.PerUser")
	}
	if c.Limits.Newcomers < 0 {
		bad("Limits.Newcomers is %d: use 0 for 1,000, or math.MaxInt for any number", c.Limits.Newcomers)
	}
	if c.Lifetime.Grace < 0 {
		bad("Lifetime.Grace is %v: use 0 for 10 seconds, or a nanosecond for no time at all", c.Lifetime.Grace)
	}
	if len(c.Prefix) > maxPrefix {
		bad("Prefix has %d bytes: use at most %d", len(c.Prefix), maxPrefix)
	}
	if c.Lifetime.Idle < time.Second || unlessMax(c.Lifetime.Idle).Seconds() > maxSeconds {
		bad("Lifetime.Idle is %v: use at least a second, 0 for 30 minutes, or math.MaxInt64 for no limit", c.Lifetime.Idle)
	}
	if c.Lifetime.Absolute < time.Second || unlessMax(c.Lifetime.Absolute).Seconds() > maxSeconds {
		bad("Lifetime.Absolute is %v: use at least a second, 0 for 24 hours, or math.MaxInt64 for no limit", c.Lifetime.Absolute)
	}
	if idle := unlessMax(c.Lifetime.Idle); idle > c.Lifetime.Absolute {
		bad("Lifetime.Absolute is %v, less than Lifetime.Idle, %v: make it longer, or Lifetime.Idle shorter", c.Lifetime.Absolute, c.Lifetime.Idle)
	}
	if c.Failures.Timeout < 0 {
		bad("Failures.Timeout is %v: use 0 for 2 seconds", c.Failures.Timeout)
	}
	for i, h := range c.Hooks {
		if h.key == "" {
			bad("Hooks[%d] is empty: make hooks with Key.OnChange and Key.AfterCommit", i)
		}
	}
	return errors.Join(errs...)
}
