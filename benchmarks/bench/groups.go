package bench

import "slices"

// A Group is workloads that are run and shown together.
type Group struct {
	Name      string
	Workloads func() []Workload
}

// Groups are those of a program, in the order of the report.
type Groups []Group

// Names are the names of all groups.
func (g Groups) Names() []string {
	var names []string
	for _, group := range g {
		names = append(names, group.Name)
	}
	return names
}

// Of are the workloads of the groups with these names.
func (g Groups) Of(names ...string) []Workload {
	var out []Workload
	for _, group := range g {
		if slices.Contains(names, group.Name) {
			out = append(out, group.Workloads()...)
		}
	}
	return out
}
