package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2/ocf"
	"github.com/parquet-go/parquet-go"
)

// stamped is a request and its time in microseconds since 1970.
type stamped struct {
	ID string `parquet:"id"`
	TS int64  `parquet:"at,timestamp(microsecond)"`
}

func (s stamped) text() string { return time.UnixMicro(s.TS).UTC().Format(time.RFC3339Nano) }

// TestReplayTimesBeyond: whatever the format of a log, a request is rejected if 64 bits of
// nanoseconds cannot hold its time, and is none of the ends of time.
func TestReplayTimesBeyond(t *testing.T) {
	const first, last = -9223372036854775, 9223372036854775 // microseconds that are whole within 64 bits of nanoseconds
	in := []stamped{{"first", first}, {"last", last}, {"now", 1767225600000000}}
	all := append([]stamped{
		{"before", first - 1}, {"after", last + 1}, {"year 1500", -14831769600000000}, {"year 3000", 32503680000000000},
		{"year 12000", 316517932800000000}, {"least", -1 << 63}, {"most", 1<<63 - 1},
	}, in...)
	want := []string{"now 1 closed"}
	for _, s := range in[:2] {
		want = append(want, s.ID+" 0 closed")
	}
	slices.Sort(want)
	type columns struct {
		ID string `parquet:"request_id"`
		TS int64  `parquet:"ts,timestamp(microsecond)"`
	}
	var texts, numbers, tableOfTexts, tableOfNumbers strings.Builder
	tableOfTexts.WriteString("request_id,ts\n")
	tableOfNumbers.WriteString("request_id,ts\n")
	var rows []columns
	var avro bytes.Buffer
	e, err := ocf.NewEncoder(`{"type":"record","name":"request","fields":[{"name":"request_id","type":"string"},
		{"name":"ts","type":{"type":"long","logicalType":"timestamp-micros"}}]}`, &avro)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		fmt.Fprintf(&texts, "{\"request_id\":%q,\"ts\":%q}\n", s.ID, s.text())
		fmt.Fprintf(&numbers, "{\"request_id\":%q,\"ts\":%d}\n", s.ID, s.TS)
		fmt.Fprintf(&tableOfTexts, "%s,%s\n", s.ID, s.text())
		fmt.Fprintf(&tableOfNumbers, "%s,%d\n", s.ID, s.TS)
		rows = append(rows, columns(s))
		if err := e.Encode(map[string]any{"request_id": s.ID, "ts": time.UnixMicro(s.TS).UTC()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	var asColumns bytes.Buffer
	if err := parquet.Write(&asColumns, rows); err != nil {
		t.Fatal(err)
	}
	const mapped = ", r: {subject: r, kind: request, map: {request_id: event.request_id, ts: %s}}"
	for _, c := range []struct {
		name, input string
		data        []byte
	}{
		{"texts", "", []byte(texts.String())}, {"numbers", "", []byte(numbers.String())},
		{"CSV of texts", "", []byte(tableOfTexts.String())}, {"CSV of numbers", "", []byte(tableOfNumbers.String())},
		{"Parquet", "", asColumns.Bytes()}, {"Avro", "", avro.Bytes()},
		{"mapped texts", fmt.Sprintf(mapped, "time(event.ts)"), []byte(texts.String())},
		{"mapped numbers", fmt.Sprintf(mapped, `'time(event.ts, "us")'`), []byte(numbers.String())},
		{"mapped dates", fmt.Sprintf(mapped, `'time(trimSuffix(event.ts, "Z"), "iso", "UTC")'`), []byte(texts.String())},
		{"mapped Parquet", fmt.Sprintf(mapped, "event.ts"), asColumns.Bytes()},
	} {
		t.Run(c.name, func(t *testing.T) {
			replayDir(t)
			putFile(t, "labeljoin.yaml", "join: {window: 10s, lateness: 1s}\nlabels: {clicked: 'type == \"click\"'}\n"+
				"inputs: {requests: {time_unit: us}, outcomes: {}"+c.input+"}\noutput: {dir: labeled}\nlog: {level: error}\n")
			putBytes(t, "r", c.data)
			flag, value := "--requests", "r"
			if c.input != "" {
				flag, value = "--events", "r=r"
			}
			putFile(t, "o", `{"request_id":"now","ts":"2026-01-01T00:00:01Z","type":"click"}`+"\n")
			replaysTo(t, want, flag, value, "--outcomes", "o", "--max-rejected", "100%")
		})
	}
}
