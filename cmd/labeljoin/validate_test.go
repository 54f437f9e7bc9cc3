package main

import (
	"fmt"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plainDay are rows without anything special.
func plainDay(n int) []dayRow {
	var rows []dayRow
	for i := range n {
		rows = append(rows, dayRow{
			RequestID: fmt.Sprintf("r%d", i), ItemID: "x", Score: float64(i%7) / 7, Device: []string{"phone", "tv"}[i%2], Clicked: int32(min(i%10, 1)), Reason: "closed",
		})
	}
	return rows
}

// TestValidateFindsAnomalies goes the way of a user: a schema of one day, and
// another day.
func TestValidateFindsAnomalies(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "schema.pbtxt")
	good, bad := plainDay(200), plainDay(200)
	for i := range bad {
		bad[i].Score *= 1000
		bad[i].Device = strings.Replace(bad[i].Device, "tv", "television", 1)
	}
	writeDay(t, dir, "2026-11-21", good)
	writeDay(t, dir, "2026-11-22", good)
	writeDay(t, dir, "2026-11-23", bad)
	line := func(want int, args ...string) string {
		t.Helper()
		code, out, talk := runLine(t, args...)
		if code != want {
			t.Fatalf("%q ends with %d, want %d\n%s%s", args, code, want, out, talk)
		}
		return out
	}
	line(terminal.ExitUsage, "validate", "--from", dir, "--date", "2026-11-22")
	line(terminal.ExitUsage, "validate", "--from", dir, "--date", "2026-11-22", "--schema", file)
	line(terminal.ExitDone, "schema", "infer", "--from", dir, "--date", "2026-11-21", "--schema", file)
	line(terminal.ExitUsage, "schema", "infer", "--from", dir, "--date", "2026-11-21", "--schema", file)
	line(terminal.ExitDone, "schema", "freeze", "--from", dir, "--date", "2026-11-21", "--schema", file)
	if out := line(terminal.ExitDone, "schema", "show", "--schema", file); !strings.Contains(out, `["phone" "tv"]`) {
		t.Errorf("the schema is shown without its values:\n%s", out)
	}
	line(terminal.ExitDone, "validate", "--from", dir, "--date", "2026-11-22", "--schema", file, "--against", "yesterday")
	line(terminal.ExitUsage, "validate", "--from", dir, "--date", "2026-11-22", "--schema", file, "--environment", "NOWHERE")
	out := line(terminal.ExitAnomaly, "validate", "--from", dir, "--date", "2026-11-23", "--schema", file, "--against", "yesterday", "--slice", "device")
	for _, want := range []string{"Examples contain values missing from the schema: television (~50%). ", "FLOAT_TYPE_BIG_FLOAT", `slice "device_television"`, "\n\"score\"       0.8", "JSD of TFDV"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	line(terminal.ExitDone, "schema", "update", "--from", dir, "--date", "2026-11-23", "--schema", file)
	line(terminal.ExitDone, "validate", "--from", dir, "--date", "2026-11-23", "--schema", file)
	saved := filepath.Join(dir, "stats.tfrecord")
	line(terminal.ExitDone, "stats", "--from", dir, "--date", "2026-11-21", "--tfdv", saved)
	line(terminal.ExitDone, "validate", "--from", dir, "--date", "2026-11-22", "--against", saved)
	if err := os.WriteFile(saved, []byte("no statistics"), 0o644); err != nil {
		t.Fatal(err)
	}
	line(terminal.ExitUsage, "validate", "--from", dir, "--date", "2026-11-22", "--against", saved)
}
