package tier

import (
	"context"

	"github.com/reecho-go/reecho/internal/level"
)

// A page that is made of results of a cache keeps their births. By these, any process
// can ask the store whether the results still hold: whether the life of the cache is
// the same, none of their tags has been cleared since, and their records are unchanged.

// birth returns the birth of a result that is stored as version and was loaded at m.
func (t *Tier) birth(version uint64, m mark) level.Birth {
	c := t.clocks.Load()
	if c == nil || c.Life != m.life || c.Clears != m.clears { // results with the same mark share a clock
		c = &level.Clock{Life: m.life, Clears: m.clears, Kind: t.kind}
		t.clocks.Store(c)
	}
	if t.cfg.Behind { // the record in the store may be older than the result
		version = 0
	}
	return level.Birth{Version: version, Clock: c}
}

// Judge implements level.Level. If the store does not answer, the parts do not hold.
func (t *Tier) Judge(ctx context.Context, parts []level.Part) bool {
	holds, ok := do(ctx, t, "get", t.cfg.Budget, func(ctx context.Context) (bool, error) { return t.judge(ctx, parts) })
	return ok && holds
}

func (t *Tier) judge(ctx context.Context, parts []level.Part) (bool, error) {
	keys, asked := []string{t.clockKey}, make(map[string]bool)
	for _, p := range parts {
		keys = append(keys, t.nameBy(ofResults, p.Fingerprint, p.Sum))
		for _, tag := range p.Tags {
			if key := t.tagKey(tag); !asked[key] {
				asked[key] = true
				keys = append(keys, key)
			}
		}
	}
	items, err := t.readMany(ctx, keys)
	if err != nil {
		return false, err
	}
	now, ok := decodeClock(items[t.clockKey])
	if !ok || !t.seen(now.latest) {
		return false, nil
	}
	for _, p := range parts {
		at := p.Birth.Clock
		if at == nil || at.Kind != t.kind || at.Life != now.life || p.Birth.Version == 0 ||
			items[t.nameBy(ofResults, p.Fingerprint, p.Sum)].Version != p.Birth.Version ||
			!t.holds(p.Tags, mark{life: at.Life, clears: at.Clears}, items) {
			return false, nil
		}
	}
	return true, nil
}

// Place implements level.Level.
func (t *Tier) Place() any { return t.store }
