package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/leaktest"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		program(1000)
		os.Exit(0)
	}
	code := m.Run()
	err := browser.Close()
	if err = errors.Join(err, leaktest.Find()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func TestWhatIsWrongIsSaidInOneLine(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"a port that is taken", []string{"-addr", address}, "another program listens on " + address + ": choose another port with -addr, such as -addr localhost:8090"},
		{"an argument too many", []string{"more"}, `"more" is not a flag`},
	} {
		if err := run(t.Context(), tt.args, io.Discard, 1000); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", tt.name, err, tt.want)
		}
	}
}
