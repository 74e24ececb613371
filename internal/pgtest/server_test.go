package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is a PostgreSQL server of the test's own: its data in a temporary
// folder, on a free port of the loopback interface, without a Unix socket.
type server struct {
	postgres string
	data     string
	port     int
	as       *syscall.SysProcAttr // root may not run it
	cmd      *exec.Cmd
	log      *lockedBuffer
}

// newServer starts a server that ends with the test.
func newServer(t *testing.T) *server {
	t.Helper()
	initdb, err := find("initdb")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pgtest") //lint:ignore usetesting t.TempDir is in a folder that only the test's user can enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &server{postgres: filepath.Join(filepath.Dir(initdb), "postgres"), data: filepath.Join(dir, "data"), log: new(lockedBuffer)}
	if os.Geteuid() == 0 {
		uid, gid := ids(t)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		s.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	init := exec.CommandContext(t.Context(), initdb, "-D", s.data, "-U", "test", "--auth=trust", "--no-sync", "--no-instructions")
	init.SysProcAttr, init.Dir = s.as, dir
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.port = freePort(t)
	s.start(t)
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			t.Logf("the server says:\n%s", s.log)
		}
	})
	return s
}

// find returns the path of a program of the server; Debian does not put them
// into PATH.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", errors.New("no PostgreSQL server: install the Debian package postgresql")
	}
	return found[len(found)-1], nil
}

// ids are those of the user that the package makes for the server.
func ids(t *testing.T) (uid, gid int) {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("no user postgres, and root may not run the server: install the Debian package postgresql: %v", err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return uid, gid
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// start starts the server and waits until it answers.
func (s *server) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.Command(s.postgres, "-D", s.data, "-p", strconv.Itoa(s.port), "-h", "127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=50")
	s.cmd.SysProcAttr, s.cmd.Dir = s.as, filepath.Dir(s.data)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.dsn("starting"))
		if err == nil {
			_ = conn.Close(ctx)
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the server does not answer: %v\n%s", err, s.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop stops the server at once; connections break.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil { // a fast shutdown
		t.Errorf("stopping the server: %v", err)
	}
	_ = s.cmd.Wait()
}

// dsn is where the server is, for connections that call themselves name.
func (s *server) dsn(name string) string {
	return fmt.Sprintf("postgres://test@127.0.0.1:%d/postgres?sslmode=disable&application_name=%s", s.port, name)
}

// lockedBuffer is what the server writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
