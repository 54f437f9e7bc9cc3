package preview

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/config"
)

const someInputs = `
labels: {x: 'true'}
inputs:
  requests: {}
  clicks: {subject: clicks, kind: outcome, format: csv, map: {request_id: event.req, ts: 'time(event.at, "s")', type: '"click"'}}
`

func preview(t *testing.T, p Preview, file, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), file)
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p.Files, p.Last, p.Out = []string{path}, 20, &out
	err := p.Run(t.Context())
	rejected, ok := errors.AsType[*RejectedError](err)
	if err != nil && !ok {
		t.Fatal(err)
	}
	wants := p.Config != nil && (strings.Contains(out.String(), "rejected as") || strings.Contains(out.String(), `"reason":`))
	if wants != ok || ok && (rejected.Rejected != 1 || rejected.Records != 2) {
		t.Errorf("error %v, and it shows\n%s", err, out.String())
	}
	return strings.ReplaceAll(out.String(), filepath.Dir(path)+"/", "")
}

// TestPreview: records side by side with what becomes of them, and what is suggested.
func TestPreview(t *testing.T) {
	c, err := config.Decode("", []byte(someInputs))
	if err != nil {
		t.Fatal(err)
	}
	csv := "req,at,sku,user-id\n007,1764384000,a,u\n8,soon,b,u\n"
	t.Run("mapped", func(t *testing.T) {
		got := preview(t, Preview{Config: c}, "clicks.csv", csv)
		for _, want := range []string{
			`clicks.csv:2: outcome`, `request_id  "007"`, `time(event.at, "s")`, "unused  sku, user-id",
			`clicks.csv:3: rejected as mapping: map.ts: time(event.at, "s"): time: "soon" is no number`,
			"2 records: 0 requests, 1 outcome, 1 rejected, 0 without an event", "item_id: event.sku",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("it lacks %q:\n%s", want, got)
			}
		}
	})
	t.Run("as JSON", func(t *testing.T) {
		got := preview(t, Preview{Config: c, Input: "clicks", JSON: true}, "clicks.csv", csv)
		var lines []map[string]any
		for line := range strings.Lines(got) {
			var one map[string]any
			if err := json.Unmarshal([]byte(line), &one); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			lines = append(lines, one)
		}
		if len(lines) != 3 || lines[1]["reason"] != "mapping" || lines[2]["summary"] == nil || lines[0]["event"] == nil {
			t.Errorf("it prints %s", got)
		}
	})
	t.Run("without a configuration", func(t *testing.T) {
		got := preview(t, Preview{}, "events.json",
			"{\"event_id\": 7,\n \"timestamp\": 1764384000.25,\n \"context\": {\"a\": 1}}\n")
		for _, want := range []string{"kind: request", "request_id: event.event_id", `ts: 'time(event.timestamp, "s")'`,
			"looks like a time in seconds"} {
			if !strings.Contains(got, want) {
				t.Errorf("it lacks %q:\n%s", want, got)
			}
		}
	})
	t.Run("a configuration without a mapping", func(t *testing.T) {
		own, err := config.Decode("own.yaml", []byte("labels: {clicked: 'true'}\n"))
		if err != nil {
			t.Fatal(err)
		}
		got := preview(t, Preview{Config: own}, "serve.jsonl", `{"imp": "i", "served_at": 1764384000123, "slate": [{"sku": "a"}]}`)
		for _, want := range []string{"kind: request", "request_id: event.imp", "items: 'map(event.slate, {item_id: .sku})'"} {
			if !strings.Contains(got, want) {
				t.Errorf("it lacks %q:\n%s", want, got)
			}
		}
	})
	t.Run("a field that nothing looks like", func(t *testing.T) {
		got := preview(t, Preview{}, "clicks.json", `{"what": 7, "type": "click", "sku": 6, "happened": "soon"}`)
		for _, want := range []string{"kind: outcome", "item_id: event.sku", "request_id: event. ", "ts: event. ",
			"# every outcome needs one, and no field looks like it"} {
			if !strings.Contains(got, want) {
				t.Errorf("it lacks %q:\n%s", want, got)
			}
		}
	})
	t.Run("no field that looks like anything", func(t *testing.T) {
		got := preview(t, Preview{}, "views.csv", "Anfrage (Nr);Zeit\n0001;20.11.2026 06:00:16\n")
		for _, want := range []string{`{"Anfrage (Nr)":"0001"`, "kind: request", "request_id: event. ", "ts: event. ", "labeljoin help mapping"} {
			if !strings.Contains(got, want) {
				t.Errorf("it lacks %q:\n%s", want, got)
			}
		}
	})
	t.Run("labeljoin's own format", func(t *testing.T) {
		got := preview(t, Preview{Config: c, Input: "requests"}, "r.jsonl",
			`{"request_id":"a","ts":1}`+"\n"+`{"id":"b","timestamp":1764384000}`)
		for _, want := range []string{"r.jsonl:1: request", "r.jsonl:2: rejected as missing_request_id",
			"request_id: event.id", "  requests:\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("it lacks %q:\n%s", want, got)
			}
		}
	})
}
