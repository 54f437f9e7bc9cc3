package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// dayRow is a row as labeljoin writes it, with what statistics look at.
type dayRow struct {
	RequestID string  `parquet:"request_id"`
	RequestTS int64   `parquet:"request_ts,timestamp(microsecond)"`
	ItemID    string  `parquet:"item_id"`
	Score     float64 `parquet:"score"`
	Device    string  `parquet:"device,dict"`
	Clicked   int32   `parquet:"clicked"`
	ClickedTS *int64  `parquet:"clicked_ts,optional,timestamp(microsecond)"`
	Revision  int32   `parquet:"revision"`
	Reason    string  `parquet:"reason"`
}

// writeDay writes rows as a day of an output.
func writeDay(t *testing.T, dir, day string, rows []dayRow) {
	t.Helper()
	folder := filepath.Join(dir, "data", "dt="+day)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := parquet.WriteFile(filepath.Join(folder, "p0000-00000000000000000001-000.parquet"), rows); err != nil {
		t.Fatal(err)
	}
}

// runLine runs a command line.
func runLine(t *testing.T, args ...string) (code int, out, talk string) {
	t.Helper()
	var o, e bytes.Buffer
	code = execute(t.Context(), append([]string{"labeljoin"}, args...), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// TestStatsCountTheLastStateOfRows has a row that was corrected and one that was
// withdrawn.
func TestStatsCountTheLastStateOfRows(t *testing.T) {
	dir := t.TempDir()
	writeDay(t, dir, "2026-11-21", []dayRow{
		{RequestID: "a", ItemID: "x", Reason: "closed"},
		{RequestID: "a", ItemID: "y", Reason: "closed"},
		{RequestID: "b", ItemID: "x", Reason: "closed"},
		{RequestID: "a", ItemID: "x", Clicked: 1, Revision: 1, Reason: "corrected"},
		{RequestID: "b", ItemID: "x", Revision: 1, Reason: "withdrawn"},
	})
	code, out, talk := runLine(t, "stats", "--out", dir, "--date", "2026-11-21")
	if code != terminal.ExitDone || !strings.Contains(out, "all rows: 2 rows") {
		t.Fatalf("exit code %d\n%s%s", code, out, talk)
	}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 6 && f[0] == "clicked" && f[6] != "0.5" {
			t.Errorf("the mean of clicked is %s, want 0.5\n%s", f[6], out)
		}
	}
	for name, args := range map[string][]string{
		"a day that is not there": {"stats", "--out", dir, "--date", "2026-11-22"},
		"no rows":                 {"stats", "--out", dir},
		"no such column":          {"stats", "--out", dir, "--date", "2026-11-21", "--slice", "browser"},
		"no such file":            {"stats", filepath.Join(dir, "nothing")},
	} {
		t.Run(name, func(t *testing.T) {
			if code, _, talk := runLine(t, args...); code != terminal.ExitUsage || talk == "" {
				t.Errorf("%s: exit code %d, %q", name, code, talk)
			}
		})
	}
}
