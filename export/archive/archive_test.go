package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/export/archive"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// read gives the rows of a file, each as text.
func read(t *testing.T, path string) (rows []map[string]any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	r := parquet.NewGenericReader[map[string]any](bytes.NewReader(data), f.Schema())
	rows = make([]map[string]any, r.NumRows())
	for i := range rows {
		rows[i] = map[string]any{}
	}
	if n, err := r.Read(rows); n != len(rows) {
		t.Fatalf("%d of %d rows: %v", n, len(rows), err)
	}
	return rows
}

func messages(kind events.Kind, lines ...string) (all []events.Message) {
	for i, line := range lines {
		all = append(all, events.Message{Kind: kind, Seq: uint64(i + 1), Stored: events.MinTime, Data: []byte(line)})
	}
	return all
}

func write(t *testing.T, o archive.Options, all ...events.Message) (rejected []string) {
	t.Helper()
	w, err := archive.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		_, err := w.Message(&all[i], &jsonevent.Decoder{}, func(d *events.DeadLetter) error {
			rejected = append(rejected, fmt.Sprint(d.Kind, " ", d.Origin.Seq, " ", d.Reason))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return rejected
}

// TestColumns: what a query reads of requests and outcomes.
func TestColumns(t *testing.T) {
	dir := t.TempDir()
	all := append(messages(events.KindRequest,
		`{"request_id":"r1","ts":1000,"features":{"clicked":1,"age":30},"items":[{"item_id":"a","position":4},{"item_id":"b"}]}`,
		`{"request_id":"r2","ts":"2026-01-01T00:00:00.000000001Z","score":0.5}`, `{"heartbeat":5}`),
		messages(events.KindOutcome,
			`{"request_id":"r1","ts":2000,"type":"click","item_id":"a","attrs":{"n":1.5,"t":"x","b":true,"z":null,"o":{"a/b":2},"l":[1]}}`,
			`{"heartbeat":9}`, `nonsense`)...)
	rejected := write(t, archive.Options{Dir: dir, Labels: []string{"clicked"}}, all...)
	if fmt.Sprint(rejected) != "[outcome 3 not_json]" {
		t.Errorf("rejected %v", rejected)
	}
	rows := read(t, filepath.Join(dir, archive.RequestsDir, "part-00000.parquet"))
	for i, want := range []map[string]any{
		{"request_id": "r1", "item_id": "a", "labeljoin_index": int64(0), "labeljoin_ts": int64(1_000_000_000),
			"feature_clicked": 1.0, "position": int64(4)},
		{"request_id": "r1", "item_id": "b", "labeljoin_index": int64(1), "age": 30.0},
		{"request_id": "r2", "labeljoin_index": nil, "labeljoin_ts": int64(1_767_225_600_000_000_001), "score": 0.5,
			"item_id": nil},
	} {
		for column, value := range want {
			if got := plain(rows[i][column]); got != value {
				t.Errorf("row %d: %s is %v (%T), want %v", i, column, got, got, value)
			}
		}
	}
	outcomes := read(t, filepath.Join(dir, archive.OutcomesDir, "part-00000.parquet"))
	if len(outcomes) != 2 || plain(outcomes[0]["type"]) != "click" || outcomes[0]["ts_ns"] != int64(2_000_000_000) ||
		outcomes[1]["request_id"] != nil || outcomes[1]["ts_ns"] != int64(9_000_000) {
		t.Errorf("outcomes are %v", outcomes)
	}
	text := fmt.Sprint(outcomes[0]["attrs"])
	for _, key := range []string{"/n", "/t", "/b", "/z", "/o", "/o/a~1b", "/l"} {
		if !bytes.Contains([]byte(text), []byte(key)) {
			t.Errorf("attrs have no %s: %s", key, text)
		}
	}
}

func plain(v any) any {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return v
}

// TestKeptFeatures: features that conditions look at are kept with their kinds, whatever their columns hold.
func TestKeptFeatures(t *testing.T) {
	dir := t.TempDir()
	o := archive.Options{Dir: dir, Mode: rowfile.ModeDeclared, Features: []rowfile.Feature{{Name: "a", Type: "double"}},
		Keep: []rule.Feature{{OfItem: true, Name: "p"}, {Name: "a"}, {Name: "g_c"}}}
	write(t, o, messages(events.KindRequest,
		`{"request_id":"r1","ts":1000,"features":{"a":"x:y"},"items":[{"item_id":"i","features":{"p":3}},{"item_id":"j","features":{"p":3.0}}]}`,
		`{"request_id":"r2","ts":1000,"features":{"a":9007199254740993,"g":{"c":true}}}`,
		`{"request_id":"r3","ts":1000,"features":{"a":[1],"g_c":1e300}}`,
		`{"request_id":"r4","ts":1000,"features":{"a":-9007199254740991,"g_c":0.1}}`)...)
	rows := read(t, filepath.Join(dir, archive.RequestsDir, "part-00000.parquet"))
	for i, want := range []string{"w:3|t:x:y|-", "n:3|t:x:y|-", "-|h:9007199254740993|b:true", "-|l:|n:1e+300",
		"-|w:-9007199254740991|n:0.1"} {
		if names := elements(rows[i]["labeljoin_kept"]); names != "item.features.p|request.features.a|request.features.g_c" {
			t.Errorf("row %d: %s", i, names)
		}
		if got := elements(rows[i]["labeljoin_features"]); got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
}

// elements are the texts of a list.
func elements(list any) string {
	var texts []string
	for _, e := range list.([]any) {
		if e = plain(e); e == nil {
			e = "-"
		}
		texts = append(texts, e.(string))
	}
	return strings.Join(texts, "|")
}

// TestModeDeclared: features that are not declared have no columns, as in the output of a replay.
func TestModeDeclared(t *testing.T) {
	dir := t.TempDir()
	o := archive.Options{Dir: dir, Mode: rowfile.ModeDeclared, Features: []rowfile.Feature{{Name: "age", Type: "int64"}}}
	write(t, o, messages(events.KindRequest, `{"request_id":"r1","ts":1000,"features":{"age":7,"other":1}}`)...)
	row := read(t, filepath.Join(dir, archive.RequestsDir, "part-00000.parquet"))[0]
	if _, other := row["other"]; other || row["age"] != int64(7) || row["labeljoin_ts"] != int64(1_000_000_000) {
		t.Errorf("the row is %v", row)
	}
}

// TestPlace: an archive is there whole or not at all, and is never written over.
func TestPlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	w, err := archive.New(archive.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	m := messages(events.KindRequest, `{"request_id":"r1","ts":1000}`)
	if _, err := w.Message(&m[0], &jsonevent.Decoder{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "_LOCK" {
		t.Errorf("an archive that was given up leaves %v (%v)", left, err)
	}
	write(t, archive.Options{Dir: dir}, m...)
	_, err = archive.New(archive.Options{Dir: dir})
	if exists, ok := errors.AsType[*archive.ExistsError](err); !ok || !exists.Misuse() {
		t.Errorf("a second archive in the same place: %v", err)
	}
}

// TestFilesEnd: many rows are in several files.
func TestFilesEnd(t *testing.T) {
	dir := t.TempDir()
	var all []events.Message
	for i := range 25 {
		all = append(all, messages(events.KindRequest, fmt.Sprintf(`{"request_id":"r%d","ts":1000}`, i))...)
	}
	write(t, archive.Options{Dir: dir, FileRows: 10}, all...)
	total := 0
	for i, want := range []int{10, 10, 5} {
		n := len(read(t, filepath.Join(dir, archive.RequestsDir, fmt.Sprintf("part-%05d.parquet", i))))
		if total += n; n != want {
			t.Errorf("file %d has %d rows, want %d", i, n, want)
		}
	}
	if total != 25 {
		t.Errorf("%d rows", total)
	}
}

// TestOwnNames: a feature may not have a name like the archive's own columns.
func TestOwnNames(t *testing.T) {
	w, err := archive.New(archive.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	m := messages(events.KindRequest, `{"request_id":"r1","ts":1000,"features":{"LabelJoin_hash":"x"}}`)
	_, err = w.Message(&m[0], &jsonevent.Decoder{}, nil)
	if feature, ok := errors.AsType[*archive.FeatureError](err); !ok || !feature.Misuse() {
		t.Errorf("the error is %v", err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
}
