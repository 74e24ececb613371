package cacheresource

import "github.com/reecho-go/reecho/internal/group"

// AddMember puts a member of another kind into g.
func (g *Group) AddMember(m group.Member) error { return g.group.Add(m) }

// Faults returns how many errors r remembers.
func Faults[K, V any](r *Resource[K, V]) int {
	r.core.mu.Lock()
	defer r.core.mu.Unlock()
	return len(r.core.era.faults)
}
