package cacheresource

import "github.com/reecho-go/reecho/internal/group"

// AddMember puts a member of another kind into g.
func (g *Group) AddMember(m group.Member) error { return g.group.Add(m) }

// Faults returns how many errors r remembers.
func Faults[K, V any](r *Resource[K, V]) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.era.faults)
}
