// Package promql checks, by the parsers of Prometheus, the dashboard and the alert rules
// of docs/grafana: each expression and template is valid, and each series that one asks
// for is in a scrape of a program with one of everything. It has tests only.
package promql
