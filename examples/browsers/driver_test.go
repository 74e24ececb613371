//go:build browsers

package browsers

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A browser is one that a test drives.
type browser interface {
	// call sends a command: its path below /session/{id} of WebDriver, which
	// Firefox has names for.
	call(method, path string, args map[string]any) (any, error)
}

// webDriver speaks to a driver over HTTP (W3C WebDriver).
type webDriver struct{ session string }

func (d *webDriver) call(method, path string, args map[string]any) (any, error) {
	body, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	if method == http.MethodGet {
		body = nil
	}
	r, err := http.NewRequest(method, d.session+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var reply struct{ Value any }
	if err := json.NewDecoder(res.Body).Decode(&reply); err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %v", method, path, reply.Value)
	}
	return reply.Value, nil
}

// startDriver starts a driver and a browser of its.
func startDriver(t *testing.T, capabilities map[string]any, program string, args ...string) browser {
	port := freePort(t)
	start(t, program, append(args, "--port="+strconv.Itoa(port))...)
	d := &webDriver{session: fmt.Sprintf("http://127.0.0.1:%d/session", port)}
	value := retry(t, func() (any, error) {
		return d.call(http.MethodPost, "", map[string]any{"capabilities": map[string]any{"alwaysMatch": capabilities}})
	})
	d.session += "/" + value.(map[string]any)["sessionId"].(string)
	t.Cleanup(func() { _, _ = d.call(http.MethodDelete, "", nil) }) // the process is killed all the same
	return d
}

// marionette speaks to Firefox without geckodriver, which Debian does not have.
type marionette struct {
	conn net.Conn
	in   *bufio.Reader
	last int
}

// marionetteNames are the commands by their paths in WebDriver.
var marionetteNames = map[string]string{
	"/url": "WebDriver:Navigate", "/execute/sync": "WebDriver:ExecuteScript", "/back": "WebDriver:Back",
}

func (m *marionette) call(_, path string, args map[string]any) (any, error) {
	return m.send(marionetteNames[path], args)
}

func (m *marionette) send(name string, args map[string]any) (any, error) {
	m.last++
	if args == nil {
		args = map[string]any{}
	}
	text, err := json.Marshal([]any{0, m.last, name, args})
	if err != nil {
		return nil, err
	}
	if err := m.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(m.conn, "%d:%s", len(text), text); err != nil {
		return nil, err
	}
	raw, err := m.read()
	if err != nil {
		return nil, err
	}
	var reply [4]any // 1, the number, an error, the result
	if err := json.Unmarshal(raw, &reply); err != nil {
		return nil, err
	}
	if reply[2] != nil {
		return nil, fmt.Errorf("%s: %v", name, reply[2])
	}
	if result, ok := reply[3].(map[string]any); ok && result["value"] != nil {
		return result["value"], nil
	}
	return reply[3], nil
}

func (m *marionette) read() ([]byte, error) {
	size, err := m.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(size, ":"))
	if err != nil {
		return nil, err
	}
	raw := make([]byte, n)
	_, err = io.ReadFull(m.in, raw)
	return raw, err
}

func startFirefox(t *testing.T) browser {
	profile, port := t.TempDir(), freePort(t)
	prefs := fmt.Sprintf("user_pref(\"marionette.port\", %d);\nuser_pref(\"network.dns.localDomains\", %q);\n", port, name)
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(prefs), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", profile)
	m := retry(t, func() (*marionette, error) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return nil, err
		}
		m := &marionette{conn: conn, in: bufio.NewReader(conn)}
		_, err = m.read() // its greeting
		return m, err
	})
	t.Cleanup(func() { _ = m.conn.Close() })
	if _, err := m.send("WebDriver:NewSession", map[string]any{"acceptInsecureCerts": true}); err != nil {
		t.Fatal(err)
	}
	return m
}

// withName is the command that runs a program where name is this machine: WebKit
// asks the system for names, and so it gets an /etc/hosts of its own, in a mount
// namespace that ends with it.
func withName(t *testing.T, program string) (string, []string) {
	known, err := os.ReadFile("/etc/hosts")
	if err != nil {
		t.Fatal(err)
	}
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts, fmt.Appendf(known, "\n127.0.0.1 %s\n", name), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"--mount", "--", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts, program}
	if os.Getuid() != 0 {
		args = append([]string{"--user", "--map-current-user", "--keep-caps"}, args...)
	}
	return "unshare", args
}

// start runs a program until the test ends.
func start(t *testing.T, program string, args ...string) {
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("no %s: make browsers installs it as root", program)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "MOZ_HEADLESS=1", "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a driver's browser belongs to it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // it was killed
	})
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// retry tries until the program has started, for a minute.
func retry[T any](t *testing.T, f func() (T, error)) T {
	var all error
	for range 120 {
		v, err := f()
		if err == nil {
			return v
		}
		all = errors.Join(err)
		time.Sleep(500 * time.Millisecond) // a browser has no clock of ours
	}
	t.Fatal(all)
	panic("not reached")
}
