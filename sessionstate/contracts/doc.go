// Package contracts holds the Manager of sessionstate to what others expect of
// a store for gorilla/sessions: the suite that gin-contrib tests its stores
// with, and echo-contrib's middleware. It is a module of its own, so that
// nobody gets their dependencies, and has tests only.
package contracts
