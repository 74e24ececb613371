package group

import (
	"slices"
	"strings"

	"github.com/reecho-go/reecho/internal/answer"
)

// Query describes the parameters that a request to clear may have in its query.
type Query struct {
	Who  string // package and method, in errors
	Name string // the parameter that names one member; it may be given once
	Tags string // the parameter that names a tag; it may be given several times; empty: there is none
}

// Check returns an error for a query with unknown parameters or empty values.
// Without the check, such a query would clear everything.
func (q Query) Check(query map[string][]string) error {
	for word, values := range query {
		known := word == q.Name && len(values) == 1 || q.Tags != "" && word == q.Tags
		if !known || slices.Contains(values, "") {
			return q.refuse(400, q.allowed())
		}
	}
	return nil
}

// Unknown returns the error for the name of a member that does not exist.
func (q Query) Unknown() error { return q.refuse(404, "There is no "+q.Name+" of that name.") }

func (q Query) refuse(status int, detail string) error {
	return &answer.RefusalError{Who: q.Who, Status: status, Detail: detail}
}

// allowed says which parameters the query may have.
func (q Query) allowed() string {
	parts := []string{"The query may have " + q.Name + ", with one value"}
	if q.Tags != "" {
		parts = append(parts, "and "+q.Tags+", with one or several")
	}
	return strings.Join(parts, ", ") + "."
}
