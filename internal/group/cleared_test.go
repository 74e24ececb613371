package group_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/group"
)

func TestTagsAreClearedForWhatIsOlder(t *testing.T) {
	t.Parallel()
	var tags group.Tags
	before := tags.Now()
	tags.Clear(group.Tag{Member: "users", Name: "team:7"})
	between := tags.Now()
	tags.Clear(group.Tag{Name: "team:8"})
	after := tags.Now()
	for _, tt := range []struct {
		member string
		names  []string
		since  uint64
		want   bool
	}{
		{"users", []string{"team:7"}, before, true},
		{"users", []string{"a", "b", "team:7"}, before, true},
		{"users", []string{"team:7"}, between, false},
		{"pages", []string{"team:7"}, before, false},
		{"users", []string{"team:8"}, between, true},
		{"pages", []string{"team:8"}, before, true},
		{"pages", []string{"team:8"}, after, false},
		{"users", []string{"team"}, before, false},
		{"users", nil, before, false},
	} {
		got, _, until := tags.Cleared(tt.member, tt.names, group.TagSetOf(tt.names...), tt.since)
		if got != tt.want || until != after {
			t.Errorf("%s %q since %d: %v until %d, want %v until %d", tt.member, tt.names, tt.since, got, until, tt.want, after)
		}
	}
}

// clearedSince asks for names and their set.
func clearedSince(tags *group.Tags, member string, names []string, since uint64) bool {
	cleared, _, _ := tags.Cleared(member, names, group.TagSetOf(names...), since)
	return cleared
}

func TestTagsAnswerAsAListOfAllClearsDoes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		var tags group.Tags
		var log [][]group.Tag // of each step
		forgotten := uint64(0)
		name := func() string {
			n := random.IntN(400)
			if n == 0 {
				return strings.Repeat("long", 100)
			}
			return fmt.Sprint("tag:", n)
		}
		for range 1500 {
			if random.IntN(200) == 0 {
				forgotten = max(forgotten, tags.Now()-min(tags.Now(), random.Uint64N(300)))
				tags.Prune(forgotten)
			}
			step := make([]group.Tag, 1+random.IntN(3))
			for i := range step {
				step[i] = group.Tag{Name: name(), Member: []string{"", "a", "b"}[random.IntN(3)]}
				step[i].Soft = step[i].Member != "" && random.IntN(4) == 0
			}
			tags.Clear(step...)
			log = append(log, step)

			names := make([]string, random.IntN(30))
			for i := range names {
				names[i] = name()
			}
			since := tags.Now() - min(tags.Now(), random.Uint64N(1+random.Uint64N(600)))
			cleared := len(names) > 0 && since < forgotten
			expired := false
			for _, step := range log[since:] {
				for _, tag := range step {
					if slices.Contains(names, tag.Name) && (tag.Member == "" || tag.Member == "a") {
						cleared = cleared || !tag.Soft
						expired = expired || tag.Soft
					}
				}
			}
			expired = expired && !cleared
			got, soft, until := tags.Cleared("a", names, group.TagSetOf(names...), since)
			if got != cleared || soft != expired || until != uint64(len(log)) {
				t.Fatalf("seed %d: %q since %d of %d: %v, %v until %d, want %v, %v", seed, names, since, len(log), got, soft, until, cleared, expired)
			}
		}
	}
}

func TestPruneForgets(t *testing.T) {
	t.Parallel()
	var tags group.Tags
	for i := range 1000 {
		tags.Clear(group.Tag{Name: fmt.Sprint(i)})
	}
	tags.Clear(group.Tag{Name: "0"}) // again
	tags.Prune(1000)
	if n := tags.Len(); n != 1 {
		t.Errorf("%d tags are remembered, want 1", n)
	}
	if cleared := clearedSince(&tags, "", []string{"0"}, 1000); !cleared {
		t.Error("a clear of after what was pruned is forgotten")
	}
	tags.Prune(tags.Now())
	if n := tags.Len(); n != 0 {
		t.Errorf("%d tags are remembered, want none", n)
	}
}

// Of too many, all are cleared: never too few.
func TestTagsAreBounded(t *testing.T) {
	t.Parallel()
	const bound = 1 << 16
	var tags group.Tags
	for i := range bound {
		tags.Clear(group.Tag{Name: fmt.Sprint(i)})
	}
	tags.Clear(group.Tag{Name: "0"}) // one that is known needs no room
	if n := tags.Len(); n != bound {
		t.Errorf("%d tags are remembered, want %d", n, bound)
	}
	full := tags.Now()
	if cleared := clearedSince(&tags, "", []string{"other"}, full-1); cleared {
		t.Error("a tag is cleared that was not")
	}
	tags.Clear(group.Tag{Name: "one more"})
	if n := tags.Len(); n != 0 {
		t.Errorf("%d tags are remembered, want none", n)
	}
	for _, name := range []string{"1", "one more", "other"} {
		if cleared := clearedSince(&tags, "", []string{name}, full); !cleared {
			t.Errorf("%s is not cleared", name)
		}
		if cleared := clearedSince(&tags, "", []string{name}, tags.Now()); cleared {
			t.Errorf("%s is cleared for what is newer", name)
		}
	}
	if cleared := clearedSince(&tags, "", nil, 0); cleared {
		t.Error("what has no tag is cleared")
	}
}

func TestSeveralTagsAreClearedInOneStep(t *testing.T) {
	t.Parallel()
	var tags group.Tags
	tags.Clear(group.Tag{Name: "a"}, group.Tag{Member: "m", Name: "b"})
	if tags.Now() != 1 || tags.Len() != 2 {
		t.Errorf("%d clears of %d tags, want 1 of 2", tags.Now(), tags.Len())
	}
	for _, name := range []string{"a", "b"} {
		if cleared := clearedSince(&tags, "m", []string{name}, 0); !cleared {
			t.Errorf("%s is not cleared", name)
		}
	}
}

// What nobody asked about before a clear was forgotten counts as cleared.
func TestForgottenClearsCount(t *testing.T) {
	t.Parallel()
	var tags group.Tags
	tags.Clear(group.Tag{Name: "a"})
	tags.Prune(0)
	if cleared := clearedSince(&tags, "m", []string{"b"}, 0); cleared {
		t.Error("nothing is forgotten, and b is cleared")
	}
	tags.Clear(group.Tag{Name: "a"})
	tags.Prune(1)
	for since, want := range []bool{true, false, false} {
		if cleared := clearedSince(&tags, "m", []string{"b"}, uint64(since)); cleared != want {
			t.Errorf("b is cleared since %d: %v, want %v", since, cleared, want)
		}
	}
	if cleared := clearedSince(&tags, "m", nil, 0); cleared {
		t.Error("what has no tags is cleared")
	}
}

func TestNamesOfTagsAreBounded(t *testing.T) {
	t.Parallel()
	var tags group.Tags
	long := strings.Repeat("x", 1<<20)
	for i := range 7 {
		tags.Clear(group.Tag{Name: fmt.Sprint(i, long)})
	}
	if n := tags.Len(); n != 7 {
		t.Errorf("%d tags are remembered, want 7", n)
	}
	tags.Prune(3)
	before := tags.Now()
	for i := range 3 {
		tags.Clear(group.Tag{Name: fmt.Sprint(10+i, long)})
	}
	if cleared := clearedSince(&tags, "m", []string{"other"}, before); cleared || tags.Len() != 7 {
		t.Errorf("%d tags are remembered, want 7", tags.Len())
	}
	tags.Clear(group.Tag{Name: "last" + long})
	if cleared := clearedSince(&tags, "m", []string{"other"}, before); !cleared || tags.Len() != 0 {
		t.Errorf("of too long names %d are remembered", tags.Len())
	}
}
