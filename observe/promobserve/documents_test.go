package promobserve_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reecho-go/reecho/observe/promobserve"
)

// described are the names of all metrics.
func described(t *testing.T) map[string]bool {
	t.Helper()
	c, err := promobserve.New(promobserve.Config{})
	if err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc, 1000)
	c.Describe(descs)
	close(descs)
	names := map[string]bool{}
	pattern := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range descs {
		m := pattern.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%v", d)
		}
		names[m[1]] = true
	}
	return names
}

// The list of metrics in the documentation is complete.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "observability.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := described(t)
	listed := map[string]bool{}
	for _, name := range regexp.MustCompile("`(reecho_\\w+)").FindAllStringSubmatch(string(text), -1) {
		listed[name[1]] = true
		if !names[name[1]] {
			t.Errorf("%s is documented, and does not exist", name[1])
		}
	}
	for name := range names {
		if !listed[name] {
			t.Errorf("%s is not documented", name)
		}
	}
}
