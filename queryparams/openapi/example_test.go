package openapi_test

import (
	"fmt"

	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/queryparams/openapi"
)

// The parameters for the document of an API, from the schema that reads them.
func Example() {
	type Search struct {
		Page int `query:"page" default:"1" min:"1" doc:"the page, from 1"`
	}
	s := queryparams.Must(queryparams.NewSchema[Search](queryparams.SchemaConfig{}))
	fmt.Printf("%s\n", openapi.Parameters(s))
	// Output: [{"name":"page","in":"query","description":"the page, from 1","schema":{"type":"integer","format":"int64","default":1,"minimum":1}}]
}
