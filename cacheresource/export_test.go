package cacheresource

import "github.com/reecho-go/reecho/internal/group"

// AddMember puts a member of another kind into g.
func (g *Group) AddMember(m group.Member) error { return g.group.Add(m) }
