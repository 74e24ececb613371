package repo_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// command is a command that a document shows.
type command struct {
	file  string
	line  int
	text  string // without the prompt and the comment
	note  string // the comment
	shown string // what it prints, in a transcript
}

var (
	shells   = []string{"sh", "bash", "shell", "console"}
	programs = []string{"make", "go", "curl", "apt-get"}
	inline   = regexp.MustCompile("`([a-z-]+ [^`\n]+)`")
	comment  = regexp.MustCompile(`(?:^|\s)#\s*(.*)$`)
)

// commands finds the commands of a document: the lines of blocks that are fenced for a
// shell, those after a prompt in a transcript, the lines of other blocks that begin with
// one of programs, and such text within code in a line. The other lines of a transcript
// are what the command above them prints.
func commands(file, text string) []command {
	var found []command
	var open, language, indent string
	for i, line := range strings.Split(text, "\n") {
		if m := fence.FindStringSubmatch(line); m != nil && open == "" {
			indent, open, language = m[1], m[2], m[3]
			continue
		}
		trimmed := strings.TrimSpace(line)
		if open != "" && strings.HasPrefix(trimmed, open) {
			open = ""
			continue
		}
		var texts []string
		switch {
		case open == "":
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				if isCommand(m[1]) {
					texts = append(texts, m[1])
				}
			}
		case language == "console":
			if after, ok := strings.CutPrefix(trimmed, "$ "); ok {
				texts = append(texts, after)
			} else if len(found) > 0 {
				found[len(found)-1].shown += strings.TrimPrefix(line, indent) + "\n"
			}
		case slices.Contains(shells, language), language == "" && isCommand(trimmed):
			texts = append(texts, trimmed)
		}
		for _, text := range texts {
			cmd := command{file: file, line: i + 1}
			if m := comment.FindStringSubmatch(text); m != nil {
				cmd.note = m[1]
			}
			cmd.text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(comment.ReplaceAllString(text, "")), "&"))
			if cmd.text != "" {
				found = append(found, cmd)
			}
		}
	}
	return found
}

// isCommand reports whether a text is a call of one of programs, and more than the name
// of a command of go.
func isCommand(text string) bool {
	words := split(text)
	return len(words) > 1 && slices.Contains(programs, words[0]) && (words[0] != "go" || len(words) > 2)
}

// split splits a command into words, as a shell does with quotes and without variables.
func split(text string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	inWord := false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && r == ' ':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

func TestCommands(t *testing.T) {
	t.Parallel()
	const text = "run `make x` or `make`, not `go.mod` or `go run`\n```sh\nmake    # lists\n# a comment\ngo run . -a 'b c' &\n```\n```console\n$ curl -s 'http://x/#a'\n{}\n\n{}\n```\n```\nmake y\nrouter\n```\n```go\nmake (z)\n```\n"
	want := []command{
		{file: "f.md", line: 1, text: "make x"},
		{file: "f.md", line: 3, text: "make", note: "lists"},
		{file: "f.md", line: 5, text: "go run . -a 'b c'"},
		{file: "f.md", line: 8, text: "curl -s 'http://x/#a'", shown: "{}\n\n{}\n"},
		{file: "f.md", line: 14, text: "make y"},
	}
	if got := commands("f.md", text); !slices.Equal(got, want) {
		t.Errorf("commands() = %v, want %v", got, want)
	}
	if got, want := split(`make a ARGS="-only b" 'c d'e ""`), []string{"make", "a", "ARGS=-only b", "c de", ""}; !slices.Equal(got, want) {
		t.Errorf("split() = %q, want %q", got, want)
	}
}

// commandsInDocuments are those of every document but the changelog, which tells of the past.
func commandsInDocuments(t *testing.T) []command {
	t.Helper()
	var all []command
	for _, file := range files(t, "*.md") {
		if file == "CHANGELOG.md" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), file))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, commands(file, string(text))...)
	}
	if len(all) < 40 {
		t.Fatalf("found %d commands: too few to be all", len(all))
	}
	return all
}

// elsewhere are the folders in which the commands of a document are run, if that is not
// the root.
var elsewhere = map[string]string{
	"benchmarks/README.md":                        "benchmarks",
	"docs/adr/0001-exact-keys.md":                 "benchmarks",
	"docs/adr/0022-typed-shells-over-one-core.md": "benchmarks",
}

// notRun are the commands that TestCommandsInDocumentsDoWhatTheySay does not run, and why:
// expressions for a whole command. What they name is checked all the same.
var notRun = []struct{ commands, reason string }{
	{`make (check|test|lint|soak|fuzz|browsers|rfc-tests)`, "takes minutes to hours; CI runs the first two, and the third with the first"},
	{`make bin/\S+`, "compiles a tool"},
	{`make bench(-servers ARGS=.*)?`, "takes minutes to hours"},
	{`make run`, "runs ./examples/explorer, as examples/README.md does"},
	{`make release VERSION=\S+`, "makes a commit and tags; tools/release tests it, and make check tries a release"},
	{`go( -C \S+)? run \.( .*)?`, "measures for minutes, in the folders of benchmarks; README.md: inside a new folder, as tools/release does"},
	{`go( -C \S+)? run \./weight`, "compiles all that it weighs, for minutes; make check runs it for what is ours"},
	{`go test (-bench|\./examples/).*`, "takes minutes; make test runs these tests"},
	{`go test .* -update`, "writes the documents; the same test without -update compares them"},
	{`go mod (init example\.com/app|tidy)`, "are for a new folder; tools/release runs them in one, with the released modules"},
	{`go get .*`, "fetches what is released; tools/release does it, from a proxy made of files"},
	{`apt-get .*`, "installs; .ci/prepare does it"},
}
