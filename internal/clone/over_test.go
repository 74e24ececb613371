package clone_test

import (
	"reflect"
	"strings"
	"testing"
	"testing/quick"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
)

type overRow struct {
	Name string
	N    int
	Tags []string
}

type overKey struct {
	State string
	List  []string
	Rows  []overRow
	Map   map[string]string
	Any   any
	Ptr   *string
}

// texts returns all strings of k in the order of its fields.
func (k *overKey) texts() []string {
	all := append([]string{k.State}, k.List...)
	for _, r := range k.Rows {
		all = append(append(all, r.Name), r.Tags...)
	}
	for key, v := range k.Map {
		all = append(all, key, v)
	}
	if s, ok := k.Any.(string); ok {
		all = append(all, s)
	}
	if k.Ptr != nil {
		all = append(all, *k.Ptr)
	}
	return all
}

func over(tb testing.TB, k *overKey, text string) (own *overKey, sizes [2]int64) {
	tb.Helper()
	u, err := clone.ForType(reflect.TypeFor[overKey](), clone.Config{Strings: true})
	if err != nil {
		tb.Fatal(err)
	}
	own = new(overKey)
	if err := u.CopyOver(unsafe.Pointer(own), unsafe.Pointer(k), text); err != nil {
		tb.Fatal(err)
	}
	return own, [2]int64{u.SizeOver(unsafe.Pointer(own), clone.Shared, text), u.Size(unsafe.Pointer(own), clone.Shared)}
}

// partOf reports whether the bytes of s are a part of those of text.
func partOf(s, text string) bool {
	at, base := uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(unsafe.Pointer(unsafe.StringData(text)))
	return at >= base && at+uintptr(len(s)) <= base+uintptr(len(text))
}

func TestStringsOfACopyArePartsOfAText(t *testing.T) {
	t.Parallel()
	sub := "sub"
	k := &overKey{State: "Texas", List: []string{"gull", "", "dove"}, Rows: []overRow{{"first", 1, []string{"a", "b"}}}, Any: "held", Ptr: &sub}
	gap := strings.Repeat("-", 64)
	for _, tt := range []struct {
		name, text string
		parts      int // how many of the eight strings that are not empty lie in the text
	}{
		{"no text", "", 0},
		{"in order", "5Texas24gull04dove5first1a1b4held3sub", 8},
		{"nothing between", "Texasgulldovefirstabheldsub", 8},
		{"the longest gap", gap + "Texas" + gap + "gull" + gap + "dove" + gap + "first" + gap + "a" + gap + "b" + gap + "held" + gap + "sub", 8},
		{"one missing", "Texas gull first a b held sub", 7},
		{"too far away", gap + "-Texas", 0},
		{"out of order", "sub held b a first dove gull Texas", 1},
		{"cut off", "Texas gul", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			own, sizes := over(t, k, tt.text)
			if !reflect.DeepEqual(own, k) {
				t.Errorf("the copy is %+v, want %+v", own, k)
			}
			parts, saved := 0, int64(0)
			theirs := k.texts()
			for i, s := range own.texts() {
				switch {
				case s == "":
				case partOf(s, tt.text):
					parts++
					saved += clone.Allocated(len(s))
				case unsafe.StringData(s) == unsafe.StringData(theirs[i]):
					t.Errorf("%q is the caller's", s)
				}
			}
			if parts != tt.parts {
				t.Errorf("%d strings are parts of the text, want %d", parts, tt.parts)
			}
			if sizes[1]-sizes[0] != saved {
				t.Errorf("SizeOver is %d, Size %d, want %d less", sizes[0], sizes[1], saved)
			}
		})
	}
}

// Whatever the text is, the copy is equal, and has no memory of the original.
func TestACopyOverAnyTextIsEqual(t *testing.T) {
	t.Parallel()
	check := func(k overKey, held string, cut uint8) bool {
		k.Any = held
		all := k.texts()
		if len(all) > 0 {
			all = all[int(cut)%len(all):]
		}
		own, _ := over(t, &k, strings.Join(all, "\x00")+"\x00") // a text of its own, also of one string
		if !reflect.DeepEqual(*own, k) {
			return false
		}
		mine := map[*byte]bool{}
		for _, s := range k.texts() {
			if s != "" {
				mine[unsafe.StringData(s)] = true
			}
		}
		for _, s := range own.texts() {
			if s != "" && mine[unsafe.StringData(s)] {
				return false
			}
		}
		return true
	}
	if err := quick.Check(func(state, held string, list []string, names map[string]string, ptr *string, tags [][]string, cut uint8) bool {
		rows := make([]overRow, len(tags))
		for i := range rows {
			rows[i] = overRow{Name: state, N: i, Tags: tags[i]}
		}
		return check(overKey{State: state, List: list, Rows: rows, Map: names, Ptr: ptr}, held, cut)
	}, nil); err != nil {
		t.Error(err)
	}
}
