package queryparams

import (
	"log"
	"reflect"
	"sync"
)

// schemaOf returns the schema of T with the zero config, compiled on first use.
func schemaOf[T any]() (*Schema[T], error) {
	p, err := planOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	return &Schema[T]{plan: p}, nil
}

// memo caches the plans with the zero config. They depend on the type alone.
var memo sync.Map // reflect.Type -> compiled

// compiled is the plan of a type, or the error of compiling it.
type compiled struct {
	plan   *plan
	err    error
	logged sync.Once
}

// mistake logs err, a mistake in the program, when a request meets it for the first time
// for the type: the client gets a 500 without details, and the host may not log it.
func (c *compiled) mistake(err error) error {
	c.logged.Do(func() {
		log.Printf("%v: every request that reads it fails with status 500; the program can find this when it starts, by NewSchema", err)
	})
	return err
}

func planOf(t reflect.Type) (*plan, error) {
	got, ok := memo.Load(t)
	if !ok {
		p, err := compile(t, SchemaConfig{})
		got, _ = memo.LoadOrStore(t, &compiled{plan: p, err: err})
	}
	c := got.(*compiled)
	if c.err != nil {
		return nil, c.mistake(c.err)
	}
	return c.plan, nil
}
