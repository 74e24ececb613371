package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/redistest"
)

// asProgram is the environment variable by which a test starts this program anew
// as what it is: the login example.
const asProgram = "LOGIN_TEST_PROGRAM"

// A process is the program, running.
type process struct {
	cmd *exec.Cmd
	url string
}

// startProgram starts the program with these flags. It is killed at the end of the
// test if it still runs.
func startProgram(t *testing.T, flags ...string) process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), self, append([]string{"-addr", "127.0.0.1:0", "-insecure"}, flags...)...)
	cmd.Env = append(os.Environ(), asProgram+"=yes")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := process{cmd: cmd}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) < 2 {
		t.Fatalf("the program says %q, %v", line, err)
	}
	p.url = words[1]
	return p
}

// kill ends the program as a crash does. Twice is fine.
func (p process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()         // it was killed
}

// browserOf is a visitor of a process.
func browserOf(t *testing.T, p process) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t: t, url: p.url, client: &http.Client{Jar: jar, Transport: transport}}
}

func (v *visitor) loginAsAda() *visitor {
	v.t.Helper()
	v.get()
	v.post("/login", "name", "ada", "password", "analytical engine")
	v.sees("Welcome, ada.", "Hello, ada")
	return v
}

func TestALoginOutlivesAKilledProcessInAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "login.db")
	first := startProgram(t, "-file", file)
	v, other := browserOf(t, first).loginAsAda(), browserOf(t, first).loginAsAda()
	other.post("/logout")
	other.sees("You are logged out on this device.")
	first.kill()

	again := startProgram(t, "-file", file)
	// Cookies know no ports, so visitors take theirs along.
	v.url, other.url = again.url, again.url
	v.get()
	v.sees("Hello, ada")
	other.get()
	other.lacks("Hello, ada")
	v.post("/logout")
	v.sees("You are logged out on this device.")
}

func TestASecondProcessOnAFileSaysThatItIsInUse(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "login.db")
	first := startProgram(t, "-file", file)
	err := run(t.Context(), []string{"-addr", "127.0.0.1:0", "-file", file}, io.Discard, 1000)
	if err == nil || !strings.Contains(err.Error(), "in use") || !strings.Contains(err.Error(), file) {
		t.Errorf("run: %v", err)
	}
	browserOf(t, first).loginAsAda()
}

func TestProcessesShareLoginsInRedisAndEndThemForEachOther(t *testing.T) {
	t.Parallel()
	flags := []string{"-redis", redistest.Start(t).Addr, "-secret", filepath.Join(t.TempDir(), "login.secret")}
	one, other := startProgram(t, flags...), startProgram(t, flags...)
	v, elsewhere := browserOf(t, one).loginAsAda(), browserOf(t, other).loginAsAda()
	v.url = other.url
	v.get()
	v.sees("Hello, ada", "this device")
	v.post("/end-others")
	v.sees("You are logged out on 1 other device.")
	elsewhere.url = one.url
	elsewhere.get()
	elsewhere.lacks("Hello, ada")

	one.kill() // its sessions are not in it
	v.get()
	v.sees("Hello, ada")
	v.post("/logout")
	v.sees("You are logged out on this device.")
}
