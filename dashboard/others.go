package dashboard

import (
	"log/slog"
	"path"
	"slices"
	"time"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
)

// resourcesView is the list of resources and of their leased instances.
type resourcesView struct {
	Rows   []resourceRow
	Pager  *pager
	Leased []leasedRow
	More   int // leased instances that are not shown
}

type resourceRow struct {
	ID, Name, Group                   string
	Open, Leases, Peak, Pinned, Opens string
	Failed, Checks, Oldest, Leaks     string
	Badges                            []badge
	Ended                             []fact
}

type leasedRow struct {
	Name   string
	Leases int
	Sites  []string
	More   int
}

// maxLeased is how many leased instances are shown, and maxSites for how many leases of
// each the page shows where they were taken.
const (
	maxLeased = 100
	maxSites  = 5
)

func (d *Dashboard) resourcesPage(p *page) *resourcesView {
	v := new(resourcesView)
	var rows []resourceRow
	for _, g := range d.cfg.Resources {
		for name, s := range g.Resources() {
			r := resourceRow{
				ID: idOf(g.Name(), name), Name: shorten(name, maxName), Group: shorten(g.Name(), maxName),
				Open: count(s.Open), Leases: count(s.Leases), Peak: count(s.PeakLeases), Pinned: count(s.Pinned),
				Opens: count(s.Opens), Failed: count(s.OpenErrors), Checks: count(s.Checks), Oldest: span(s.Oldest), Leaks: count(s.Leaks),
			}
			if s.InFlight > 0 {
				r.Badges = append(r.Badges, badge{"opening", "good", count(s.Waiters) + " waiting"})
			}
			if s.FailedChecks > 0 {
				r.Badges = append(r.Badges, badge{"unsound", "warm", count(s.FailedChecks) + " of " + count(s.Checks) + " checks have failed"})
			}
			if s.OpenErrors > 0 {
				r.Badges = append(r.Badges, badge{"failing", "bad", count(s.OpenErrors) + " of " + count(s.Opens) + " opens have failed"})
			}
			if s.Leaks > 0 {
				r.Badges = append(r.Badges, badge{"leaks", "bad", count(s.Leaks) + " leases were held too long, lost, or released twice; the events say where they were taken"})
			}
			if s.Stuck > 0 {
				r.Badges = append(r.Badges, badge{"stuck", "bad", count(s.Stuck) + " releases took too long"})
			}
			for _, cause := range []observe.Cause{
				observe.CauseExpired, observe.CauseIdle, observe.CauseSize, observe.CauseReplaced, observe.CauseDeleted, observe.CauseCleared,
				observe.CauseUnsound, observe.CauseOrphan, observe.CauseSession, observe.CauseClosed,
			} {
				if n := s.Releases[cause]; n > 0 {
					r.Ended = append(r.Ended, fact{string(cause), count(n)})
				}
			}
			rows = append(rows, r)
		}
	}
	v.Pager = newPager(p, len(rows))
	v.Rows = rows[v.Pager.first:v.Pager.last]
	for _, g := range d.cfg.Resources {
		for _, l := range g.Leased() {
			if len(v.Leased) == maxLeased {
				v.More++
				continue
			}
			r := leasedRow{Name: shorten(l.Name, 2*maxName), Leases: l.Leases}
			for i, site := range l.Sites {
				if i == maxSites {
					r.More = len(l.Sites) - i
					break
				}
				r.Sites = append(r.Sites, shorten(path.Join(path.Base(path.Dir(site)), path.Base(site)), maxName))
			}
			v.Leased = append(v.Leased, r)
		}
	}
	return v
}

// sessionsView is the page of sessions: the counters, and the sessions of a user.
type sessionsView struct {
	Stats   sessionstate.Stats
	User    string // the user whose sessions are shown; empty: none
	Problem string // why they cannot be shown
	List    []sessionstate.SessionInfo
	More    int
}

// Now returns the time at which the view is shown.
func (*sessionsView) Now() time.Time { return time.Now() }

// maxSessions is how many sessions of a user are shown.
const maxSessions = 100

// eventsView is the log of events.
type eventsView struct {
	Levels []choice
	Rows   []event
	Most   int
}

func eventsPage(p *page, all []event) *eventsView {
	v := &eventsView{Most: maxEvents}
	least := slog.LevelDebug
	for _, l := range []struct {
		name  string
		title string
		level slog.Level
	}{{"", "all", slog.LevelDebug}, {"info", "info and above", slog.LevelInfo}, {"warn", "warnings and errors", slog.LevelWarn}} {
		current := p.query.Get("level") == l.name
		if current {
			least = l.level
		}
		v.Levels = append(v.Levels, choice{l.title, p.with("level", l.name), current})
	}
	v.Rows = slices.DeleteFunc(all, func(e event) bool { return e.Level < least })
	return v
}
