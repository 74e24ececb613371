package queryparams_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/reecho-go/reecho/queryparams"
)

func TestOptKeepsItsStateInJSON(t *testing.T) {
	t.Parallel()
	type T struct {
		N, M, O queryparams.Opt[int]
		S, E    queryparams.Opt[string]
		At      queryparams.Opt[time.Time]
		Z       queryparams.Opt[int] `json:",omitzero"`
	}
	v := T{
		N: queryparams.Some(0), O: queryparams.Cleared[int](), S: queryparams.Some("x"), E: queryparams.Cleared[string](),
		At: queryparams.Some(time.Unix(0, 0).UTC()),
	}
	b, err := json.Marshal(v)
	if want := `{"N":0,"M":null,"O":"","S":"x","E":"","At":"1970-01-01T00:00:00Z"}`; string(b) != want || err != nil {
		t.Errorf("Marshal = %s, %v; want %s", b, err, want)
	}
	var back T
	if err := json.Unmarshal(b, &back); err != nil || back != v {
		t.Errorf("Unmarshal = %+v, %v; want %+v", back, err, v)
	}
	if err := json.Unmarshal([]byte(`{"N":"x"}`), &back); err == nil {
		t.Error("a text is read as a number")
	}
}
