package boltstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/boltstore"
)

// childFile is the environment variable by which a test starts this program
// anew as a process that writes until it is killed; childSyncs has it wait for
// the disk.
const (
	childFile  = "BOLTSTORE_TEST_CHILD"
	childSyncs = "BOLTSTORE_TEST_CHILD_SYNCS"
)

// writers is how many goroutines of a child write at a time, each its own keys.
const writers = 3

// keeps is how many values of a writer are there at a time.
const keeps = 3

func keyOf(writer, n int) string { return fmt.Sprintf("%d/%d", writer, n) }

// lastOf is the key of the last number.
func lastOf(writer int) string { return fmt.Sprint("last of ", writer) }

// valueOf is of a size that differs much, so that the file grows and is made
// smaller again and again.
func valueOf(writer, n int) string {
	size := 1 + n*7919%2000
	if n%23 == 0 {
		size = 200_000
	}
	return strings.Repeat(fmt.Sprintf("%d/%d;", writer, n), size)
}

// child has each writer put value 1, 2, 3 ..., delete the one of some steps
// before, and print the number then.
func child(path string) {
	s, err := boltstore.New(path, boltstore.Config{NoSync: os.Getenv(childSyncs) == ""})
	check(err)
	fmt.Println("ready 0")
	ctx := context.Background()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			n := 1
			if it, err := s.Get(ctx, lastOf(w)); err == nil {
				_, err = fmt.Sscan(string(it.Value), &n)
				check(err)
			}
			for ; ; n++ {
				check(s.Put(ctx, keyOf(w, n), store.Item{Value: []byte(valueOf(w, n))}))
				check(s.Put(ctx, lastOf(w), store.Item{Value: []byte(fmt.Sprint(n))}))
				check(s.Delete(ctx, keyOf(w, n-keeps)))
				fmt.Println(w, n)
			}
		})
	}
	all.Wait()
}

// start runs a child on the file, which ends with the test, and returns when it
// is ready, with what it prints.
func start(t *testing.T, path string, env ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(append(os.Environ(), childFile+"="+path), env...)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	if line, err := out.ReadString('\n'); err != nil || line != "ready 0\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	return cmd, out
}

// killed runs a child until it has acknowledged so many writes, waits a moment, and
// kills it. It returns the last number that each writer has acknowledged: all that
// was printed counts.
func killed(t *testing.T, path string, lines int, moment time.Duration, env ...string) (last [writers]int) {
	t.Helper()
	cmd, out := start(t, path, env...)
	for n := 0; ; n++ {
		if n == lines {
			time.Sleep(moment)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		line, err := out.ReadString('\n')
		if errors.Is(err, io.EOF) && n >= lines {
			_ = cmd.Wait() // it was killed
			return last
		}
		var w, acknowledged int
		if _, serr := fmt.Sscan(line, &w, &acknowledged); err != nil || serr != nil {
			rest, _ := io.ReadAll(out)
			t.Fatalf("the child says %q%s: %v", line, rest, err)
		}
		last[w] = acknowledged
	}
}

// A process is killed at a random moment, again and again, over one file.
func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	t.Parallel()
	path := inFile(t)
	seed := soaktest.Seed()
	rng := rand.New(rand.NewPCG(seed, 3))
	rounds, smallest, largest := 10, int64(1<<60), int64(0)
	if soaktest.Long() {
		rounds = 1000
	}
	for round := range rounds {
		var env []string
		if round%5 == 4 {
			env = []string{childSyncs + "=yes"}
		}
		last := killed(t, path, rng.IntN(100), time.Duration(rng.IntN(3000))*time.Microsecond, env...)
		what := fmt.Sprintf("seed %d, round %d", seed, round)
		var r observe.Recorder
		s, err := boltstore.New(path, boltstore.Config{Observer: &r})
		if err != nil || len(r.Events()) > 0 {
			t.Fatalf("%s: New: %v, %+v", what, err, r.Events())
		}
		for w, acknowledged := range last {
			var reached int // perhaps further than what was printed
			it, err := s.Get(t.Context(), lastOf(w))
			if err == nil {
				_, err = fmt.Sscan(string(it.Value), &reached)
			}
			if err != nil && acknowledged > 0 || reached < acknowledged {
				t.Fatalf("%s: writer %d had %d acknowledged, and is at %d: %v", what, w, acknowledged, reached, err)
			}
			for n := acknowledged - keeps; n <= acknowledged; n++ {
				it, err := s.Get(t.Context(), keyOf(w, n))
				switch {
				case n < 1:
				case errors.Is(err, store.ErrNotFound) && n <= reached-keeps: // deleted, perhaps after what was printed
				case n == acknowledged-keeps:
					t.Fatalf("%s: writer %d: what was deleted is there: %d, %v", what, w, n, err)
				case err != nil || string(it.Value) != valueOf(w, n):
					t.Fatalf("%s: writer %d: value %d of %d is %.40q, %v", what, w, n, acknowledged, it.Value, err)
				}
			}
		}
		st := s.Stats()
		smallest, largest = min(smallest, st.FileBytes), max(largest, st.FileBytes)
		closed(t, s)
	}
	t.Logf("%d kills; the file had from %d to %d bytes", rounds, smallest, largest)
}

func TestASecondProcessIsToldAndTakesOverAfterAKill(t *testing.T) {
	t.Parallel()
	path := inFile(t)
	first, _ := start(t, path)
	_, err := boltstore.New(path, boltstore.Config{LockWait: time.Millisecond})
	if !errors.Is(err, boltstore.ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("New of a file that another process has open: %v, want ErrInUse with the path", err)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // it was killed
	s := open(t, path, boltstore.Config{})
	if st := s.Stats(); st.Damaged > 0 {
		t.Errorf("after the kill: %+v", st)
	}
	put(t, s, "a", "1", time.Time{})
}
