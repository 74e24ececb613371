// Package gorillastate lets code that was written for gorilla/sessions use the
// sessions of a sessionstate.Manager, and takes over the sessions that an app
// has in a store of gorilla's.
//
// [New] makes the Manager a sessions.Store, in one line: what such code puts into
// Values travels in the same sealed cookie, or the same record in a store.Store,
// as the typed keys of package sessionstate, with the same timeouts, logout and
// rotation of secrets. goth, echo-contrib/session and plain net/http handlers need
// no other change:
//
//	manager := sessionstate.Must(sessionstate.New(sessionstate.Config{Secrets: secrets}))
//	gothic.Store = gorillastate.New(manager)
//	e.Use(echov4.Use(manager), session.Middleware(gorillastate.New(manager)))
//
// [TakeOver] and [KeepIn] are what sessionstate.Config.Foreign takes, so that
// visitors of an app that moves to this package stay logged in.
//
// Only this package links gorilla's packages: an app that does not import it
// carries none of them.
package gorillastate
