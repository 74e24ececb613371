// Package redistest starts real Redis servers for tests, each on a free port of
// the loopback interface, with nothing on disk. It is for tests only.
package redistest

import (
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/redisserver"
)

// Server is a redis-server of a test. Its methods fail the test when they
// cannot do what they are asked for.
type Server struct {
	Addr string // host and port

	server *redisserver.Server
}

// Start starts a server, with more command-line arguments such as
// "--maxmemory", "10mb". It ends with the test. Without redis-server the test
// fails: make test installs it.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	server, err := redisserver.Start(args...)
	if err != nil {
		t.Fatalf("%v (make test does it, as root)", err)
	}
	s := &Server{Addr: server.Addr, server: server}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Stop kills the server, as a crash does. Stopping twice is fine.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.server.Stop(); err != nil {
		t.Error(err)
	}
}

// Restart stops the server and starts an empty one at the same address.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	must(t, s.server.Restart())
}

// Pause stops the server from running at all, until [Server.Resume].
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	must(t, s.server.Pause())
}

// Resume ends a pause.
func (s *Server) Resume(t testing.TB) {
	t.Helper()
	must(t, s.server.Resume())
}

// Eventually tries something until it succeeds, for a minute, and fails the test if it does not. On a
// busy machine news from the server comes late, and calls of it take longer than their callers wait.
func Eventually(t testing.TB, what string, try func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !try(); {
		if time.Now().After(end) {
			t.Fatalf("for a minute it was not true that %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
