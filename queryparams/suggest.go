package queryparams

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxEdits is how far a name may be from the one that is suggested for it.
const maxEdits = 2

// nearest is the name within maxEdits of key, the closest and earliest one, in
// whatever case; empty if there is none. Of a short name most must be right.
func nearest(key string, names []string) string {
	best, at := "", maxEdits+1
	key = strings.ToLower(key)
	for _, name := range names {
		if d := len(name) - len(key); d > maxEdits*utf8.UTFMax || -d > maxEdits*utf8.UTFMax {
			continue
		}
		if d := edits(key, strings.ToLower(name)); d < at && (d == 0 || 2*d < utf8.RuneCountInString(name)) {
			best, at = name, d
		}
	}
	return best
}

// didYouMean is what a text for programmers ends with; empty without a nearest name.
func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return "; did you mean " + strconv.Quote(name) + "?"
}

// edits is how many characters have to be inserted, deleted, replaced or swapped
// with the next one to make s of t.
func edits(s, t string) int {
	a, b := []rune(s), []rune(t)
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		next[0] = i + 1
		for j := range b {
			d := row[j]
			if a[i] != b[j] {
				d = 1 + min(d, row[j+1], next[j])
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			next[j+1] = d
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
