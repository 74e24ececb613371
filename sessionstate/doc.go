// Package sessionstate keeps typed state for each visitor of a web app, as
// Streamlit's st.session_state does.
//
//	var visits = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})
//
//	n, err := sessionstate.Incr(visits, sessionstate.From(c), 1)
//
// A [Manager] is a plugin for a middleware.Stack, and a middleware of its own.
// By default the session lives in the visitor's cookie, encrypted (cookie
// mode); with Config.Store it lives in any store.Store that can compare and
// swap, and the cookie holds its sealed id (server mode). Package gorillastate lets
// code for gorilla/sessions use the sessions, takes over those of an app that had
// them there, and keeps them in a store for it. The same visitor in another tab, or
// after a reload, has the same session.
//
// Promises, in both modes:
//   - a route that does not use the session pays nothing for it, and a visitor
//     who only reads gets no cookie and costs no call of a store;
//   - changes are saved before the response's headers are sent, on every way out
//     of a handler: so a redirect's target sees them. They are dropped when the
//     status is 5xx or the handler panics. What comes too late fails with
//     [middleware.ErrCommitted];
//   - nothing is written when nothing has changed;
//   - what a key returns is the caller's own; a value that is not of the key's
//     type reads as the default, and the observer is told;
//   - cookies are AES-256-GCM, bound to their name and to a key with an id, and
//     are never sealed in a weaker way. What is tampered with, truncated, of
//     another name, of a removed key, expired or from the future is the cookie
//     of a new visitor, never an error;
//   - a session that has ended does not answer again: a logout, [Users.Revoke]
//     and [Users.End] also end a session that gets a new id at the same moment,
//     and fail if they cannot guarantee it;
//   - ids are 256 random bits, taken from the cookie only, never used again
//     after their end, new after [State.Login], and kept in stores as digests;
//   - a page that has read the session of a user who is logged in is sent with
//     Cache-Control: no-store, so that the back button does not show it after the
//     logout; if the handler has set Cache-Control itself, private is added to
//     that;
//   - no event, error or log line of this package holds an id, a cookie or a
//     value;
//   - a store that fails answers 503, unless Config.Failures.Open is set.
//
// Caches and resources in session scope are bound to the session: what they
// keep for a visitor outlasts renewed ids, and ends with the session, at the
// latest when its idle or absolute time is over. A visitor without a session
// gets one. Config.Limits.Newcomers bounds what is kept for clients that never
// send their cookie back.
//
// Server mode also promises that no update is lost and that nothing brings an
// ended session back: every write is a compare-and-swap, and a write that
// conflicts with another request's is applied again to what that one has saved.
//
// # What cookie mode cannot do
//
// The only copy of the session travels with the visitor. So of two requests at
// the same moment the last response wins, whole: the changes of the other are
// lost, also those made with [Key.Update]. A visitor can send an old cookie
// again, and is then in the state that the cookie holds, until its deadline;
// Login, Renew and Destroy end older cookies through Config.CookieMode.Revocations. A
// session is limited to what fits in a cookie of 4,096 bytes, some 2,970 of
// names and values, unless Config.CookieMode.Spill takes the rest. What must be exact
// (a balance, a quota) belongs in server mode, or in your database.
//
// A page that only reads does not send the values back: visits are noted in a
// cookie of their own, the session's name with "-t" added. There are two
// exceptions, each once for a session: when its key was replaced, and when the
// session was taken over from another library's cookie.
//
// # Users and visitors
//
// A session belongs to a user from [State.Login] on, and to a visitor before.
// When memory is short, in the list of revocations or in a store that evicts, the
// sessions of visitors are dropped first. So call Login also if the app keeps its
// logins in keys of its own; the observer is told of an app that seems to do only
// that.
//
// # Several apps on one host
//
// Cookies know no ports, and those with a Domain are shared by all its hosts. Give
// each app a Cookie.Name of its own: then apps that share a host, or Secrets, or
// both, neither overwrite nor accept each other's cookies. Apps with the same name
// and other Secrets end each other's sessions, and the observer is told of cookies
// that an unknown key has sealed. Apps with the same name and the same Secrets are
// one app to this package, as the processes of one are: who is logged in to one in
// cookie mode, or with a shared Store, is logged in to the other.
//
// # Rules
//
// What goes on after the response has been sent (a goroutine, a stream, a WebSocket)
// uses [State.Detach]; the State itself can then only be read.
//
// A hijacked connection (WebSocket) commits before it is handed over; the cookie
// reaches the browser only if the handshake sends the response's headers.
//
// Put the Manager before what uses it. Do not use echo's middleware.Timeout,
// which runs the handler beside the response; use ContextTimeout. Streamlit's
// state lives per browser tab and dies with a reload; this one is per browser.
package sessionstate
