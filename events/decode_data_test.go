package events_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/labeljoin/labeljoin/events"
)

// TestRealLogs decodes every event of the real data sets.
func TestRealLogs(t *testing.T) {
	files, err := filepath.Glob("../../shared/data/*/*s.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the data sets are not there: ../../shared/data")
	}
	var d events.Decoder
	for _, name := range files {
		isRequest := filepath.Base(name) == "requests.jsonl.gz"
		lines := 0
		for raw := range linesOf(t, name) {
			lines++
			unknown := 0
			if isRequest {
				var req events.Request
				var scan events.Scan
				if req, err = d.DecodeRequest(raw); err == nil {
					scan, err = d.ScanRequest(raw)
				}
				if unknown = scan.Unknown; err == nil {
					checkRequest(t, raw, &req, unknown)
				}
			} else {
				_, info, err2 := d.DecodeOutcome(raw)
				unknown, err = info.Unknown, err2
			}
			if err != nil || unknown > 0 {
				t.Fatalf("%s:%d: %v, %d unknown fields: %s", name, lines, err, unknown, raw)
			}
		}
		t.Logf("%s: %d events", name, lines)
	}
}

// linesOf yields the lines of a compressed file.
func linesOf(t *testing.T, name string) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		unzipped, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(unzipped)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			if !yield(lines.Bytes()) {
				return
			}
		}
		if lines.Err() != nil {
			t.Fatal(lines.Err())
		}
	}
}
