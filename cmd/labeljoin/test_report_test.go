package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/labeltest"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// TestReports runs a file that passes, one that fails and one that is wrong, and
// reads both reports.
func TestReports(t *testing.T) {
	dir := t.TempDir()
	const rules = "join: {window: 1d}\nlabels: {clicked: 'type == \"click\"'}\n"
	good := writeFile(t, dir, "good.yaml", rules+passing)
	bad := writeFile(t, dir, "bad.yaml", rules+strings.Replace(passing, "clicked: 1, clicked_ts: 1d", "clicked: 0", 1))
	wrong := writeFile(t, dir, "wrong.yaml", "tests: 3\n")
	junit := filepath.Join(dir, "junit.xml")
	got := runMain(t, "test", good, bad, wrong, "--json", "--junit", junit)
	if got.code != terminal.ExitUsage || !strings.Contains(got.stderr, "wrong.yaml") {
		t.Errorf("ends with %d: %s", got.code, got.stderr)
	}
	var report labeltest.TestReport
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
		t.Fatalf("%v of %s", err, got.stdout)
	}
	if len(report.Files) != 3 || report.Failed != 1 || report.Cases < 2 || !report.Files[0].Cases[0].Pass ||
		report.Files[1].Cases[0].Pass || report.Files[1].Cases[0].Failures[0].Line == 0 || report.Files[2].Error == "" {
		t.Errorf("the report is %+v", report)
	}
	text, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	var suites labeltest.JunitSuites
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatalf("%v of %s", err, text)
	}
	if len(suites.Suites) != 3 || suites.Failures != 1 || suites.Suites[0].Failures != 0 ||
		suites.Suites[1].Cases[0].Failure == nil || suites.Suites[2].Errors != 1 || suites.Suites[2].Cases[0].Error == nil {
		t.Errorf("the JUnit file is %s", text)
	}
	if got := runMain(t, "test", "--json", good); got.code != 0 || strings.Contains(got.stdout, "ok  ") {
		t.Errorf("ends with %d: %s", got.code, got.stdout)
	}
}
