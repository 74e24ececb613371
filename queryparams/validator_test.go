package queryparams_test

import (
	"strings"
	"testing"

	"github.com/reecho-go/reecho/queryparams"
)

type limits struct {
	Min int `query:"min"`
	Max int `query:"max"`
}

func (l limits) Validate() error { return nil }

type otherLimits struct {
	Low int `query:"low"`
}

func (otherLimits) Validate() error { return nil }

type country string

func (country) Validate() error { return nil }

type countries []string

func (*countries) Validate() error { return nil }

type callsOthers struct {
	Price limits   `query:"price"`
	Of    country  `query:"of"`
	Rows  []limits `query:"rows"`
}

func (c callsOthers) Validate() error { return c.Price.Validate() }

func TestAValidateMethodThatNothingCallsIsRefused(t *testing.T) {
	t.Parallel()
	type inner struct {
		Price limits `query:"price"`
	}
	type uncalled struct {
		A limits                   `query:"a"`
		B *limits                  `query:"b"`
		C []limits                 `query:"c"`
		D country                  `query:"d"`
		E *country                 `query:"e"`
		F []country                `query:"f"`
		G map[string]country       `query:"g"`
		H queryparams.Opt[country] `query:"h"`
		I countries                `query:"i"`
		J []inner                  `query:"j"`
		K limits                   `query:"-"`
		L limits
		M string `query:"m"`
	}
	err := schemaError[uncalled]()
	if err == nil {
		t.Fatal("it is accepted")
	}
	for _, line := range []string{"uncalled.A: ", "uncalled.B: ", "uncalled.C: ", "uncalled.D: ", "uncalled.E: ", "uncalled.F: ", "uncalled.G: ", "uncalled.H: ", "uncalled.I: ", "uncalled.J.Price: "} {
		if strings.Count(err.Error(), line+"nothing calls the Validate method of ") != 1 {
			t.Errorf("there is not one line about %s in\n%v", line, err)
		}
	}
	if n := strings.Count(err.Error(), "nothing calls"); n != 10 {
		t.Errorf("%d lines in\n%v", n, err)
	}
	type ambiguous struct { // has neither method
		limits
		otherLimits
	}
	if err := schemaError[ambiguous](); err == nil || strings.Count(err.Error(), "nothing calls") != 2 {
		t.Errorf("two embedded: %v", err)
	}
	type promoted struct{ limits }
	if err := schemaError[promoted](); err != nil {
		t.Errorf("one embedded: %v", err)
	}
	if err := schemaError[callsOthers](); err != nil {
		t.Errorf("with a method of its own: %v", err)
	}
}
