// Package pgtest runs cacheresource against a real PostgreSQL server, which its
// tests start, break and restart. It is a module of its own, so that the driver
// is no requirement of the toolkit; it has tests only.
package pgtest
