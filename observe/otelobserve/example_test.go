package otelobserve_test

import (
	"context"
	"fmt"

	"github.com/reecho-go/reecho/observe/otelobserve"
)

func Example() {
	ctx := context.Background()
	telemetry, err := otelobserve.New(otelobserve.Config{}) // the default groups and the global providers
	if err != nil {
		panic(err)
	}
	defer telemetry.Close(ctx)
	fmt.Println("measuring")
	// Output: measuring
}
