package queryparams

// maxEdits is how far a name may be from the one that is suggested for it.
const maxEdits = 2

// nearest is the name within maxEdits of key, the closest and earliest one;
// empty if there is none.
func nearest(key string, names []string) string {
	best, at := "", maxEdits+1
	for _, name := range names {
		if d := len(name) - len(key); d > maxEdits || -d > maxEdits {
			continue
		}
		if d := edits(key, name); d < at && d < len(name) {
			best, at = name, d
		}
	}
	return best
}

// edits is the Levenshtein distance of a and b in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
