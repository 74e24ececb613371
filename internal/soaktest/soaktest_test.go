package soaktest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reecho-go/reecho/internal/soaktest"
)

func TestLongRunsDoEverything(t *testing.T) {
	t.Setenv("SOAK", "")
	if a, b := soaktest.Rounds(4000), soaktest.Rounds(3); soaktest.Long() || a != 400 || b != 1 {
		t.Errorf("an ordinary run does %d and %d rounds", a, b)
	}
	if a, b := soaktest.Seed(), soaktest.Seed(); a != b {
		t.Errorf("ordinary runs differ: seeds %d and %d", a, b)
	}
	t.Setenv("SOAK", "20")
	if n := soaktest.Rounds(4000); !soaktest.Long() || n != 4000 {
		t.Errorf("a long run does %d rounds", n)
	}
	if a, b := soaktest.Seed(), soaktest.Seed(); a == b {
		t.Errorf("long runs repeat seed %d", a)
	}
}

func TestSizeIsLessUnderTheRaceDetector(t *testing.T) {
	t.Parallel()
	want := 5_000_000
	if soaktest.Race {
		want = 100_000
	}
	if got := soaktest.Size(5_000_000); got != want {
		t.Errorf("Size() = %d, want %d", got, want)
	}
	if got := soaktest.Size(1); got != 1 {
		t.Errorf("Size(1) = %d", got)
	}
}

// A test of random cases asks for their number and their beginning.
func ExampleRounds() {
	rng, sorted := rand.New(rand.NewPCG(soaktest.Seed(), 0)), 0
	rounds := soaktest.Rounds(1000)
	for range rounds {
		list := rng.Perm(5)
		slices.Sort(list)
		if slices.IsSorted(list) {
			sorted++
		}
	}
	fmt.Println(sorted == rounds, rounds >= 100)
	// Output: true true
}
