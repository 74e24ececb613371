package main

import (
	"strings"
	"testing"
)

const report = `{"config":{"protocol_version":"v1.0.0"}}
{"osv":{"id":"GO-1","summary":"a hole"}}
{"finding":{"osv":"GO-1","trace":[{"module":"m","version":"v1.0.0"}]}}
{"finding":{"osv":"GO-1","trace":[{"module":"m","version":"v1.0.0","package":"m/p"}]}}
{"finding":{"osv":"GO-1","fixed_version":"v1.0.1","trace":[{"module":"m","version":"v1.0.0","package":"m/p","function":"F"},{"package":"ours","function":"G"}]}}
{"osv":{"id":"GO-2","summary":"in a package that nobody calls"}}
{"finding":{"osv":"GO-2","trace":[{"module":"m","version":"v1.0.0","package":"m/q"}]}}
`

func TestOnlyWhatIsCalledIsFound(t *testing.T) {
	t.Parallel()
	found, err := calledIn(strings.NewReader(report))
	if err != nil {
		t.Fatal(err)
	}
	want := "GO-1: a hole\n\tm@v1.0.0, fixed in v1.0.1; m/p.F is called by ours.G"
	if len(found) != 1 || found["GO-1"] != want {
		t.Errorf("found %q, want only %q", found, want)
	}
}

func TestATruncatedReportIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := calledIn(strings.NewReader(report[:len(report)-20])); err == nil {
		t.Error("a report that ends in the middle was taken for whole")
	}
}

func TestAcceptedOnesPassAndOthersFail(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name            string
		found, accepted map[string]string
		want            string
	}{
		{name: "nothing is found"},
		{name: "what is found is accepted", found: map[string]string{"GO-1": "line"}, accepted: map[string]string{"GO-1": "why"}},
		{name: "what is found is new", found: map[string]string{"GO-1": "line"}, want: "line"},
		{name: "what is accepted is gone", accepted: map[string]string{"GO-1": "why"}, want: "GO-1 is not found any more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := judge(test.found, test.accepted)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("judge says %v, want %q", err, test.want)
			}
		})
	}
}

func TestTheListOfAcceptedOnesIsReadStrictly(t *testing.T) {
	t.Parallel()
	if reasons, err := parseAccepted(acceptedList); err != nil || len(reasons) == 0 {
		t.Errorf("accepted.txt: %v, %v", reasons, err)
	}
	for _, wrong := range []string{"GO-1", "GO-1 ", "CVE-1 a reason", "GO-1 a\nGO-1 b"} {
		if _, err := parseAccepted(wrong); err == nil {
			t.Errorf("%q was accepted", wrong)
		}
	}
}
