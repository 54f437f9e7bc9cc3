package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestReplayReplaces computes a day of an output again: its rows are others then, and those
// of the day before stay.
func TestReplayReplaces(t *testing.T) {
	replayDir(t)
	const day = 24 * 60 * 60 // in requests, of which there is one a second
	putFile(t, "requests.jsonl", requestLines(0, 4)+requestLines(day, 4))
	putFile(t, "outcomes.jsonl", clickLines(0, 4)+clickLines(day, 4))
	logs := []string{"replay", "--requests", "requests.jsonl", "--outcomes", "outcomes.jsonl"}
	// What is computed again has another condition, which no outcome matches.
	logs = append(logs, "--allow-unmatched", "clicked")
	run := func(args ...string) said { return runMain(t, append(slices.Clone(logs), args...)...) }
	if got := run("--complete"); got.code != 0 {
		t.Fatal(got.stderr)
	}
	before := clickedRows(t, "labeled")
	if got := run("--complete"); got.code != 2 || !strings.Contains(got.stderr, "--replace") {
		t.Fatalf("days that exist are written again: %d %s", got.code, got.stderr)
	}
	putFile(t, "labeljoin.yaml", "join: {window: 10s, lateness: 1s}\nlabels: {clicked: 'type == \"tap\"'}\noutput: {dir: labeled}\nlog: {level: error}\n")
	for name, test := range map[string]struct {
		args []string
		says string
		code int
	}{
		"part of a day": {[]string{"--replace", "--complete", "--from", "2026-01-02T01:00:00Z"}, "whole days", 2},
		"part of ids":   {[]string{"--replace", "--complete", "--partition", "0/2"}, "--partition", 2},
		"no output":     {[]string{"--replace", "--complete", "--out", "other"}, "leave the flag out", 2},
		"incomplete":    {[]string{"--replace"}, "4 of 4 rows of 2026-01-02 are incomplete", 3},
		"a dry run":     {[]string{"--replace", "--complete", "--dry-run"}, "nothing was written", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(test.args...)
			if got.code != test.code || !strings.Contains(got.stderr, test.says) {
				t.Errorf("ends with %d: %s", got.code, got.stderr)
			}
			if rows := clickedRows(t, "labeled"); !slices.Equal(rows, before) {
				t.Errorf("rows %q, want %q", rows, before)
			}
		})
	}
	config, err := os.ReadFile("labeljoin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a label that the table has with another type", func(t *testing.T) {
		putFile(t, "labeljoin.yaml", strings.Replace(string(config), "'type == \"tap\"'",
			"{when: 'type == \"tap\"', value: sum}", 1))
		got := run("--replace", "--complete")
		if got.code != 3 || !strings.Contains(got.stderr, "another type, or for something else: clicked.") {
			t.Errorf("ends with %d: %s", got.code, got.stderr)
		}
		if rows := clickedRows(t, "labeled"); !slices.Equal(rows, before) {
			t.Errorf("rows %q, want %q", rows, before)
		}
	})
	putFile(t, "labeljoin.yaml", string(config))
	got := run("--replace", "--complete", "--from", "2026-01-02")
	if got.code != 0 || !strings.Contains(got.stderr, "2026-01-02 was replaced: 4 rows before, 4 now") {
		t.Fatalf("ends with %d: %s", got.code, got.stderr)
	}
	want := slices.Clone(before)
	for i, row := range want {
		if strings.HasPrefix(row, "r864") { // the requests of the second day
			want[i] = strings.Replace(row, " 1 ", " 0 ", 1)
		}
	}
	if rows := clickedRows(t, "labeled"); !slices.Equal(rows, want) || slices.Equal(want, before) {
		t.Errorf("rows %q, want %q", rows, want)
	}
	if got := runMain(t, "verify"); got.code != 0 {
		t.Errorf("verify ends with %d: %s%s", got.code, got.stdout, got.stderr)
	}
	// Days between two bounds that get no row are ended.
	putFile(t, "requests.jsonl", requestLines(0, 4))
	putFile(t, "outcomes.jsonl", clickLines(0, 4))
	if got := run("--replace", "--complete", "--from", "2026-01-01", "--to", "2026-01-03"); got.code != 0 {
		t.Fatal(got.stderr)
	}
	if rows := clickedRows(t, "labeled"); len(rows) != 4 {
		t.Errorf("rows %q", rows)
	}
}
