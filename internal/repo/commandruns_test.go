//go:build unix

package repo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The commands of a document are run in their order, as a reader does it: its servers stay
// until its end, what curl asks is answered, and a transcript shows what is printed. The
// commands of notRun are left out.
func TestCommandsInDocumentsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	all := commandsInDocuments(t)
	for _, not := range notRun {
		before := len(all)
		whole := regexp.MustCompile(`^(?:` + not.commands + `)$`)
		all = slices.DeleteFunc(all, func(cmd command) bool { return whole.MatchString(cmd.text) })
		if len(all) == before {
			t.Errorf("no document has a command %s: delete it from notRun", not.commands)
		}
	}
	env := readersEnvironment(t)
	for len(all) > 0 {
		file := all[0].file
		of := all
		if next := slices.IndexFunc(all, func(cmd command) bool { return cmd.file != file }); next > 0 {
			of = all[:next]
		}
		all = all[len(of):]
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			r := &reader{root: root(t), dir: t.TempDir(), env: env, servers: make(map[string]string)}
			for _, cmd := range of {
				if err := r.do(t, cmd); err != nil {
					t.Errorf("line %d: %s: %v", cmd.line, cmd.text, err)
				}
			}
		})
	}
}

// reader does what a document says.
type reader struct {
	root    string
	dir     string            // for curl's files
	env     []string          // of all commands
	servers map[string]string // command -> the address of the server that it has started
	server  string            // the address of the last one
}

// do runs one command.
func (r *reader) do(t *testing.T, cmd command) error {
	t.Helper()
	words := split(cmd.text)
	switch verb := strings.Join(words[:min(2, len(words))], " "); {
	case words[0] == "curl":
		return r.curl(t, cmd)
	case verb == "go run":
		if r.servers[cmd.text] == "" {
			linked := linking(cmd.text)
			address, err := r.start(t, cmd)
			linked()
			if err != nil {
				return err
			}
			r.servers[cmd.text] = address
		}
		r.server = r.servers[cmd.text]
		return nil
	case runsThis.MatchString(cmd.text):
		return errors.New("it would run this test: add it to notRun with the reason")
	case slices.Contains([]string{"make", "make help", "go test", "go list", "go doc"}, verb):
		out, err := r.command(t.Context(), cmd.text, filepath.Join(r.root, elsewhere[cmd.file])).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return differs(cmd.shown, string(out))
	}
	return errors.New("this test does not know such a command: teach it, or add it to notRun with the reason")
}

// linkLocks has a lock for each program.
var linkLocks sync.Map

// linking begins a go run, and is followed by a call of what it returns: of those of one
// program, the first compiles and links it, and the others find that in the cache.
func linking(program string) (linked func()) {
	lock, _ := linkLocks.LoadOrStore(program, new(sync.Mutex))
	lock.(*sync.Mutex).Lock()
	return lock.(*sync.Mutex).Unlock
}

// command is a line for a shell.
func (r *reader) command(ctx context.Context, text, dir string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", text)
	cmd.Dir, cmd.Env = dir, r.env
	return cmd
}

var (
	loopback = regexp.MustCompile(`(?:127\.0\.0\.1|localhost):\d+`)
	announce = regexp.MustCompile(`(?:^\w+: |listening on |started).*?((?:127\.0\.0\.1|localhost):\d+)`)
	answers  = regexp.MustCompile(`\ba (\d\d\d)\b`)
	runsThis = regexp.MustCompile(`^go test .*(?: \./\.\.\.|\./internal/)`)
)

// curl asks the server that the document has started. A status that the comment names, as
// in "a 400", is compared; without one the answer is neither 404 nor a failure.
func (r *reader) curl(t *testing.T, cmd command) error {
	t.Helper()
	if r.server == "" {
		return errors.New("the document has started no server before")
	}
	curl := r.command(t.Context(), loopback.ReplaceAllString(cmd.text, r.server)+" -w '%{stderr} %{http_code}'", r.dir)
	var out, errs bytes.Buffer
	curl.Stdout, curl.Stderr = &out, &errs
	err := curl.Run()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, &errs)
	}
	got := errs.String()[strings.LastIndex(errs.String(), " ")+1:]
	switch want := answers.FindStringSubmatch(cmd.note); {
	case want != nil && want[1] != got:
		err = fmt.Errorf("the status is %s, want %s", got, want[1])
	case want == nil && (got == "404" || got[0] == '5'):
		err = fmt.Errorf("the status is %s", got)
	}
	return errors.Join(err, differs(cmd.shown, out.String()))
}

// start starts a program, which ends with the test as by Ctrl-C, and returns the address
// that it announces.
func (r *reader) start(t *testing.T, cmd command) (string, error) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // that one ends before the program is told to
	server := r.command(ctx, "exec "+cmd.text, filepath.Join(r.root, elsewhere[cmd.file]))
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a group of go run and the program: Ctrl-C is for both
	printed := newAnnouncement()
	server.Stdout, server.Stderr = printed, printed
	if err := server.Start(); err != nil {
		return "", err
	}
	ended := make(chan string, 1)
	go func() { ended <- fmt.Sprint(server.Wait()) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGINT)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
			t.Errorf("%s goes on after Ctrl-C:\n%s", cmd.text, printed)
		}
	})
	select {
	case address := <-printed.address:
		return address, nil
	case status := <-ended:
		ended <- status
		return "", fmt.Errorf("it ends (%s):\n%s", status, printed)
	}
}

// announcement is what a server prints, and the address in it.
type announcement struct {
	address chan string

	mu   sync.Mutex
	text bytes.Buffer
	done bool
}

func newAnnouncement() *announcement { return &announcement{address: make(chan string, 1)} }

func (a *announcement) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.text.Write(p)
	for line := range strings.Lines(a.text.String()) {
		if m := announce.FindStringSubmatch(line); m != nil && !a.done && strings.HasSuffix(line, "\n") {
			a.address <- m[1]
			a.done = true
		}
	}
	return len(p), nil
}

func (a *announcement) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.String()
}

// readersEnvironment is the environment of somebody who has just cloned the repository:
// an empty config folder, and no workspace but go.work. The go command keeps its own
// settings. In the programs of the examples, free ports stand in the place of those that
// they listen on otherwise.
func readersEnvironment(t *testing.T) []string {
	t.Helper()
	config := t.TempDir()
	telemetry := filepath.Join(config, "go", "telemetry") // off, or it writes into the folder while that is removed
	if err := os.MkdirAll(telemetry, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(telemetry, "mode"), []byte("off"), 0o600); err != nil {
		t.Fatal(err)
	}
	var own struct{ GOENV, GOFLAGS string }
	if err := json.Unmarshal([]byte(run(t, root(t), nil, "go", "env", "-json", "GOENV", "GOFLAGS")), &own); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(
		slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "GOWORK=") }),
		[]string{"XDG_CONFIG_HOME=" + config, "GOENV=" + own.GOENV, "GOFLAGS=" + strings.TrimSpace(own.GOFLAGS+" -overlay="+overlay(t))},
	)
}

// overlay writes, for the flag of the go command, the sources of the examples that listen
// on a port, with port 0.
func overlay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	listens := regexp.MustCompile(`"(127\.0\.0\.1|localhost):\d+"`)
	replaced := make(map[string]string)
	for _, file := range files(t, "main.go") {
		source := filepath.Join(root(t), file)
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(file, "examples/") || !listens.Match(text) {
			continue
		}
		replaced[source] = filepath.Join(dir, strings.ReplaceAll(file, "/", "-"))
		if err := os.WriteFile(replaced[source], listens.ReplaceAll(text, []byte(`"$1:0"`)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// differs says how what is printed is not what a transcript shows. "..." in a line is any
// text. Of headers, a transcript shows a choice.
func differs(shown, printed string) error {
	if shown == "" {
		return nil
	}
	wantHead, wantBody := headAndBody(shown)
	head, body := headAndBody(strings.ReplaceAll(printed, "\r\n", "\n"))
	var errs []error
	for _, want := range lines(wantHead) {
		if !slices.ContainsFunc(lines(head), pattern(want).MatchString) {
			errs = append(errs, fmt.Errorf("the document shows the line %q, and it prints\n%s", want, head))
		}
	}
	if !pattern(strings.TrimSpace(wantBody)).MatchString(strings.TrimSpace(body)) {
		errs = append(errs, fmt.Errorf("the document shows\n%s\nand it prints\n%s", wantBody, body))
	}
	return errors.Join(errs...)
}

// headAndBody splits a response, or returns all as the body.
func headAndBody(text string) (head, body string) {
	if head, body, _ := strings.Cut(text, "\n\n"); strings.HasPrefix(head, "HTTP/") {
		return head, body
	}
	return "", text
}

// pattern matches a whole text with dots.
func pattern(text string) *regexp.Regexp {
	return regexp.MustCompile(`^` + strings.ReplaceAll(regexp.QuoteMeta(text), `\.\.\.`, `.*`) + `$`)
}

func TestWrongTranscriptsAreFound(t *testing.T) {
	t.Parallel()
	const printed = "HTTP/1.1 200 OK\r\nDate: today\r\nAge: 12\r\n\r\n{\"n\":7,\"s\":\"a\"}"
	for shown, want := range map[string]string{
		"": "",
		"HTTP/1.1 200 OK\nAge: ...\n\n{\"n\":7,\"s\":\"a\"}\n": "",
		"HTTP/1.1 200 OK\n\n{\"n\":...,\"s\":\"a\"}\n":         "",
		"HTTP/1.1 200 OK\nAge: 1\n\n...\n":                     `"Age: 1"`,
		"HTTP/1.1 404\n\n...\n":                                `"HTTP/1.1 404"`,
		"HTTP/1.1 200 OK\n\n{\"n\":7}\n":                       "and it prints",
		"{\"n\":7,\"s\":\"a\"}\n":                              "",
		"{\"n\":8,\"s\":\"a\"}\n":                              "and it prints",
	} {
		if err := differs(shown, printed); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("differs(%q) = %v, want %q", shown, err, want)
		}
	}
}

// flagless are flags that a program has for itself and that no document names.
var flagless = map[string][]string{"examples/cluster": {"node", "front", "secret"}}

var (
	inlineFlags = regexp.MustCompile("`(-[a-z][^`\n]*)`")
	flagName    = regexp.MustCompile(`(?:^|\s)-([a-z]+)`)
	flagHelp    = regexp.MustCompile(`(?m)^  -([a-z]+)`)
)

// The document beside an example names the flags that the program has: no other, and all.
func TestDocumentsNameTheFlagsOfTheirProgram(t *testing.T) {
	t.Parallel()
	r := &reader{root: root(t), env: readersEnvironment(t)}
	for _, file := range files(t, "README.md") {
		dir := path.Dir(file)
		if _, err := os.Stat(filepath.Join(r.root, dir, "main.go")); err != nil || path.Dir(dir) != "examples" {
			continue
		}
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(r.root, file))
			if err != nil {
				t.Fatal(err)
			}
			named := make(map[string]bool)
			for _, m := range inlineFlags.FindAllSubmatch(text, -1) {
				for _, name := range flagName.FindAllSubmatch(m[1], -1) {
					named[string(name[1])] = true
				}
			}
			source, err := os.ReadFile(filepath.Join(r.root, dir, "main.go"))
			if err != nil {
				t.Fatal(err)
			}
			known := make(map[string]bool)
			if bytes.Contains(source, []byte(`"flag"`)) {
				program := "go run ./" + dir
				linked := linking(program)
				usage, err := r.command(t.Context(), program+" -help", r.root).CombinedOutput()
				linked()
				if err != nil {
					t.Fatalf("-help: %v\n%s", err, usage)
				}
				for _, m := range flagHelp.FindAllSubmatch(usage, -1) {
					if name := string(m[1]); !slices.Contains(flagless[dir], name) {
						known[name] = true
					}
				}
			}
			if !maps.Equal(named, known) {
				t.Errorf("%s names the flags %q, and the program has %q", file, slices.Sorted(maps.Keys(named)), slices.Sorted(maps.Keys(known)))
			}
		})
	}
}
