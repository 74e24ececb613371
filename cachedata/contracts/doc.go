// Package contracts holds the keys and copies of cachedata to the types of
// well-known libraries: decimals, UUIDs and messages of Protocol Buffers. It is
// a module of its own, so that nobody gets their dependencies, and has tests
// only.
package contracts
