package sessionstate

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
)

func testCodec(t testing.TB, secrets ...Secret) *codec {
	t.Helper()
	c, err := newCodec(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testSecret(id string, fill byte) Secret {
	key := sha256.Sum256([]byte{fill})
	return Secret{ID: id, Key: key[:]}
}

func TestSealedValuesOpen(t *testing.T) {
	t.Parallel()
	c := testCodec(t, testSecret("a", 1))
	for _, n := range []int{0, 1, 2, 3, 100, 2900} {
		plain := bytes.Repeat([]byte("x"), n)
		value := c.seal(boxRecord, "id", plain)
		if len(value) != sealedLen(n) {
			t.Errorf("%d bytes are sealed into %d, sealedLen says %d", n, len(value), sealedLen(n))
		}
		got, stale, err := c.open(boxRecord, "id", value)
		if err != nil || stale || !bytes.Equal(got, plain) {
			t.Errorf("open of %d bytes: %d bytes, stale %v, %v", n, len(got), stale, err)
		}
	}
}

func TestSealingLeavesTheCallersBytesAlone(t *testing.T) {
	t.Parallel()
	c := testCodec(t, testSecret("a", 1))
	plain := append(make([]byte, 0, 4096), "plain"...) // room behind it must not be used either
	room := plain[:cap(plain)]
	first, second := c.seal(boxRecord, "id", plain), c.seal(boxRecord, "id", plain)
	if string(plain) != "plain" || bytes.Count(room[5:], []byte{0}) != len(room)-5 {
		t.Errorf("after sealing the bytes are %q", bytes.TrimRight(room, "\x00"))
	}
	for _, value := range []string{first, second} {
		if got, _, err := c.open(boxRecord, "id", value); err != nil || string(got) != "plain" {
			t.Errorf("open() = %q, %v", got, err)
		}
	}
}

func TestThreeThousandBytesCanBeSealedIntoACookie(t *testing.T) {
	t.Parallel()
	if got := len("__Host-id") + sealedLen(3035); got > maxCookie {
		t.Errorf("3035 bytes are sealed into a cookie of %d bytes, want at most %d", got, maxCookie)
	}
}

func TestOpenSaysWhyItRefuses(t *testing.T) {
	t.Parallel()
	c := testCodec(t, testSecret("a", 1))
	value := c.seal(boxRecord, "id", []byte("plain"))
	other := testCodec(t, testSecret("b", 2)).seal(boxRecord, "id", []byte("plain"))
	last := value[len(value)-1]
	tests := []struct {
		name, as, value string
		kind            box
		want            error
	}{
		{"empty", "id", "", boxRecord, errTruncated},
		{"truncated", "id", value[:20], boxRecord, errTruncated},
		{"cut at the end", "id", value[:len(value)-3], boxRecord, errForged},
		{"no base64", "id", "!" + value[1:], boxRecord, errNotBase64},
		{"padding", "id", value + "==", boxRecord, errNotBase64},
		{"line break", "id", value[:8] + "\n" + value[8:], boxRecord, errNotBase64},
		{"standard alphabet", "id", "+/" + value[2:], boxRecord, errNotBase64},
		{"another name", "it", value, boxRecord, errForged},
		{"another kind", "id", value, boxID, errOtherKind},
		{"another key", "id", other, boxRecord, errUnknownKey},
		{"a megabyte", "id", strings.Repeat("A", 1<<20), boxRecord, errTooLong},
		{"trailing bits", "id", value[:len(value)-1] + string(nextInAlphabet(last)), boxRecord, errNotBase64},
	}
	for _, test := range tests {
		if plain, _, err := c.open(test.kind, test.as, test.value); !errors.Is(err, test.want) || plain != nil {
			t.Errorf("%s: open() = %q, %v, want %v", test.name, plain, err, test.want)
		}
	}
}

// nextInAlphabet changes the lowest bit of a base64url character.
func nextInAlphabet(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

// FuzzCodec opens whatever it is given: it must never panic, and open only
// what spells exactly one sealed value.
func FuzzCodec(f *testing.F) {
	c := testCodec(f, testSecret("a", 1), testSecret("b", 2))
	f.Add("")
	f.Add("AQ")
	f.Add(c.seal(boxRecord, "id", []byte("plain")))
	f.Add(c.seal(boxID, "id", bytes.Repeat([]byte{7}, idSize)))
	f.Fuzz(func(t *testing.T, value string) {
		for _, kind := range []box{boxRecord, boxID, boxFlash, boxVisit} {
			plain, _, err := c.open(kind, "id", value)
			if err != nil {
				if plain != nil {
					t.Fatalf("open() returned data beside %v", err)
				}
				continue
			}
			raw, err := encoding.DecodeString(value)
			if err != nil || encoding.EncodeToString(raw) != value || box(raw[0]) != kind {
				t.Fatalf("open() took %q, which is not the one spelling of its bytes", value)
			}
			sealed := c.seal(kind, "id", plain)
			again, _, err := c.open(kind, "id", sealed)
			if err != nil || !bytes.Equal(again, plain) {
				t.Fatalf("round trip: %q, %v", again, err)
			}
		}
	})
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	tests := []record{
		{},
		{created: 1_700_000_000, issued: 1_700_000_000, seen: 1_700_000_001_500},
		{created: 1, issued: 7, seen: 1 << 40, rememberFor: 86400 * 30, root: strings.Repeat("r", 32), user: "ada", foreign: "gob\x00\xff"},
		record{created: 5, issued: 5, seen: 5000}.with(entry{"b", 1, "2"}).with(entry{"a", 0, `"x"`}).with(entry{"c", 9, "null"}).with(entry{"a", 2, "1"}).without("b").without("z"),
		record{}.with(entry{strings.Repeat("n", 200), 300, strings.Repeat("v", 20000)}),
	}
	for _, want := range tests {
		b := want.append(nil)
		if len(b) != want.size() {
			t.Errorf("size() = %d, encoded %d", want.size(), len(b))
		}
		got, err := parseRecord(b)
		if err != nil || !got.equal(&want) || got.seen != want.seen || got.issued != want.issued {
			t.Errorf("parseRecord() = %+v, %v, want %+v", got, err, want)
		}
		for i := range b {
			if _, err := parseRecord(b[:i]); err == nil {
				t.Errorf("a record cut at %d of %d bytes was taken", i, len(b))
			}
		}
	}
}

func TestRecordsAreNeverChangedInPlace(t *testing.T) {
	t.Parallel()
	r := record{}.with(entry{name: "a", raw: "1"}).with(entry{name: "b", raw: "2"})
	_ = r.with(entry{name: "a", raw: "9"})
	_ = r.without("a")
	_ = r.with(entry{name: "c", raw: "3"})
	if e, _ := r.find("a"); e.raw != "1" || len(r.entries) != 2 {
		t.Errorf("record is now %+v", r)
	}
}

// FuzzEnvelope parses whatever it is given: it must never panic, and take
// only the one encoding of a record.
func FuzzEnvelope(f *testing.F) {
	r := record{created: 1_700_000_000, issued: 1_700_000_000, seen: 1_700_000_060, user: "ada"}.with(entry{"a", 1, "2"}).with(entry{"b", 0, `"x"`})
	f.Add(r.append(nil))
	f.Add((&record{}).append(nil))
	f.Add(tombstone)
	f.Add([]byte{formatRecord, 0x80, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		if again := r.append(nil); !bytes.Equal(again, b) {
			t.Fatalf("parseRecord took %x, which encodes as %x", b, again)
		}
	})
}
