package main

import "github.com/reecho-go/reecho/cachedata"

// cache says where a panel's result came from: whether it was in the cache,
// how old it is, and how long the query took that made it.
func (v *pageView) cache(panel, title string, m cachedata.Meta) cacheView {
	c := cacheView{
		reader: v.reader, Panel: panel, Query: v.Query,
		Age:        v.Age(m.Age),
		Took:       v.T("query took %s", v.Took(m.LoadTook)),
		ClearLabel: v.T("Clear: %s", title),
	}
	switch m.Source {
	case cachedata.Hit:
		c.Kind, c.Label = "hit", v.T("Hit")
	case cachedata.Stored:
		c.Kind, c.Label = "hit", v.T("From disk")
	case cachedata.Joined:
		c.Kind, c.Label = "miss", v.T("Shared another visitor’s query")
	default:
		c.Kind, c.Label = "miss", v.T("Miss")
	}
	return c
}
