package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"
)

// tableVersion is the Go release that the committed table was made with.
const tableVersion = "go1.26"

func TestTableIsTheArchives(t *testing.T) {
	t.Parallel()
	if !strings.HasPrefix(runtime.Version(), tableVersion) {
		t.Skipf("the table is that of %s, this is %s", tableVersion, runtime.Version())
	}
	archive, err := ofGo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names, err := read(archive)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this installation of Go has no time zone archive")
	}
	if err != nil {
		t.Fatal(err)
	}
	want, err := render(names)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../table.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("table.go is not what genzones writes: run go generate ./ctxinfo/internal/zones")
	}
}
