package peers

import "net/url"

// Search is what a query is read into, with the tags of every peer that takes
// a struct of the program's own. Httpin and Huma have theirs.
type Search struct {
	Page int      `query:"page" schema:"page" form:"page"`
	Size int      `query:"size" schema:"size" form:"size"`
	Q    string   `query:"q" schema:"q" form:"q"`
	Sort string   `query:"sort" schema:"sort" form:"sort"`
	Desc bool     `query:"desc" schema:"desc" form:"desc"`
	Tags []string `query:"tags" schema:"tags" form:"tags"`
}

// Decode reads a raw query.
type Decode func(raw string) (Search, error)

// Encode writes a raw query.
type Encode func(Search) (string, error)

// overValues makes a Decode of a peer that reads url.Values.
func overValues(into func(*Search, url.Values) error) Decode {
	return func(raw string) (Search, error) {
		var s Search
		values, err := url.ParseQuery(raw)
		if err != nil {
			return s, err
		}
		err = into(&s, values)
		return s, err
	}
}
