package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		program(1000)
		os.Exit(0)
	}
	code := m.Run()
	err := browser.Close()
	// The client of Redis rests between two looks at its servers, for a second.
	rests := goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")
	if err = errors.Join(err, goleak.Find(rests)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func TestABusyPortIsExplained(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	err = run(t.Context(), []string{"-addr", address}, io.Discard, 1000)
	if err == nil || !strings.Contains(err.Error(), "another program listens on "+address) || !strings.Contains(err.Error(), "-addr localhost:8090") {
		t.Error(err)
	}
}
