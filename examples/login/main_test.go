package main

import (
	"errors"
	"fmt"
	"os"
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
