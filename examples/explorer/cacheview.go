package main

import "github.com/reecho-go/reecho/cachedata"

// cache says where a panel's result came from: whether it was in the cache,
// how old it is, and how long the query took that made it.
func (r reader) cache(panel, title, query string, m cachedata.Meta) cacheView {
	c := cacheView{
		reader: r, Panel: panel, Query: query,
		Age:        r.Age(m.Age),
		Took:       r.T("query took %s", r.Took(m.LoadTook)),
		ClearLabel: r.T("Clear: %s", title),
	}
	switch m.Source {
	case cachedata.Hit:
		c.Kind, c.Label = "hit", r.T("Hit")
	case cachedata.Stored:
		c.Kind, c.Label = "hit", r.T("From disk")
	case cachedata.Joined:
		c.Kind, c.Label = "miss", r.T("Shared another visitor’s query")
	default:
		c.Kind, c.Label = "miss", r.T("Miss")
	}
	return c
}
