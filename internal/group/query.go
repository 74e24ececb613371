package group

import (
	"slices"
	"strings"

	"github.com/reecho-go/reecho/internal/answer"
)

// Query says what the query of a request to clear may say.
type Query struct {
	Who  string // package and method, in errors
	Name string // the parameter that names one member, once
	Tags string // the parameter that names tags, as often as one likes; empty: there is none
}

// Check refuses a query that it does not understand, or that has empty values:
// without it everything would be cleared.
func (q Query) Check(query map[string][]string) error {
	for word, values := range query {
		known := word == q.Name && len(values) == 1 || q.Tags != "" && word == q.Tags
		if !known || slices.Contains(values, "") {
			return q.refuse(400, q.allowed())
		}
	}
	return nil
}

// Unknown refuses the name of a member that there is not.
func (q Query) Unknown() error { return q.refuse(404, "There is no "+q.Name+" of that name.") }

func (q Query) refuse(status int, detail string) error {
	return &answer.RefusalError{Who: q.Who, Status: status, Detail: detail}
}

// allowed says what the query may have.
func (q Query) allowed() string {
	parts := []string{"The query may have " + q.Name + ", with one value"}
	if q.Tags != "" {
		parts = append(parts, "and "+q.Tags+", with one or several")
	}
	return strings.Join(parts, ", ") + "."
}
