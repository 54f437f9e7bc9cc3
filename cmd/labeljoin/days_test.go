package main

import (
	"encoding/json"
	"strings"
	"testing"
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
