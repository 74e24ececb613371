package weight

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Table is the rows as text.
func Table(rows []Row) string {
	var b strings.Builder
	b.WriteString("| one more ... | file | functions | CPU to compile | compiler memory at 21 | the first |\n|---|---:|---:|---:|---:|---:|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %.0f KB | %.0f | %.2f s | %.2f GB | %.2f MB |\n",
			r.Peer.Name, float64(r.File)/1e3, r.Functions, r.CPU.Seconds(), float64(r.Memory)/1e9, float64(r.First)/1e6)
	}
	return b.String()
}

// Over says which rows are over what their peers may weigh.
func Over(rows []Row) error {
	var errs []error
	for _, r := range rows {
		if r.Peer.First > 0 && r.First > r.Peer.First {
			errs = append(errs, fmt.Errorf("the first %s adds %d bytes to a program: at most %d", r.Peer.Name, r.First, r.Peer.First))
		}
		if r.Peer.File > 0 && r.File > r.Peer.File {
			errs = append(errs, fmt.Errorf("one more %s adds %d bytes to a program: at most %d", r.Peer.Name, r.File, r.Peer.File))
		}
		if r.Peer.CPU > 0 && r.CPU > r.Peer.CPU {
			errs = append(errs, fmt.Errorf("one more %s takes %v of CPU to compile: at most %v", r.Peer.Name, r.CPU.Round(time.Millisecond), r.Peer.CPU))
		}
	}
	return errors.Join(errs...)
}
