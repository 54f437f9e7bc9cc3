package jsonevent_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// TestRealLogs decodes every event of the real data sets, and compares some.
func TestRealLogs(t *testing.T) {
	files, err := filepath.Glob("../../shared/data/*/*s.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the data sets are not there: ../../shared/data")
	}
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines, w := 0, newTwins(jsonevent.Decoder{})
			for raw := range linesOf(t, name) {
				if lines++; lines%stride != 0 {
					continue
				}
				w.check(t, raw)
				unknown, err := decodeLine(t, raw, filepath.Base(name) == "requests.jsonl.gz", lines%(20*stride) == 0)
				if err != nil || unknown > 0 {
					t.Fatalf("line %d: %v, %d unknown fields: %s", lines, err, unknown, raw)
				}
			}
			t.Logf("%d events", lines)
		})
	}
}

// decodeLine decodes one event. The comparison with encoding/json is slow, so
// not every line is compared.
func decodeLine(t *testing.T, raw []byte, isRequest, compare bool) (unknown int, err error) {
	var d jsonevent.Decoder
	if !isRequest {
		_, info, err := d.DecodeOutcome(raw)
		return info.Unknown, err
	}
	scan, err := d.ScanRequest(raw)
	if err != nil || !compare {
		return scan.Unknown, err
	}
	req, err := d.DecodeRequest(raw)
	if err == nil {
		checkRequest(t, raw, &req, scan.Unknown)
	}
	return scan.Unknown, err
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
