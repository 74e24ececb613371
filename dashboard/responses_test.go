package dashboard

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A reason that is called otherwise one day keeps its meaning.
func TestReasonsThatHaveAMeaningAreThoseOfTheCache(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../middleware/respcache/*.go")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	var source strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	for reason, meaning := range meanings {
		if !strings.Contains(source.String(), `"`+reason) {
			t.Errorf("respcache has no reason %q", reason)
		}
		if !strings.HasSuffix(meaning, ".") {
			t.Errorf("%s: %q is no sentence", reason, meaning)
		}
	}
}
