package respcache

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/level"
)

// samplePages are pages of every kind.
func samplePages() map[string]*page {
	clock := &level.Clock{Epoch: [16]byte{1, 15: 2}, Clears: 300, Kind: 7}
	return map[string]*page{
		"nothing":                         {},
		"a vary marker":                   {varyOn: []string{"?", "Accept-Encoding"}, ttl: time.Hour},
		"one that varies on nothing more": {varyOn: []string{}, ttl: time.Hour},
		"a response": {
			status: 200, ttl: time.Minute, mustRevalidate: true, etag: `"x"`, length: "5", body: []byte("hello"),
			modified: time.Date(1969, 2, 3, 4, 5, 6, 0, time.UTC),
			fields: []field{
				{name: "A", values: []string{"1", ""}},
				{name: "B", values: []string{"2"}, add: true},
				{name: "C"},
				{name: "D", values: []string{}},
			},
			parts: []level.Part{
				{Cache: "f", Fingerprint: 1 << 63, Sum: level.Sum{3}, Revision: level.Revision{Version: 1 << 40, Clock: clock}, Tags: []string{"t", ""}},
				{Cache: "", Revision: level.Revision{Version: 1, Clock: &level.Clock{}}},
			},
		},
		"without a body": {status: 301, ttl: 1, length: "0", fields: []field{{name: "Location", values: []string{"/"}}}},
	}
}

func TestAPageComesBackAsItWas(t *testing.T) {
	t.Parallel()
	for name, p := range samplePages() {
		b, err := pageCodec{}.Marshal(p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var back *page
		if err := (pageCodec{}).Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, p) {
			t.Errorf("%s: %+v, %v, want %+v", name, back, err, p)
		}
		if back != nil && len(back.body) > 0 {
			clear(b)
			if !bytes.Equal(back.body, p.body) {
				t.Errorf("%s: the body is part of what it was read from", name)
			}
		}
		for n := range len(b) - len(p.body) { // cut off before the body
			var back *page
			if err := (pageCodec{}).Unmarshal(b[:n:n], &back); err == nil {
				t.Errorf("%s: %d of %d bytes are a page", name, n, len(b))
			}
		}
	}
}

func TestWhatIsForThisMemoryOnlyIsNotEncoded(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"a refusal":        &page{why: "set-cookie"},
		"a private page":   &page{status: 200, memoryOnly: "a reason"},
		"no page":          (*page)(nil),
		"something else":   7,
		"a page, by value": nil,
		"many headers":     &page{status: 200, fields: make([]field, maxFields+1)},
		"many values":      &page{status: 200, fields: []field{{name: "A", values: make([]string, maxFields+1)}}},
	} {
		if b, err := (pageCodec{}).Marshal(v); err == nil {
			t.Errorf("%s: %q", name, b)
		}
	}
}

// A new field of page must be added to one of these lists: in a store it is
// encoded, or made again by the process that reads it, or the page is not for a store.
func TestEachFieldOfAPageIsEncodedOrNotForAStore(t *testing.T) {
	t.Parallel()
	encoded := "varyOn status fields body etag modified ttl mustRevalidate parts"
	madeAgain := "variants stamps drop lastStatus renewal fromStore length made"
	notStored := "why memoryOnly"
	ofSharedCaches := "firstPage firstKey shared terms validate whileRevalidate onError groups date" // which have no store
	known := strings.Fields(encoded + " " + madeAgain + " " + notStored + " " + ofSharedCaches)
	fields := reflect.VisibleFields(reflect.TypeFor[page]())
	for _, f := range fields {
		found := false
		for _, name := range known {
			found = found || name == f.Name
		}
		if !found {
			t.Errorf("page.%s: is it encoded by pageCodec?", f.Name)
		}
	}
	if len(fields) != len(known) {
		t.Errorf("a page has %d fields, and %d are known", len(fields), len(known))
	}
}

func FuzzPageCodec(f *testing.F) {
	for _, p := range samplePages() {
		b, err := pageCodec{}.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{pageFormat, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p *page
		if err := (pageCodec{}).Unmarshal(b, &p); err != nil {
			if p != nil {
				t.Errorf("%q: %v, and a page", b, err)
			}
			return
		}
		again, err := pageCodec{}.Marshal(p)
		if err != nil {
			t.Fatalf("%q is a page that cannot be encoded: %v", b, err)
		}
		var back *page
		if err := (pageCodec{}).Unmarshal(again, &back); err != nil || !reflect.DeepEqual(back, p) {
			t.Errorf("%q: %+v, %v, want %+v", b, back, err, p)
		}
		if len(again) > len(b) { // numbers have one shortest form
			t.Errorf("%d bytes become %d", len(b), len(again))
		}
	})
}
