package main

import (
	"encoding/json"
	"testing"
)

// TestBenchReplay measures small logs without DuckDB: both can be joined as they are.
func TestBenchReplay(t *testing.T) {
	got := runMain(t, "bench", "replay", "--rows", "2000", "--turns", "1", "--json", "--dir", t.TempDir())
	var result struct {
		Comparisons []struct {
			Log   string  `json:"log"`
			Rows  int     `json:"rows"`
			Bytes int     `json:"labeljoin_output_bytes"`
			Speed float64 `json:"labeljoin_rows_per_s"`
		} `json:"comparisons"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &result); err != nil || got.code != 0 {
		t.Fatalf("ends with %d, %v: %s%s", got.code, err, got.stdout, got.stderr)
	}
	if len(result.Comparisons) != 2 {
		t.Fatalf("there are %d comparisons, want plain and slates", len(result.Comparisons))
	}
	for _, c := range result.Comparisons {
		if c.Rows != 2000 || c.Bytes == 0 || c.Speed <= 0 {
			t.Errorf("%+v", c)
		}
	}
}
