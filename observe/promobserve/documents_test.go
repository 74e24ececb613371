package promobserve_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v2"

	"github.com/reecho-go/reecho/observe/promobserve"
)

// described are the names of all metrics, with what is in series of a histogram, and
// the labels of each.
func described(t *testing.T) (names map[string]bool, series map[string][]string) {
	t.Helper()
	c, err := promobserve.New(promobserve.Config{})
	if err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc, 1000)
	c.Describe(descs)
	close(descs)
	names, series = map[string]bool{}, map[string][]string{}
	pattern := regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)
	for d := range descs {
		m := pattern.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%v", d)
		}
		labels := append(strings.Split(m[2], ","), "instance", "job")
		names[m[1]], series[m[1]] = true, labels
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			if strings.HasSuffix(m[1], "_duration_seconds") {
				series[m[1]+part] = append(labels, "le")
			}
		}
	}
	return names, series
}

// expressions are those of the dashboard and of the alerts.
func expressions(t *testing.T) (all []string) {
	t.Helper()
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", "grafana", name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct{ List []struct{ Definition string } }
	}
	if err := json.Unmarshal(read("reecho.json"), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	for _, v := range board.Templating.List {
		all = append(all, v.Definition)
	}
	if len(all) < 30 {
		t.Errorf("the dashboard has %d expressions", len(all))
	}
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(read("alerts.yaml"), &alerts); err != nil {
		t.Fatal(err)
	}
	rules := alerts.Groups[0].Rules
	if len(rules) != 5 {
		t.Errorf("%d alert rules", len(rules))
	}
	for _, r := range rules {
		if r.Alert == "" || r.Expr == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("incomplete: %+v", r)
		}
		all = append(all, r.Expr)
	}
	return all
}

// Every metric and label of the dashboard and the alerts is one that there is.
func TestDashboardAndAlertsUseMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	_, series := described(t)
	metric := regexp.MustCompile(`reecho_\w+`)
	selector := regexp.MustCompile(`(reecho_\w+)\{([^}]*)\}`)
	for _, expr := range expressions(t) {
		for _, name := range metric.FindAllString(expr, -1) {
			if series[name] == nil {
				t.Errorf("there is no metric %s: %s", name, expr)
			}
		}
		for _, m := range selector.FindAllStringSubmatch(expr, -1) {
			for _, matcher := range regexp.MustCompile(`(\w+)(=~|=|!=)"`).FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(series[m[1]], matcher[1]) {
					t.Errorf("%s has no label %s: %s", m[1], matcher[1], expr)
				}
			}
		}
		for _, by := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(expr, -1) {
			for label := range strings.SplitSeq(by[1], ", ") {
				for _, name := range metric.FindAllString(expr, -1) {
					if series[name] != nil && !slices.Contains(series[name], label) {
						t.Errorf("%s has no label %s: %s", name, label, expr)
					}
				}
			}
		}
		if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
			t.Errorf("unbalanced: %s", expr)
		}
	}
}

// The list of metrics in the documentation is complete.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "observability.md"))
	if err != nil {
		t.Fatal(err)
	}
	names, _ := described(t)
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
