// Package uses connects what is being made, such as a response, with the results
// of cached functions that it is made of.
package uses

// LoadingKey is the context key under which a load finds what it says of its result,
// see cachedata.LoadingFrom. It is that of the innermost load.
type LoadingKey struct{}
