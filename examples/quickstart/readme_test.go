package main

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The README shows this program, to the letter.
func TestTheREADMEShowsThisProgram(t *testing.T) {
	t.Parallel()
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(readme(t), "```go\n"+string(program)+"```\n") {
		t.Error("README.md does not show main.go as it is")
	}
}

// The transcript in the README is what curl prints, of the headers a choice; "..." is any
// text.
func TestTheREADMEShowsWhatCurlPrints(t *testing.T) {
	t.Parallel()
	const address = "127.0.0.1:8080"
	_, transcript, ok := strings.Cut(readme(t), "```console\n")
	if !ok {
		t.Fatal("README.md has no transcript")
	}
	transcript, _, _ = strings.Cut(transcript, "```")
	server := httptest.NewServer(app())
	t.Cleanup(server.Close)
	dir := t.TempDir() // for the jar
	asked := 0
	for part := range strings.SplitSeq("\n"+transcript, "\n$ ") {
		command, want, _ := strings.Cut(part, "\n")
		if !strings.HasPrefix(command, "curl ") {
			continue // it starts the program
		}
		asked++
		curl := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command, address, server.Listener.Addr().String()))
		curl.Dir = dir
		out, err := curl.Output()
		if err != nil {
			t.Fatalf("%s: %v; .ci/prepare installs curl, as root", command, err)
		}
		head, body, found := strings.Cut(strings.ReplaceAll(string(out), "\r\n", "\n"), "\n\n")
		wantHead, wantBody, wantFound := strings.Cut(want, "\n\n")
		if !found {
			head, body = "", head
		}
		if !wantFound {
			wantHead, wantBody = "", wantHead
		}
		if strings.TrimSpace(body) != strings.TrimSpace(wantBody) {
			t.Errorf("%s prints\n%s\nand the README\n%s", command, body, wantBody)
		}
		for line := range strings.SplitSeq(wantHead, "\n") {
			pattern := "(?m)^" + strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, ".*") + "$"
			if !regexp.MustCompile(pattern).MatchString(head) {
				t.Errorf("%s prints no line %q in\n%s", command, line, head)
			}
		}
	}
	if asked < 3 {
		t.Errorf("the transcript has %d calls of curl, want 3", asked)
	}
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
