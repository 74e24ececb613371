//go:build unix

package boltstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/boltstore"
)

// fullDisk is the environment variable by which a test starts this program
// anew as a process that may write only small files.
const fullDisk = "BOLTSTORE_TEST_FULL"

func TestAFullDiskLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := inFile(t)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), fullDisk+"="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := open(t, path, boltstore.Config{})
	if st := s.Stats(); st.Damaged > 0 || st.Entries == 0 {
		t.Errorf("afterwards: %+v", st)
	}
}

// fillUp writes until the system refuses in the middle of a write, reads all
// back, and writes on when there is room again.
func fillUp(path string) {
	signal.Ignore(syscall.SIGXFSZ) // or it would end the process
	var limit syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	small := limit
	small.Cur = 3<<20 + 5000 // the end of the third step of the file, and a bit of a page
	check(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	s, err := boltstore.New(path, boltstore.Config{})
	check(err)
	ctx := context.Background()
	value := make([]byte, 100_000)
	written := 0
	for ; err == nil; written++ {
		err = s.Put(ctx, fmt.Sprint(written), store.Item{Value: value})
	}
	fault := new(store.Error)
	if written--; !errors.As(err, &fault) || written == 0 {
		check(fmt.Errorf("after %d writes: %w", written, err))
	}
	for i := range written {
		_, err := s.Get(ctx, fmt.Sprint(i))
		check(err)
	}
	check(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	for i := range 20 {
		check(s.Put(ctx, fmt.Sprint("more ", i), store.Item{Value: value}))
	}
	for i := range written {
		_, err := s.Get(ctx, fmt.Sprint(i))
		check(err)
	}
	check(s.Close(ctx))
	os.Exit(0)
}

// readOnly is the environment variable by which a test starts this program anew
// as a process that may only read a file.
const readOnly = "BOLTSTORE_TEST_READ_ONLY"

func TestAFileThatMayOnlyBeReadIsAnErrorAndStaysAsItIs(t *testing.T) {
	t.Parallel()
	path := inFile(t)
	s, err := boltstore.New(path, boltstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "a", "1", time.Time{})
	closed(t, s)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755), os.Chmod(filepath.Dir(path), 0o755), os.Chmod(path, 0o444)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), readOnly+"="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file has changed, or is gone: %v", err)
	}
}

// tryToOpen is the process that may only read.
func tryToOpen(path string) {
	if os.Getuid() == 0 { // who may write everything
		check(syscall.Setuid(65534))
	}
	if _, err := boltstore.New(path, boltstore.Config{}); !errors.Is(err, os.ErrPermission) {
		check(fmt.Errorf("New: %w, want that it is not permitted", err))
	}
	os.Exit(0)
}

func TestAFolderThatIsGoneStopsNothingAndIsToldOnce(t *testing.T) {
	t.Parallel()
	path := inFile(t)
	var r observe.Recorder
	s := open(t, path, boltstore.Config{NoSync: true, Observer: &r})
	for i := range 100 {
		put(t, s, fmt.Sprint(i), strings.Repeat("x", 100_000), time.Time{})
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	for i := range 99 { // it would be made smaller now
		if err := s.Delete(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	for len(r.Events()) == 0 {
		put(t, s, "more", "1", time.Time{})
	}
	for range 100 {
		put(t, s, "more", "1", time.Time{})
	}
	if it, err := s.Get(t.Context(), "99"); err != nil || len(it.Value) != 100_000 {
		t.Errorf("Get: %d bytes, %v", len(it.Value), err)
	}
	failure, ok := r.Events()[0].(observe.StoreFailure)
	if n := len(r.Events()); n != 1 || !ok || !errors.Is(failure.Err, os.ErrNotExist) {
		t.Errorf("%d events, the first is %+v", n, r.Events()[0])
	}
}

func check(err error) {
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}
