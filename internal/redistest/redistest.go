// Package redistest starts real Redis servers for tests, each on a free port of
// the loopback interface, with nothing on disk. It is for tests only.
package redistest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a redis-server of a test. Its methods fail the test when they
// cannot do what they are asked for.
type Server struct {
	Addr string // host and port

	args []string
	cmd  *exec.Cmd
}

// Start starts a server, with more command-line arguments such as
// "--maxmemory", "10mb". It ends with the test. Without redis-server the test
// fails: make test installs it.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is not installed: install the Debian package redis-server (apt-get install redis-server), or run make test as root")
	}
	s := &Server{args: args}
	// Another process may take a free port before the server does.
	var err error
	for range 10 {
		if s.Addr, err = freeAddr(); err != nil {
			t.Fatal(err)
		}
		if err = s.run(t); err == nil {
			t.Cleanup(func() { s.Stop(t) })
			return s
		}
	}
	t.Fatal(err)
	return nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	return addr, l.Close()
}

// run starts the process and returns when it accepts connections.
func (s *Server) run(t testing.TB) error {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	args := append([]string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir(), "--daemonize", "no"}, s.args...)
	cmd := exec.CommandContext(context.Background(), "redis-server", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ready := make(chan string, 1)
	go func() {
		defer close(ready)
		var said []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said = append(said, lines.Text())
			if strings.Contains(lines.Text(), "Ready to accept connections") {
				ready <- ""
				said = nil
			}
		}
		if said != nil {
			ready <- strings.Join(said, "\n")
		}
	}()
	if said := <-ready; said != "" {
		return fmt.Errorf("redis-server on %s: %w: %s", s.Addr, cmd.Wait(), said)
	}
	s.cmd = cmd
	return nil
}

// Stop kills the server, as a crash does. Stopping twice is fine.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Errorf("redis-server on %s: %v", s.Addr, err)
	}
	_ = s.cmd.Wait() // it was killed
	s.cmd = nil
}

// Restart stops the server and starts an empty one at the same address.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	var err error
	for range 100 { // until the system gives the port back
		if err = s.run(t); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(err)
}

// Pause stops the server from running at all, until [Server.Resume].
func (s *Server) Pause(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Resume ends a pause.
func (s *Server) Resume(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("redis-server on %s: %v: %v", s.Addr, sig, err)
	}
}
