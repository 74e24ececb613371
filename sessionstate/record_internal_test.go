package sessionstate

import "testing"

// Each position of the spelling is seen with every character that it can have:
// with 10^5 ids the chance to miss one of 64 is below 10^-600.
func TestASVS7_2_3_11_5_1_IDsAreLongAndRandom(t *testing.T) {
	t.Parallel()
	const n = 100_000
	if idSize < 32 {
		t.Fatalf("ids have %d bytes, want at least 32", idSize)
	}
	seen := make(map[sessionID]struct{}, n)
	var bytes [idSize][256]bool
	var letters []map[byte]bool
	for range n {
		id := newID()
		seen[id] = struct{}{}
		for i, b := range id {
			bytes[i][b] = true
		}
		for i, c := range []byte(encoding.EncodeToString(id[:])) {
			if i == len(letters) {
				letters = append(letters, map[byte]bool{})
			}
			letters[i][c] = true
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d ids are unique", len(seen), n)
	}
	for i := range bytes {
		for b, ok := range bytes[i] {
			if !ok {
				t.Errorf("byte %d is never %#x", i, b)
			}
		}
	}
	for i, of := range letters {
		want := 64
		if i == len(letters)-1 {
			want = 16 // the last one holds four bits
		}
		if len(of) != want {
			t.Errorf("character %d has %d different values, want %d", i, len(of), want)
		}
	}
}

func TestRecordsHaveOneEncodingOnly(t *testing.T) {
	t.Parallel()
	unsorted := record{entries: []entry{{name: "b", raw: "1"}, {name: "a", raw: "2"}}}
	twice := record{entries: []entry{{name: "a", raw: "1"}, {name: "a", raw: "2"}}}
	shortRoot := record{root: "short"}
	plain := (&record{created: 5}).append(nil)
	long := append([]byte{plain[0], plain[1] | 0x80, 0}, plain[2:]...) // 5 in two bytes
	for what, b := range map[string][]byte{
		"unsorted keys": unsorted.append(nil), "a key twice": twice.append(nil), "a root of another size": shortRoot.append(nil),
		"a number in more bytes than it needs": long, "a byte more": append(plain, 0),
	} {
		if r, err := parseRecord(b); err == nil {
			t.Errorf("%s: parsed as %+v", what, r)
		}
	}
}
