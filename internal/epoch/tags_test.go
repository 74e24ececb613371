package epoch_test

import (
	"fmt"
	"testing"

	"github.com/reecho-go/reecho/internal/epoch"
)

func TestX1_TagsAreClearedForWhatIsOlder(t *testing.T) {
	t.Parallel()
	var tags epoch.Tags
	before := tags.Now()
	tags.Clear(epoch.Tag{Member: "users", Name: "team:7"})
	between := tags.Now()
	tags.Clear(epoch.Tag{Name: "team:8"})
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
		got, until := tags.Cleared(tt.member, tt.names, tt.since)
		if got != tt.want || until != after {
			t.Errorf("%s %q since %d: %v until %d, want %v until %d", tt.member, tt.names, tt.since, got, until, tt.want, after)
		}
	}
}

func TestX3_PruneForgets(t *testing.T) {
	t.Parallel()
	var tags epoch.Tags
	for i := range 1000 {
		tags.Clear(epoch.Tag{Name: fmt.Sprint(i)})
	}
	tags.Clear(epoch.Tag{Name: "0"}) // again
	tags.Prune(1000)
	if n := tags.Len(); n != 1 {
		t.Errorf("%d tags are remembered, want 1", n)
	}
	if cleared, _ := tags.Cleared("", []string{"0"}, 1000); !cleared {
		t.Error("a clear of after what was pruned is forgotten")
	}
	tags.Prune(tags.Now())
	if n := tags.Len(); n != 0 {
		t.Errorf("%d tags are remembered, want none", n)
	}
}

// Of too many, all are cleared: never too few.
func TestX3_TagsAreBounded(t *testing.T) {
	t.Parallel()
	const bound = 1 << 16
	var tags epoch.Tags
	for i := range bound {
		tags.Clear(epoch.Tag{Name: fmt.Sprint(i)})
	}
	tags.Clear(epoch.Tag{Name: "0"}) // one that is known needs no room
	if n := tags.Len(); n != bound {
		t.Errorf("%d tags are remembered, want %d", n, bound)
	}
	full := tags.Now()
	if cleared, _ := tags.Cleared("", []string{"other"}, full-1); cleared {
		t.Error("a tag is cleared that was not")
	}
	tags.Clear(epoch.Tag{Name: "one more"})
	if n := tags.Len(); n != 0 {
		t.Errorf("%d tags are remembered, want none", n)
	}
	for _, name := range []string{"1", "one more", "other"} {
		if cleared, _ := tags.Cleared("", []string{name}, full); !cleared {
			t.Errorf("%s is not cleared", name)
		}
		if cleared, _ := tags.Cleared("", []string{name}, tags.Now()); cleared {
			t.Errorf("%s is cleared for what is newer", name)
		}
	}
	if cleared, _ := tags.Cleared("", nil, 0); cleared {
		t.Error("what has no tag is cleared")
	}
}
