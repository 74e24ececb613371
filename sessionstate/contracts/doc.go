// Package contracts holds the Manager of sessionstate to what others expect of
// a store for gorilla/sessions: handlers behind echo-contrib's middleware, and goth's
// logins. It is a module of its own, so that nobody gets their dependencies, and has
// tests only.
package contracts
