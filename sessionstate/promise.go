package sessionstate

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/reecho-go/reecho/internal/panics"
)

// promise is how long another session library lets its sessions live, such as
// gorilla's by the MaxAge of its options: so long after each save. 0 is until the browser is closed.
type promise struct {
	seconds int64
	known   bool
}

func promiseOf(maxAge *int) promise {
	if maxAge == nil {
		return promise{}
	}
	return promise{seconds: int64(*maxAge), known: true}
}

// remember is what a session that begins now is to live, in seconds; 0: Config
// decides.
func (p promise) remember() int64 { return min(max(p.seconds, 0), maxRemember) }

// from is how long a record that is saved now is to live, counted from its
// beginning.
func (p promise) from(r *record, now time.Time) int64 {
	return min(max(now.Unix()-r.created, 0)+p.remember(), maxRemember)
}

// promised returns the promise of the other library's code that saves a session, and keeps in
// mind that there are cookies that live so long.
func (r *revocations) promised(maxAge int) promise {
	p := promise{int64(maxAge), true}
	for {
		longest := r.longest.Load()
		if p.remember() <= longest || r.longest.CompareAndSwap(longest, p.remember()) {
			return p
		}
	}
}

// promise gives the session the lifetime that the other library's code asks for when it saves
// it. A lifetime that is right to within a tenth is no change: saving the same
// values writes nothing. Who is logged in lives as Login has said.
func (s *State) promise(maxAge int) error {
	if maxAge <= 0 {
		return nil
	}
	if err := s.loadAll(); err != nil {
		return err
	}
	return s.mutate(func() error {
		p := s.m.revoked.promised(maxAge)
		if age := p.from(&s.cur, time.Now()); s.cur.user == "" && !s.cur.empty() && (s.cur.rememberFor == 0 || max(age-s.cur.rememberFor, s.cur.rememberFor-age) > p.remember()/10) {
			s.cur.rememberFor, s.changes.rememberFor = age, &age
		}
		return nil
	})
}

// promised learns what the store of before promised, and says what becomes of it.
func (m *Manager) promised(c Config) {
	switch k := m.keeper.(type) {
	case *thirdKeeper:
		_ = panics.Catch(func() error { // the store's fault, if it has one, comes with the first session
			session, err := k.store.Open(context.Background(), k.name, "")
			if err == nil {
				m.promise = promiseOf(session.MaxAge())
			}
			return err
		})
	case *cookieKeeper:
		if k.legacy.Cookies == nil {
			return
		}
		m.promise = promiseOf(k.legacy.MaxAge)
	default:
		return
	}
	const of = "Config.Foreign"
	m.revoked.promised(int(m.promise.remember()))
	config := fmt.Sprintf("Config.Idle (%s) and Config.Absolute (%s)", limitText(c.Idle), limitText(c.Absolute))
	switch p := m.promise; {
	case !p.known:
		m.notices = append(m.notices, of+" does not say how long the old store let sessions live: those that are taken over now end with the browser, and by "+config+"; if the cookies had a Max-Age, such as gorilla's 30 days, give the old store its Options.MaxAge")
	case p.remember() > 0:
		m.notices = append(m.notices, fmt.Sprintf("%s: sessions that are taken over, and those that code of its library saves, live %v from then on, as the old store's MaxAge says, not by %s; Login decides anew", of, time.Duration(p.remember())*time.Second, config))
	default:
		m.notices = append(m.notices, of+": the old store let sessions live until the browser is closed; now they also end by "+config)
	}
}

func limitText(d time.Duration) string {
	if d == math.MaxInt64 {
		return "no limit"
	}
	return d.String()
}
