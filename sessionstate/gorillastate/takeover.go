package gorillastate

import (
	"slices"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/internal/foreign"
)

// takenOver are the cookies that an app's CookieStore has set.
type takenOver struct{ cookies *foreign.Cookies }

func (t takenOver) Cookies() *foreign.Cookies { return t.cookies }
func (takenOver) Store() foreign.Store        { return nil }

// TakeOver returns what sessionstate.Config.CookieMode.Foreign takes to go on with the
// sessions that an app has in the cookies of a CookieStore, until the time from
// which on those cookies are refused. Give Config.Cookie.Name the name that the
// app used; sessions of its other names are taken over when gorilla code opens
// them. Gorilla code finds the values in them; the next response seals
// these in the Manager's own format.
//
// The lifetime that the old store promised to visitors is kept: sessions that are
// taken over, and those that gorilla code saves, live for its Options.MaxAge from
// then on, and their cookies outlast the browser; with 0 they end with the
// browser, and by the Manager's timeouts. Without Options that is not known: the
// timeouts decide, and Manager.Start tells the observer.
//
// Until that time the list of revocations keeps each old cookie whose session has been
// logged out. Choose the time at which the old app stops setting cookies, plus the
// MaxAge of its store.
//
// sessionstate.New refuses a store without Codecs, and a zero time.
func TakeOver(old *sessions.CookieStore, until time.Time) sessionstate.Foreign {
	cookies := new(foreign.Cookies)
	if !until.IsZero() {
		cookies.Until = until.Unix()
	}
	if old == nil {
		return takenOver{cookies}
	}
	codecs := slices.Clone(old.Codecs)
	if len(codecs) > 0 && !slices.Contains(codecs, nil) {
		cookies.Decode = func(name, value string) (string, bool) { return open(codecs, name, value) }
	}
	if old.Options != nil {
		maxAge := old.Options.MaxAge
		cookies.MaxAge = &maxAge
	}
	return takenOver{cookies}
}

// open decodes a cookie that the old store has set.
func open(codecs []securecookie.Codec, name, value string) (string, bool) {
	for _, codec := range codecs {
		found := make(map[any]any) // each has its own: one that fails may have begun to fill it
		if codec.Decode(name, value, &found) != nil {
			continue
		}
		if encoded, err := values(found).Encode(); err == nil {
			return encoded, true
		}
	}
	return "", false
}
