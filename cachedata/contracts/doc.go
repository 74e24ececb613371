// Package contracts holds the keys and copies of cachedata to the types of the
// standard library and of well-known modules: hundreds of shapes are copied
// truthfully and told apart, or refused, as testdata/shapes.txt lists. It is a
// module of its own, so that nobody gets their dependencies, and has tests only.
package contracts
