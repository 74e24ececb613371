package tier

import (
	"context"

	"github.com/reecho-go/reecho/internal/level"
)

// A page that is made of results of a cache keeps the revisions of the results. With these,
// any process can ask the store whether the results are still current: whether the epoch of
// the cache is the same, none of their tags has been cleared since, and their records are
// unchanged.

// revision returns the revision of a result that is stored as version and was loaded at m.
func (t *Tier) revision(version uint64, m mark) level.Revision {
	c := t.clocks.Load()
	if c == nil || c.Epoch != m.epoch || c.Clears != m.clears { // results with the same mark share a Clock
		c = &level.Clock{Epoch: m.epoch, Clears: m.clears, Kind: t.kind}
		t.clocks.Store(c)
	}
	if t.cfg.Behind { // the record in the store may be older than the result
		version = 0
	}
	return level.Revision{Version: version, Clock: c}
}

// AreCurrent implements level.Level. It reports false if the store does not answer.
func (t *Tier) AreCurrent(ctx context.Context, parts []level.Part) bool {
	holds, ok := do(ctx, t, "get", t.cfg.Budget, func(ctx context.Context) (bool, error) { return t.judge(ctx, parts) })
	return ok && holds
}

func (t *Tier) judge(ctx context.Context, parts []level.Part) (bool, error) {
	keys, names := []string{t.clockKey}, make(map[string]bool)
	for _, p := range parts {
		keys = append(keys, t.keyFor(ofResults, p.Fingerprint, p.Sum))
		for _, tag := range p.Tags {
			if key := t.tagKey(tag); !names[key] {
				names[key] = true
				keys = append(keys, key)
			}
		}
	}
	items, err := t.readMany(ctx, keys)
	if err != nil {
		return false, err
	}
	now, ok := decodeClock(items[t.clockKey])
	if !ok || !t.noteTime(now.latest) {
		return false, nil
	}
	for _, p := range parts {
		at := p.Revision.Clock
		if at == nil || at.Kind != t.kind || at.Epoch != now.epoch || p.Revision.Version == 0 ||
			items[t.keyFor(ofResults, p.Fingerprint, p.Sum)].Version != p.Revision.Version ||
			!t.notCleared(p.Tags, mark{epoch: at.Epoch, clears: at.Clears}, items) {
			return false, nil
		}
	}
	return true, nil
}

// Backend implements level.Level.
func (t *Tier) Backend() any { return t.store }
