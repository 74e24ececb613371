package gorillastate

import (
	"errors"
	"testing"
)

func TestValuesComeBackAndAreComparedByWhatTheyMean(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		v     values
		equal bool
	}{
		{"none", values{}, true},
		{"nil", nil, false}, // decoded it is an empty map, which gorilla code can write to
		{"usual ones", values{"user": "ada", "n": 7, 3: []string{"a", "b"}}, true},
		{"with the record, which is not the app's", values{"user": "ada", recordKey: []byte("x")}, false},
	} {
		encoded, err := tt.v.Encode()
		if err != nil {
			t.Errorf("%s: Encode() = %v", tt.name, err)
			continue
		}
		if got := tt.v.Equal(encoded); got != tt.equal {
			t.Errorf("%s: Equal() of its own encoding = %v, want %v", tt.name, got, tt.equal)
		}
		back, err := decode(encoded)
		if _, has := back[recordKey]; err != nil || back == nil || has {
			t.Errorf("%s: decode() = %v, %v", tt.name, back, err)
		}
	}
	if _, err := (values{"c": make(chan int)}).Encode(); err == nil {
		t.Error("a channel is encoded")
	}
	if (values{"n": 7}).Equal("junk") || (values{"n": 7}).Equal("") {
		t.Error("other values count as equal")
	}
	if _, err := decode("junk"); !errors.Is(err, errValues) {
		t.Errorf("decode() of junk = %v", err)
	}
}
