package wire_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/reecho-go/reecho/internal/wire"
)

func TestWhatWasWrittenIsRead(t *testing.T) {
	t.Parallel()
	b := binary.AppendUvarint([]byte{7}, 300)
	b = binary.BigEndian.AppendUint64(b, 1<<63)
	b = append(b, 2, 'h', 'i', 2, 1, 'a', 0, 'r', 'e', 's', 't')
	r := wire.Reader{Rest: b}
	if got := r.Byte(); got != 7 {
		t.Errorf("Byte = %d", got)
	}
	if got := r.Uvarint(); got != 300 {
		t.Errorf("Uvarint = %d", got)
	}
	if got := r.Uint64(); got != 1<<63 {
		t.Errorf("Uint64 = %d", got)
	}
	if got := string(r.Text()); got != "hi" {
		t.Errorf("Text = %q", got)
	}
	if got := r.Texts(2); !slices.Equal(got, []string{"a", ""}) {
		t.Errorf("Texts = %q", got)
	}
	if r.Failed || string(r.Rest) != "rest" {
		t.Errorf("failed %t, rest %q", r.Failed, r.Rest)
	}
}

func TestWhatIsTooShortFailsForGood(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(r *wire.Reader){
		"Take":    func(r *wire.Reader) { r.Take(4) },
		"Uint64":  func(r *wire.Reader) { r.Uint64() },
		"Uvarint": func(r *wire.Reader) { r.Take(2); r.Uvarint(); r.Byte() },
		"Text":    func(r *wire.Reader) { r.Take(1); r.Text() },
		"Count":   func(r *wire.Reader) { r.Count(1000) },
		"Texts":   func(r *wire.Reader) { r.Texts(1) },
	} {
		r := &wire.Reader{Rest: []byte{5, 9, 1}}
		if read(r); !r.Failed || r.Byte() != 0 || r.Uvarint() != 0 || r.Uint64() != 0 || len(r.Text()) != 0 || len(r.Texts(9)) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
