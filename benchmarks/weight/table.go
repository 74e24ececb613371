package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// table is the rows as text.
func table(rows []row) string {
	var b strings.Builder
	b.WriteString("| one more ... | file | functions | CPU to compile | compiler memory at 21 | the first |\n|---|---:|---:|---:|---:|---:|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %.0f KB | %.0f | %.2f s | %.2f GB | %.2f MB |\n",
			r.library.Name, float64(r.File)/1e3, r.Functions, r.CPU.Seconds(), float64(r.Memory)/1e9, float64(r.First)/1e6)
	}
	return b.String()
}

// over says which rows are over what their peers may weigh.
func over(rows []row) error {
	var errs []error
	for _, r := range rows {
		if r.library.First > 0 && r.First > r.library.First {
			errs = append(errs, fmt.Errorf("the first %s adds %d bytes to a program: at most %d", r.library.Name, r.First, r.library.First))
		}
		if r.library.File > 0 && r.File > r.library.File {
			errs = append(errs, fmt.Errorf("one more %s adds %d bytes to a program: at most %d", r.library.Name, r.File, r.library.File))
		}
		if r.library.CPU > 0 && r.CPU > r.library.CPU {
			errs = append(errs, fmt.Errorf("one more %s takes %v of CPU to compile: at most %v", r.library.Name, r.CPU.Round(time.Millisecond), r.library.CPU))
		}
	}
	return errors.Join(errs...)
}
