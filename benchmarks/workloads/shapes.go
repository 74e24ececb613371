// Package workloads is what the benchmarks do: one file per group.
package workloads

import (
	"fmt"
	"slices"
	"strconv"
)

// keyCount is a power of two, so that i&(keyCount-1) walks through the keys.
const keyCount = 1024

// query is a key with a slice: no map takes it as it is.
type query struct {
	Table string
	IDs   []int
	Limit int
}

func intKeys() []int { return fill(func(i int) int { return i }) }
func stringKeys() []string {
	return fill(func(i int) string { return "user:" + strconv.Itoa(i) + ":profile" })
}

func queryKeys() []query {
	return fill(func(i int) query { return query{Table: "strikes", IDs: []int{i, i + 1, i + 2}, Limit: 50} })
}

func fill[T any](f func(i int) T) []T { return list(keyCount, f) }

func list[T any](n int, f func(i int) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

// text is what users of a library with comparable keys make of a query.
func (q query) text() string { return fmt.Sprintf("%s|%v|%d", q.Table, q.IDs, q.Limit) }

// profile is a value of five strings.
type profile struct{ ID, Name, Email, City, Bio string }

func makeProfile(i int) profile {
	n := strconv.Itoa(i)
	return profile{n, "name " + n, n + "@example.org", "Seattle", "a short text about " + n}
}

// row is a row of a result set.
type row struct {
	ID    int
	Name  string
	Price float64
	Tags  []string
}

func makeRows(i int) []row { return makeTable(100, i*100) }

// makeTable makes n rows; like real ones, some have no tags and some have none
// of them.
func makeTable(n, first int) []row {
	rows := list(n, func(j int) row {
		n := strconv.Itoa(first + j)
		return row{ID: j, Name: "row " + n, Price: float64(j) / 3, Tags: []string{"a" + n, "b" + n}}
	})
	rows[0].Tags, rows[1].Tags = nil, []string{}
	return rows
}

// cloneRows is a copy by ordinary loops.
func cloneRows(rows []row) []row {
	out := make([]row, len(rows))
	for i, r := range rows {
		r.Tags = slices.Clone(r.Tags)
		out[i] = r
	}
	return out
}
