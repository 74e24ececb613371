//go:build unix

package boltstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

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

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
