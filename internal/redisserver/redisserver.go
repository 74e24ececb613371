// Package redisserver starts real Redis servers, each on a free port of the loopback
// interface, with nothing on disk: for tests, benchmarks and examples.
package redisserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// ErrNotInstalled says that there is no redis-server on this machine.
var ErrNotInstalled = errors.New("redis-server is not installed: install the Debian package redis-server (apt-get install redis-server)")

// Installed returns [ErrNotInstalled] if there is no redis-server.
func Installed() error {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return ErrNotInstalled
	}
	return nil
}

// Server is a running redis-server. Its methods must not be called at the same time.
type Server struct {
	Addr string // host and port

	dir  string
	args []string
	cmd  *exec.Cmd
}

// Start starts a server, with more command-line arguments such as "--maxmemory",
// "10mb", and returns when it accepts connections. The caller stops it.
func Start(args ...string) (*Server, error) {
	if err := Installed(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "redis-server-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, args: args}
	// Another process may take a free port before the server does.
	for range 10 {
		if s.Addr, err = freeAddr(); err != nil {
			break
		}
		if err = s.run(); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

func freeAddr() (string, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	return addr, l.Close()
}

// run starts the process and returns when it accepts connections.
func (s *Server) run() error {
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil { // Stop has removed it
		return err
	}
	args := append([]string{"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", s.dir, "--daemonize", "no"}, s.args...)
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
		} // else it was ready, or has said nothing here
	}()
	if said, ok := <-ready; !ok || said != "" {
		return fmt.Errorf("redis-server on %s: %w: %s", s.Addr, cmd.Wait(), said)
	}
	s.cmd = cmd
	return nil
}

// Stop kills the server, as a crash does, and removes its folder. Stopping twice is
// fine.
func (s *Server) Stop() error { return errors.Join(s.kill(), os.RemoveAll(s.dir)) }

func (s *Server) kill() error {
	if s.cmd == nil {
		return nil
	}
	err := s.cmd.Process.Kill()
	_ = s.cmd.Wait() // it was killed
	s.cmd = nil
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("redis-server on %s: %w", s.Addr, err)
	}
	return nil
}

// Restart kills the server and starts an empty one at the same address.
func (s *Server) Restart() error {
	if err := s.kill(); err != nil {
		return err
	}
	var err error
	for range 100 { // until the system gives the port back
		if err = s.run(); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// Pause stops the server from running at all, until [Server.Resume].
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP) }

// Resume ends a pause.
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) error {
	if err := s.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("redis-server on %s: %v: %w", s.Addr, sig, err)
	}
	return nil
}
