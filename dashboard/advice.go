package dashboard

import (
	"fmt"
	"math"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/observe"
)

// advice describes a setting of a cache that is unusual or dangerous for the way in which
// the cache is used, and says what to do about it.
type advice struct {
	Cache, Href string
	Text        string
	Tone        string
	id          string
}

// advise returns the advice for all caches.
func advise(caches []*cacheState) (all []advice) {
	for _, c := range caches {
		for _, r := range rules {
			if text := r.says(&c.config, &c.stats); text != "" {
				all = append(all, advice{Cache: shorten(c.Name, maxName), Text: text, Tone: r.tone, id: c.id})
			}
		}
	}
	return all
}

// rule checks a cache and returns a text, or "" if all is well.
type rule struct {
	tone string
	says func(cfg *cachedata.Config, s *cachedata.Stats) string
}

// busy is the number of calls from which on the settings of a cache matter.
const busy = 1_000

var rules = []rule{
	{"bad", func(_ *cachedata.Config, s *cachedata.Stats) string {
		if s.StoreDown == 0 {
			return ""
		}
		return fmt.Sprintf("Its store has failed several times in a row (%s errors), and is left alone for a while. Memory and loads go on. See the events for the cause.", count(s.StoreErrors))
	}},
	{"bad", func(cfg *cachedata.Config, s *cachedata.Stats) string {
		if s.Loads < 20 || s.LoadErrors*10 < s.Loads || cfg.Errors.TTL > 0 || cfg.Stale.OnError > 0 {
			return ""
		}
		return fmt.Sprintf("%s of %s loads have failed, and each failure is an error for all who wait. Set Stale.OnError to serve the last result meanwhile, or Errors.TTL to spare the origin.", count(s.LoadErrors), count(s.Loads))
	}},
	{"warm", func(cfg *cachedata.Config, s *cachedata.Stats) string {
		if cfg.TTL == 0 || cfg.Jitter > 0 || s.Entries < 100 || calls(*s) < busy {
			return ""
		}
		return fmt.Sprintf("%s results have a TTL of %v without Jitter: those that were loaded together expire together, and are loaded together again. Set Jitter, such as 0.1.", count(s.Entries), cfg.TTL)
	}},
	{"warm", func(cfg *cachedata.Config, _ *cachedata.Stats) string {
		if cfg.TTL == 0 || cfg.Stale.For/10 <= cfg.TTL {
			return ""
		}
		return fmt.Sprintf("Stale.For is %v, more than ten times the TTL of %v: after a quiet time, readers get results that old. Make Stale.For shorter, or TTL longer.", cfg.Stale.For, cfg.TTL)
	}},
	{"warm", func(cfg *cachedata.Config, s *cachedata.Stats) string {
		if cfg.MaxBytes > 0 || s.Entries == 0 || s.Bytes/int64(s.Entries) < 10<<20 {
			return ""
		}
		return fmt.Sprintf("A result takes %s on average, and only their number is bounded here. Set MaxBytes.", size(s.Bytes/int64(s.Entries)))
	}},
	{"warm", func(_ *cachedata.Config, s *cachedata.Stats) string {
		gone := s.Evictions[observe.CauseSize]
		if s.Loads < busy || gone < s.Loads/2 {
			return ""
		}
		return fmt.Sprintf("%s of %s loaded results were pushed out by a bound. If they are wanted again, raise MaxEntries or MaxBytes.", count(gone), count(s.Loads))
	}},
	{"warm", func(_ *cachedata.Config, s *cachedata.Stats) string {
		if calls(*s) < busy || s.HitRatio() > 0.2 || s.Joined > s.Misses/2 {
			return ""
		}
		return fmt.Sprintf("Only %s of the calls are hits. The keys may be finer than the results, the TTL too short, or there is nothing to gain from a cache here.", percent(s.HitRatio()))
	}},
	{"warm", func(cfg *cachedata.Config, s *cachedata.Stats) string {
		if cfg.Timeout > 0 || s.LoadTimes.Quantile(0.99) < 10*time.Second {
			return ""
		}
		return fmt.Sprintf("Some loads take longer than %v, and there is no Timeout: one that never returns blocks its key for good. Set Timeout.", span(s.LoadTimes.Quantile(0.99)/2))
	}},
	{"warm", func(_ *cachedata.Config, s *cachedata.Stats) string {
		if s.Refused < 100 || s.Refused < s.Loads/10 {
			return ""
		}
		return fmt.Sprintf("%s of %s loaded results were not kept: clears, deletes or puts came while they were loaded, or they are too large. Clear less at a time, such as by tags.", count(s.Refused), count(s.Loads))
	}},
	{"warm", func(_ *cachedata.Config, s *cachedata.Stats) string {
		if s.Skipped == 0 || s.Skipped < s.Refreshes/10 {
			return ""
		}
		return fmt.Sprintf("%s refreshes were due while 16 others of the group ran, so results get older than they should. Make the loads faster, or the TTL longer.", count(s.Skipped))
	}},
	{"warm", func(cfg *cachedata.Config, _ *cachedata.Stats) string {
		if cfg.TTL == 0 || cfg.Errors.TTL <= cfg.TTL {
			return ""
		}
		return fmt.Sprintf("Errors are remembered for %v, longer than results (%v): a short outage lasts. Make Errors.TTL shorter.", cfg.Errors.TTL, cfg.TTL)
	}},
	{"calm", func(cfg *cachedata.Config, s *cachedata.Stats) string {
		changed := s.Evictions[observe.CauseCleared] + s.Evictions[observe.CauseDeleted] + s.Evictions[observe.CauseReplaced]
		if cfg.TTL > 0 || s.Entries == 0 || calls(*s) < busy || changed > 0 {
			return ""
		}
		return "Results never expire, and nothing has been cleared, deleted or replaced so far. If the origin changes, set a TTL."
	}},
	{"calm", func(cfg *cachedata.Config, _ *cachedata.Stats) string {
		if !cfg.Copy.ReadOnly || cfg.Copy.Verify {
			return ""
		}
		return "All callers share one value (ReadOnly), and nobody looks whether one changes it. Set Copy.Verify in tests."
	}},
	{"calm", func(cfg *cachedata.Config, s *cachedata.Stats) string {
		if !cfg.CountHits || calls(*s) < 1_000_000 {
			return ""
		}
		return "CountHits makes hits of one key slower on several processors. Leave it out when you have seen enough."
	}},
}

// settings are the fields of a configuration that are set.
func settings(cfg *cachedata.Config) (all []fact) {
	duration := func(name string, d time.Duration) {
		if d != 0 {
			all = append(all, fact{name, d.String()})
		}
	}
	whole := func(name string, n int64) {
		switch n {
		case 0:
		case math.MaxInt64:
			all = append(all, fact{name, "no bound"})
		default:
			all = append(all, fact{name, count(n)})
		}
	}
	part := func(name string, f float64) {
		if f != 0 {
			all = append(all, fact{name, fmt.Sprint(f)})
		}
	}
	flag := func(name string, set bool) {
		if set {
			all = append(all, fact{name, "yes"})
		}
	}
	duration("TTL", cfg.TTL)
	duration("IdleTTL", cfg.IdleTTL)
	part("Jitter", cfg.Jitter)
	whole("MaxEntries", int64(cfg.MaxEntries))
	whole("MaxBytes", cfg.MaxBytes)
	duration("Timeout", cfg.Timeout)
	whole("MaxBatch", int64(cfg.MaxBatch))
	flag("Scope: Session", cfg.Scope == cachedata.Session)
	duration("Stale.For", cfg.Stale.For)
	duration("Stale.OnError", cfg.Stale.OnError)
	duration("Stale.SoftTimeout", cfg.Stale.SoftTimeout)
	duration("Stale.RetryAfter", cfg.Stale.RetryAfter)
	part("Stale.EagerAt", cfg.Stale.EagerAt)
	duration("Errors.TTL", cfg.Errors.TTL)
	duration("Errors.NotFoundTTL", cfg.Errors.NotFoundTTL)
	whole("Session.MaxEntries", int64(cfg.Session.MaxEntries))
	whole("Session.MaxSessions", int64(cfg.Session.MaxSessions))
	flag("Store", cfg.Store != nil)
	flag("CountHits", cfg.CountHits)
	flag("Copy.ReadOnly", cfg.Copy.ReadOnly)
	flag("Copy.Verify", cfg.Copy.Verify)
	flag("Copy.Engine", cfg.Copy.Engine != nil)
	whole("Copy.Immutable", int64(len(cfg.Copy.Immutable)))
	whole("Keys.MaxBytes", int64(cfg.Keys.MaxBytes))
	whole("Keys.HashFuncs", int64(len(cfg.Keys.HashFuncs)))
	whole("Trusted", int64(len(cfg.Trusted)))
	return all
}

// adviceView has all advice, the notices from the start of the program, and the settings.
type adviceView struct {
	Advice  []advice
	More    int
	Notices []event
	Rows    []settingsRow
	Pager   *pager
}

type settingsRow struct {
	Name, Group, Href string
	Facts             []fact
}

// maxAdvice is how many pieces of advice are shown on one page.
const maxAdvice = 100

func advicePage(p *page, caches []*cacheState, all []advice, notices []event) *adviceView {
	v := &adviceView{Notices: notices, More: max(len(all)-maxAdvice, 0), Advice: all[:min(len(all), maxAdvice)]}
	for i := range v.Advice {
		v.Advice[i].Href = p.link("page", "cache", "id", v.Advice[i].id)
	}
	v.Pager = newPager(p, len(caches))
	for _, c := range caches[v.Pager.first:v.Pager.last] {
		v.Rows = append(v.Rows, settingsRow{Name: shorten(c.Name, maxName), Group: shorten(c.Group, maxName), Href: p.link("page", "cache", "id", c.id), Facts: settings(&c.config)})
	}
	return v
}
