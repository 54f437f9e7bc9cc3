package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// labeled makes rows of one hour of a day, of which every so-manieth is clicked
// after some seconds.
func labeled(t *testing.T, day string, n, every int, device func(i int) string) []dayRow {
	t.Helper()
	start, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	rows := plainDay(n)
	for i := range rows {
		r := &rows[i]
		r.RequestTS = start.Add(10*time.Hour + time.Duration(i)*time.Millisecond).UnixMicro()
		r.Device, r.Clicked = device(i), 0
		if every > 0 && i%every == 0 {
			at := r.RequestTS + int64(i%60)*1e6
			r.Clicked, r.ClickedTS = 1, &at
		}
	}
	return rows
}

func bothDevices(i int) string { return []string{"phone", "tv"}[i/10%2] }

// TestHealthFindsDeadLabels has a label that dies for one device, on a rate that
// TFDV's divergence does not see.
func TestHealthFindsDeadLabels(t *testing.T) {
	dir := t.TempDir()
	writeDay(t, dir, "2026-11-20", labeled(t, "2026-11-20", 20000, 100, bothDevices))
	writeDay(t, dir, "2026-11-21", labeled(t, "2026-11-21", 20000, 100, bothDevices))
	dead := labeled(t, "2026-11-22", 20000, 100, bothDevices)
	for i := range dead {
		if dead[i].Device == "phone" {
			dead[i].Clicked, dead[i].ClickedTS = 0, nil
		}
	}
	writeDay(t, dir, "2026-11-22", dead)
	code, out, talk := runLine(t, "health", "--from", dir, "--date", "2026-11-21", "--slice", "device")
	if code != terminal.ExitDone || !strings.Contains(out, "no alarms") || !strings.Contains(out, `"device=phone"`) {
		t.Errorf("exit code %d of a quiet day\n%s%s", code, out, talk)
	}
	code, out, talk = runLine(t, "health", "--from", dir, "--date", "2026-11-22", "--slice", "device")
	want := `rate  2026-11-22T10:00Z to 2026-11-22T11:00Z  label "clicked" of "device=phone": positive in 0 % instead of 2 %`
	if code != terminal.ExitAnomaly || !strings.Contains(out, want) {
		t.Errorf("exit code %d of a dead label, %q is not in\n%s%s", code, want, out, talk)
	}
	code, out, _ = runLine(t, "health", "--from", dir, "--date", "2026-11-22", "--slice", "device", "--json")
	var r struct {
		Alarms []struct{ Kind, Slice, From string }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != terminal.ExitAnomaly || len(r.Alarms) == 0 || r.Alarms[0].From != "2026-11-22T10:00Z" {
		t.Errorf("exit code %d, %v: %+v", code, err, r)
	}
	if code, _, _ := runLine(t, "health", "--from", dir, "--date", "2026-11-22", "--slice", "browser"); code != terminal.ExitUsage {
		t.Errorf("exit code %d of a column that is not there", code)
	}
}

// TestWindowSuggests has clicks evenly within a minute.
func TestWindowSuggests(t *testing.T) {
	dir := t.TempDir()
	writeDay(t, dir, "2026-11-21", labeled(t, "2026-11-21", 6000, 1, bothDevices))
	code, out, talk := runLine(t, "window", filepath.Join(dir, "data"), "--label", "clicked", "--window", "10m")
	if code != terminal.ExitDone || !strings.Contains(out, "\n30s               48.33 %\n") || !strings.Contains(out, "1m would do") {
		t.Errorf("exit code %d\n%s%s", code, out, talk)
	}
}

// TestReportIsOnePage has two days, of which the second one lost a label.
func TestReportIsOnePage(t *testing.T) {
	dir := t.TempDir()
	writeDay(t, dir, "2026-11-21", labeled(t, "2026-11-21", 20000, 20, bothDevices))
	writeDay(t, dir, "2026-11-22", labeled(t, "2026-11-22", 20000, 0, bothDevices))
	code, out, talk := runLine(t, "report", "--from", dir, "--date", "2026-11-22", "--slice", "device")
	if code != terminal.ExitDone {
		t.Fatalf("exit code %d: %s", code, talk)
	}
	for _, want := range []string{"<!DOCTYPE html>", "alarm: rate", "positive in 0 % instead of 5 %", "device=phone", "JSD of TFDV", "</html>"} {
		if !strings.Contains(out, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	code, out, talk = runLine(t, "report", "--from", dir, "--date", "2026-11-21")
	if code != terminal.ExitDone || !strings.Contains(out, "Nothing was found") {
		t.Errorf("exit code %d of a day without a day before: %s", code, talk)
	}
	file := filepath.Join(dir, "stats.html")
	if code, _, talk := runLine(t, "stats", "--from", dir, "--date", "2026-11-21", "--html", file); code != terminal.ExitDone {
		t.Errorf("exit code %d: %s", code, talk)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "</html>") {
		t.Errorf("stats --html has written no page: %v", err)
	}
}
