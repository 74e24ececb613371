package repo_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What a command of a document names is there: targets and variables of make, programs
// and their flags, packages and tests, modules, Debian's packages, and the addresses that
// curl asks.
func TestCommandsInDocumentsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	c := newCommandChecker(t)
	for _, cmd := range commandsInDocuments(t) {
		t.Run(fmt.Sprintf("%s:%d", cmd.file, cmd.line), func(t *testing.T) {
			t.Parallel()
			if err := c.check(t, cmd); err != nil {
				t.Errorf("%s: %v", cmd.text, err)
			}
		})
	}
}

func TestWrongCommandsAreFound(t *testing.T) {
	t.Parallel()
	c := newCommandChecker(t)
	for text, want := range map[string]string{
		"make tset":                              "no target tset",
		"make bin/none":                          "no target bin/none",
		"make test TIMEOT=1h":                    "no variable TIMEOT",
		"make test ARGS=-v":                      "takes no ARGS",
		"go run ./queryparams":                   "no program",
		"go run ./queryparams -v":                "no program",
		"go test ./internal/repo -run TestNone$": "no test matches",
		"go test ./internal/repo -updaet":        "flag -updaet",
		"go get github.com/reecho-go/none":       "no module",
		"curl -s http://127.0.0.1:9999/":         `has "127.0.0.1:9999"`,
		"curl -s http://127.0.0.1:8080/none":     `has "/none"`,
		"curl -s https://example.com/":           "no address",
		"npm install":                            "does not know",
	} {
		if err := c.check(t, command{file: "README.md", line: 1, text: text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", text, err, want)
		}
	}
}

// commandChecker knows how each program is called.
type commandChecker struct {
	root    string
	dir     string                                           // of the programs that are built
	command func(name string, arguments ...string) *exec.Cmd // ends with the whole test

	mu    sync.Mutex
	built map[string]func() (string, error) // folder -> builds its program once
}

func newCommandChecker(t *testing.T) *commandChecker {
	t.Helper()
	return &commandChecker{
		root: root(t), dir: t.TempDir(), built: make(map[string]func() (string, error)),
		command: func(name string, arguments ...string) *exec.Cmd {
			return exec.CommandContext(t.Context(), name, arguments...)
		},
	}
}

func (c *commandChecker) check(t *testing.T, cmd command) error {
	t.Helper()
	words := split(cmd.text)
	dir := filepath.Join(c.root, elsewhere[cmd.file])
	if words[0] == "go" {
		words, dir = chdir(words, dir)
	}
	switch verb := strings.Join(words[:min(2, len(words))], " "); {
	case verb == "go mod", cmd.file == "README.md" && cmd.text == "go run .":
		return nil // in a new folder
	case words[0] == "make":
		return c.make(t, words[1:])
	case words[0] == "curl":
		return c.curl(cmd.file, words[1:])
	case verb == "go run":
		return c.goRun(t, dir, words[2:])
	case verb == "go test":
		return c.goTest(t, dir, words[2:])
	case verb == "go get":
		return c.goGet(words[2:])
	case verb == "go list":
		return nil // it is run
	case words[0] == "apt-get":
		return c.aptGet(words[1:])
	}
	return errors.New("this test does not know how to check such a command: teach it")
}

// chdir follows the flag -C of the go command.
func chdir(words []string, dir string) (rest []string, to string) {
	if len(words) > 2 && words[1] == "-C" {
		return append([]string{"go"}, words[3:]...), filepath.Join(dir, words[2])
	}
	return words, dir
}

var (
	listed   = regexp.MustCompile(`(?m)^  ([a-z-]+) `)
	variable = regexp.MustCompile(`^([A-Z]+)=`)
)

// make checks targets, by what make lists or the rules for files, and variables, by those of the Makefile. What
// it sets ARGS to is for the program that the target runs.
func (c *commandChecker) make(t *testing.T, words []string) error {
	t.Helper()
	makefile, err := os.ReadFile(filepath.Join(c.root, "Makefile"))
	if err != nil {
		return err
	}
	var targets []string
	for _, m := range listed.FindAllStringSubmatch(run(t, c.root, nil, "make", "help"), -1) {
		targets = append(targets, m[1])
	}
	var errs []error
	for _, word := range words {
		if m := variable.FindStringSubmatch(word); m != nil {
			if !bytes.Contains(makefile, []byte("$("+m[1]+")")) {
				errs = append(errs, fmt.Errorf("the Makefile has no variable %s", m[1]))
			}
			continue
		}
		file := regexp.MustCompile(`(?m)^(?:\S+ )*` + regexp.QuoteMeta(word) + `(?: \S+)*: `) // a rule for a file
		if !slices.Contains(targets, word) && (!strings.Contains(word, "/") || !file.Match(makefile)) {
			errs = append(errs, fmt.Errorf("make lists no target %s", word))
		}
	}
	for _, word := range words {
		arguments, ok := strings.CutPrefix(word, "ARGS=")
		if !ok {
			continue
		}
		recipe := regexp.MustCompile(`(?m)^` + words[0] + `:.*\n\t(go .*) \$\(ARGS\)$`).FindSubmatch(makefile)
		if recipe == nil {
			errs = append(errs, fmt.Errorf("the target %s takes no ARGS", words[0]))
			continue
		}
		program, dir := chdir(split(string(recipe[1])), c.root)
		errs = append(errs, c.goRun(t, dir, append(program[2:], split(arguments)...)))
	}
	return errors.Join(errs...)
}

// goRun checks that there is such a program, and that it knows the flags, by asking it
// for help after them.
func (c *commandChecker) goRun(t *testing.T, dir string, words []string) error {
	t.Helper()
	if name := strings.TrimSpace(run(t, dir, nil, "go", "list", "-f", "{{.Name}}", words[0])); name != "main" {
		return fmt.Errorf("%s is package %s, and no program", words[0], name)
	}
	arguments := words[1:]
	if len(arguments) == 0 {
		return nil
	}
	program, err := c.build(filepath.Join(dir, words[0]))
	if err != nil {
		return err
	}
	asked := c.command(program, append(slices.Clone(arguments), "-help")...)
	asked.Dir = t.TempDir()
	usage, err := asked.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, usage)
	}
	for i, argument := range arguments {
		if argument == "-only" && i+1 < len(arguments) { // its names are not read before help is given
			for group := range strings.SplitSeq(arguments[i+1], ",") {
				if !regexp.MustCompile(`[:,] ` + group + `\b`).Match(usage) {
					return fmt.Errorf("there is no group %s\n%s", group, usage)
				}
			}
		}
	}
	return nil
}

// build builds the program of a folder, once.
func (c *commandChecker) build(dir string) (string, error) {
	c.mu.Lock()
	once := c.built[dir]
	if once == nil {
		once = sync.OnceValues(func() (string, error) {
			program := filepath.Join(c.dir, strings.ReplaceAll(strings.TrimPrefix(dir, c.root), string(filepath.Separator), "-"))
			cmd := c.command("go", "build", "-o", program, ".")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOWORK="+filepath.Join(c.root, "all.work"))
			if out, err := cmd.CombinedOutput(); err != nil {
				return "", fmt.Errorf("%w\n%s", err, out)
			}
			return program, nil
		})
		c.built[dir] = once
	}
	c.mu.Unlock()
	return once()
}

// goTest checks that the packages are there, and have the tests and flags that are named.
func (c *commandChecker) goTest(t *testing.T, dir string, words []string) error {
	t.Helper()
	var patterns, packages []string
	var flags []string
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case word == "-run" || word == "-bench":
			i++
			prefix := map[string]string{"-run": `(Test|Example|Fuzz)\w*`, "-bench": `Benchmark\w*`}[word]
			patterns = append(patterns, `(?m)^func (?:`+prefix+`)\b`, `(?m)^func `+strings.TrimSuffix(strings.ReplaceAll(words[i], ".", prefix), "$"))
		case strings.HasPrefix(word, "-"):
			flags = append(flags, strings.TrimPrefix(word, "-"))
		default:
			packages = append(packages, word)
		}
	}
	listing := run(t, dir, nil, "go", append([]string{"list", "-f", "{{$d := .Dir}}{{range .TestGoFiles}}{{$d}}/{{.}}\n{{end}}{{range .XTestGoFiles}}{{$d}}/{{.}}\n{{end}}"}, packages...)...)
	var source bytes.Buffer
	for _, name := range lines(listing) {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		source.Write(text)
	}
	if source.Len() == 0 {
		return errors.New("there are no tests")
	}
	for _, pattern := range patterns {
		if !regexp.MustCompile(pattern).Match(source.Bytes()) {
			return fmt.Errorf("no test matches %s", pattern)
		}
	}
	for _, name := range flags {
		if !slices.Contains([]string{"v", "race", "short", "count=1"}, name) && !bytes.Contains(source.Bytes(), []byte(`flag.Bool("`+name+`"`)) {
			return fmt.Errorf("neither go test nor the tests have the flag -%s", name)
		}
	}
	return nil
}

// goGet checks that the modules are ours, or among those that ours need; tools/release
// gets them, as a user does.
func (c *commandChecker) goGet(words []string) error {
	var errs []error
	for _, word := range words {
		cmd := c.command("go", "list", "-m", word)
		cmd.Dir, cmd.Env = c.root, append(os.Environ(), "GOWORK="+filepath.Join(c.root, "all.work"))
		if out, err := cmd.CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("%s is no module here: %w\n%s", word, err, out))
		}
	}
	return errors.Join(errs...)
}

var asks = regexp.MustCompile(`^(?:http://)?((?:localhost|127\.0\.0\.1):\d+)(/[^?]*)`)

// curl checks that the program beside the document, or the first program, listens at the
// address, and that its code knows the path. The examples' tests ask for it.
func (c *commandChecker) curl(file string, words []string) error {
	dir := path.Dir(file)
	if dir == "." {
		dir = "examples/quickstart"
	}
	sources, err := filepath.Glob(filepath.Join(c.root, dir, "*.go"))
	if err != nil {
		return err
	}
	var code bytes.Buffer
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		code.Write(text)
	}
	found := false
	for _, word := range words {
		m := asks.FindStringSubmatch(word)
		if m == nil {
			continue
		}
		found = true
		for _, part := range m[1:] {
			if !strings.Contains(code.String(), `"`+part+`"`) {
				return fmt.Errorf("no program in %s has %q", dir, part)
			}
		}
	}
	if !found {
		return errors.New("it asks for no address of an example")
	}
	return nil
}

// aptGet checks that the packages are those that .ci/prepare installs.
func (c *commandChecker) aptGet(words []string) error {
	prepare, err := os.ReadFile(filepath.Join(c.root, ".ci", "prepare"))
	if err != nil {
		return err
	}
	if words[0] != "install" {
		return errors.New("it installs nothing")
	}
	var errs []error
	for _, word := range words[1:] {
		if word != "-y" && !regexp.MustCompile(`(:|missing\+=\()`+word+`\b`).Match(prepare) {
			errs = append(errs, fmt.Errorf(".ci/prepare installs no package %s", word))
		}
	}
	return errors.Join(errs...)
}
