// Vuln looks for known vulnerabilities in what the code of a workspace calls. It asks no service:
// the database is a module, fetched as every other. It fails for each vulnerability that accepted.txt
// does not list, and for each listed one that is not found any more.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/vuln/scan"
)

// database is raised to learn of newer vulnerabilities.
const database = "golang.org/x/vulndb@v0.0.0-20261105234957-e22db6528018"

//go:embed accepted.txt
var acceptedList string

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 || !filepath.IsAbs(os.Args[1]) {
		log.Fatal("usage: vuln WORKSPACE: the absolute path of a go.work")
	}
	if err := check(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func check(ctx context.Context, workspace string) error {
	accepted, err := parseAccepted(acceptedList)
	if err != nil {
		return err
	}
	db, err := fetchDatabase(ctx)
	if err != nil {
		return err
	}
	report, err := scanAll(ctx, workspace, db)
	if err != nil {
		return err
	}
	found, err := calledIn(report)
	if err != nil {
		return err
	}
	return judge(found, accepted)
}

// parseAccepted reads lines of an id and a reason.
func parseAccepted(list string) (map[string]string, error) {
	reasons := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(list))
	for at := 1; lines.Scan(); at++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, reason, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(id, "GO-") || strings.TrimSpace(reason) == "" {
			return nil, fmt.Errorf("accepted.txt:%d: want an id and a reason, as in: GO-2026-1 why it does no harm", at)
		}
		if _, twice := reasons[id]; twice {
			return nil, fmt.Errorf("accepted.txt:%d: %s is listed twice", at, id)
		}
		reasons[id] = strings.TrimSpace(reason)
	}
	return reasons, nil
}

// fetchDatabase returns the folder with the reports of the database's module.
func fetchDatabase(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", database)
	cmd.Dir = os.TempDir() // in no module and no workspace: the database is a dependency of none
	out, err := cmd.Output()
	var module struct{ Dir, Error string }
	if decodeErr := json.Unmarshal(out, &module); decodeErr != nil || module.Dir == "" {
		return "", fmt.Errorf("go mod download %s: %s %w", database, module.Error, errors.Join(err, decodeErr))
	}
	return filepath.Join(module.Dir, "data", "osv"), nil
}

// scanAll returns what govulncheck says, as JSON, of every package of the workspace.
func scanAll(ctx context.Context, workspace, db string) (io.Reader, error) {
	var report bytes.Buffer
	cmd := scan.Command(ctx, "-C", filepath.Dir(workspace), "-db", "file://"+filepath.ToSlash(db), "-format", "json", "work")
	cmd.Env = append(os.Environ(), "GOWORK="+workspace)
	cmd.Stdout = &report
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &report, cmd.Wait()
}

// message is one of govulncheck's JSON messages; a finding's trace goes from the vulnerable symbol
// to a function of ours.
type message struct {
	OSV *struct {
		ID, Summary string
	}
	Finding *struct {
		OSV          string
		FixedVersion string `json:"fixed_version"`
		Trace        []struct{ Module, Version, Package, Receiver, Function string }
	}
}

// calledIn returns the vulnerabilities that the code calls, with a line for people for each.
func calledIn(report io.Reader) (map[string]string, error) {
	summaries, found := map[string]string{}, map[string]string{}
	for messages := json.NewDecoder(report); ; {
		var m message
		if err := messages.Decode(&m); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, fmt.Errorf("govulncheck's answer cannot be read: %w", err)
		}
		if m.OSV != nil {
			summaries[m.OSV.ID] = m.OSV.Summary
		}
		if f := m.Finding; f != nil && len(f.Trace) > 0 && f.Trace[0].Function != "" && found[f.OSV] == "" {
			symbol, ours := f.Trace[0], f.Trace[len(f.Trace)-1]
			found[f.OSV] = fmt.Sprintf("%s: %s\n\t%s@%s, fixed in %s; %s.%s is called by %s.%s", f.OSV, summaries[f.OSV],
				symbol.Module, symbol.Version, cmp.Or(f.FixedVersion, "no version"), symbol.Package, symbol.Function, ours.Package, ours.Function)
		}
	}
}

func judge(found, accepted map[string]string) error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(found)) {
		if _, ok := accepted[id]; !ok {
			errs = append(errs, errors.New(found[id]))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(accepted)) {
		if _, ok := found[id]; !ok {
			errs = append(errs, fmt.Errorf("%s is not found any more: take it out of tools/vuln/accepted.txt", id))
		}
	}
	return errors.Join(errs...)
}
