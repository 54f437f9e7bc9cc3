package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestDaysCount: positives of a day that is not exported are counted when that is asked for, each row in its
// newest revision, and those of an exported day are the same.
func TestDaysCount(t *testing.T) {
	replayDir(t)
	putFile(t, "labeljoin.yaml",
		"join: {window: 10m}\nlabels: {clicked: 'type == \"click\"', bought: 'type == \"buy\"'}\n")
	putFile(t, "r", requestLines(0, 20))
	putFile(t, "o", clickLines(0, 14))
	if s := runMain(t, "replay", "--requests", "r", "--outcomes", "o", "--complete", "--allow-unmatched",
		"bought"); s.code != 0 {
		t.Fatal(s.stderr)
	}
	var days []struct {
		Day       string           `json:"day"`
		Version   string           `json:"version"`
		Positives map[string]int64 `json:"positives"`
	}
	read := func(args ...string) {
		t.Helper()
		code, out, talk := runLine(t, append([]string{"days", "--json"}, args...)...)
		if code != 0 {
			t.Fatal(talk)
		}
		if err := json.Unmarshal([]byte(out), &days); err != nil || len(days) != 1 {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if read(); days[0].Positives != nil {
		t.Errorf("positives %v, though they were not asked for", days[0].Positives)
	}
	check := func(version string) {
		t.Helper()
		if d := days[0]; d.Version != version || d.Positives["clicked"] != 7 || d.Positives["bought"] != 0 ||
			len(d.Positives) != 2 {
			t.Errorf("%+v", d)
		}
	}
	read("--count")
	check("")
	if code, out, _ := runLine(t, "days", "--count"); code != 0 || !strings.Contains(out, "bought 0 clicked 7") {
		t.Errorf("prints %s", out)
	}
	if code, _, talk := runLine(t, "export", "--date", days[0].Day); code != 0 {
		t.Fatal(talk)
	}
	read("--count")
	check("v=0001")
}

// TestExportEmptyDays: days without rows are told in one line, those before and after a day with rows apart. A range
// without any is refused, as such a day is.
func TestExportEmptyDays(t *testing.T) {
	replayDir(t)
	putFile(t, "labeljoin.yaml", "join: {window: 10m}\nlabels: {clicked: 'type == \"click\"'}\n")
	putFile(t, "r", requestLines(0, 20))
	putFile(t, "o", clickLines(0, 14))
	if s := runMain(t, "replay", "--requests", "r", "--outcomes", "o", "--complete"); s.code != 0 {
		t.Fatal(s.stderr)
	}
	var days []struct{ Day string }
	_, list, _ := runLine(t, "days", "--json")
	if err := json.Unmarshal([]byte(list), &days); err != nil || len(days) != 1 {
		t.Fatalf("%v: %s", err, list)
	}
	day, err := time.Parse(time.DateOnly, days[0].Day)
	if err != nil {
		t.Fatal(err)
	}
	name := func(after int) string { return day.AddDate(0, 0, after).Format(time.DateOnly) }
	for _, dry := range []bool{true, false} {
		args := []string{"export", "--date", name(-3), "--to", name(1)}
		if dry {
			args = append(args, "--dry-run")
		}
		code, out, talk := runLine(t, args...)
		before, after := name(-3)+" to "+name(-1)+": there are no rows\n", name(1)+": there are no rows\n"
		if told := talk + out; code != 0 || strings.Count(told, "there are no rows") != 2 ||
			!strings.Contains(told, before) || !strings.Contains(told, after) {
			t.Errorf("ends with %d, and says %s%s", code, out, talk)
		}
	}
	if code, _, talk := runLine(t, "export", "--date", name(2), "--to", name(4)); code != 1 ||
		!strings.Contains(talk, "has no rows") {
		t.Errorf("of days without rows, ends with %d: %s", code, talk)
	}
}
