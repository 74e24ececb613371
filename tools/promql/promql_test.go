package promql

import (
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

var promql = parser.NewParser(parser.Options{})

// expression is one of the dashboard or of the rules.
type expression struct{ at, text string }

// variables are what Grafana puts into expressions: "all" is a choice of every name.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$group", ".+", "$cache", ".+")

// asked is what Grafana asks for the choices of a variable, which is no PromQL.
var asked = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

func grafana(t *testing.T, name string) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join("..", "..", "docs", "grafana", name)))(t)
}

// dashboard returns the expressions of the dashboard.
func dashboard(t *testing.T) (all []expression) {
	t.Helper()
	var board struct {
		Panels []struct {
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Type, Definition string }
		}
	}
	if err := json.Unmarshal(grafana(t, "reecho.json"), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		if len(p.Targets) == 0 && p.Type != "row" {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, expression{"panel " + p.Title, variables.Replace(target.Expr)})
		}
	}
	for _, v := range board.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := asked.FindStringSubmatch(v.Definition)
		if m == nil {
			t.Errorf("variable %s: %q", v.Name, v.Definition)
			continue
		}
		all = append(all, expression{"variable " + v.Name, "count by (" + m[2] + ") (" + variables.Replace(m[1]) + ")"})
	}
	if len(all) < 35 {
		t.Errorf("the dashboard has %d expressions", len(all))
	}
	return all
}

// rules returns the expressions of the alert rules, which are those that Prometheus
// would load, with their templates.
func rules(t *testing.T) (all []expression) {
	t.Helper()
	groups, errs := rulefmt.Parse(grafana(t, "alerts.yaml"), false, model.UTF8Validation, promql, slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Labels["severity"] == "" {
				t.Errorf("incomplete: %+v", r)
			}
			all = append(all, expression{"alert " + r.Alert, r.Expr})
		}
	}
	if len(all) != 5 {
		t.Errorf("%d alert rules", len(all))
	}
	return all
}

// problems are what is wrong with an expression: it is no PromQL, or it asks for
// series, labels or values of labels that no scrape has.
func (s series) problems(text string) (all []string) {
	tree, err := promql.ParseExpr(text)
	if err != nil {
		return []string{err.Error()}
	}
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			all = append(all, s.missing(n)...)
		case *parser.AggregateExpr:
			all = append(all, s.ungrouped(n)...)
		}
		return nil
	})
	return all
}

// missing says what a selector asks for that there is not.
func (s series) missing(n *parser.VectorSelector) (all []string) {
	there := s[n.Name]
	if there == nil {
		return []string{"there is no metric " + n.Name}
	}
	for _, m := range n.LabelMatchers {
		if m.Name == model.MetricNameLabel {
			continue
		}
		if !slices.ContainsFunc(there, func(own map[string]string) bool { v, ok := own[m.Name]; return ok && m.Matches(v) }) {
			all = append(all, "no "+n.Name+" has "+m.String())
		}
	}
	return all
}

// ungrouped says by which labels an aggregation groups what has none of that name.
func (s series) ungrouped(n *parser.AggregateExpr) (all []string) {
	parser.Inspect(n.Expr, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok || s[selector.Name] == nil {
			return nil
		}
		own := slices.Collect(maps.Keys(s[selector.Name][0]))
		for _, label := range n.Grouping {
			if !slices.Contains(own, label) {
				all = append(all, selector.Name+" has no label "+label)
			}
		}
		return nil
	})
	return all
}

func TestTheDashboardAndTheAlertsAskForWhatThereIs(t *testing.T) {
	t.Parallel()
	there := scraped(t)
	for _, e := range append(dashboard(t), rules(t)...) {
		for _, problem := range there.problems(e.text) {
			t.Errorf("%s: %s\n\t%s", e.at, problem, e.text)
		}
	}
}

// What the test above would not let pass.
func TestWhatThereIsNotIsFound(t *testing.T) {
	t.Parallel()
	there := scraped(t)
	for name, tt := range map[string]struct{ expr, want string }{
		"no PromQL":               {`sum(rate(reecho_cache_loads_total[5m])`, "unclosed left parenthesis"},
		"a rate of no range":      {`rate(reecho_cache_loads_total)`, "expected type range vector"},
		"a metric":                {`sum(reecho_cache_load_total)`, "there is no metric reecho_cache_load_total"},
		"a metric further in":     {`reecho_cache_bytes > 0 and sum(rate(reecho_nothing[5m])) > 0`, "there is no metric reecho_nothing"},
		"a histogram's own name":  {`reecho_cache_load_duration_seconds`, "there is no metric"},
		"a label":                 {`reecho_cache_bytes{result="ok"}`, `no reecho_cache_bytes has result="ok"`},
		"a value":                 {`reecho_cache_requests_total{result="hits"}`, `has result="hits"`},
		"a value of a choice":     {`reecho_cache_requests_total{result=~"hits|fresh"}`, `has result=~"hits|fresh"`},
		"a label to group by":     {`sum by (resource) (rate(reecho_cache_loads_total[5m]))`, "has no label resource"},
		"a label of another part": {`sum by (le) (rate(reecho_cache_load_duration_seconds_sum[5m]))`, "has no label le"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(there.problems(tt.expr), "; "); !strings.Contains(got, tt.want) {
				t.Errorf("%s: %q, want %q", tt.expr, got, tt.want)
			}
		})
	}
}
