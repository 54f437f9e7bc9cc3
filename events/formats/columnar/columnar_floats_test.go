package columnar_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/hamba/avro/v2/ocf"
	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// TestFloats: a column of doubles says what JSON's floats say. None is an id, whether or not
// it is a whole number, and a feature keeps its sign and stays a double.
func TestFloats(t *testing.T) {
	const schema = `{"type":"record","name":"request","fields":[{"name":"request_id","type":"double"},{"name":"ts","type":"long"},
		{"name":"features","type":{"type":"record","name":"f","fields":[{"name":"x","type":"double"},{"name":"y","type":"float"}]}}]}`
	type features struct {
		X float64 `parquet:"x" avro:"x"`
		Y float32 `parquet:"y" avro:"y"`
	}
	type row struct {
		ID       float64  `parquet:"request_id" avro:"request_id"`
		TS       int64    `parquet:"ts" avro:"ts"`
		Features features `parquet:"features" avro:"features"`
	}
	var rows []row
	inJSON := ""
	floats := []float64{0, math.Copysign(0, -1), 7, -7, 1234567, 1 << 60, 0.5}
	for _, f := range floats {
		rows = append(rows, row{f, 1796000000000, features{f, float32(f)}})
		inJSON += fmt.Sprintf(`{"request_id":%[1]s,"ts":1796000000000,"features":{"x":%[1]s,"y":%[2]s}}`+"\n", pointed(f), pointed(float64(float32(f))))
	}
	var asParquet, asAvro bytes.Buffer
	if err := parquet.Write(&asParquet, rows); err != nil {
		t.Fatal(err)
	}
	e, err := ocf.NewEncoder(schema, &asAvro)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"JSON": inJSON}
	if got["Parquet"], err = lines(t, asParquet.Bytes()); err != nil {
		t.Fatal(err)
	}
	if got["Avro"], err = lines(t, asAvro.Bytes()); err != nil {
		t.Fatal(err)
	}
	for name, text := range got {
		t.Run(name, func(t *testing.T) {
			for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
				var d jsonevent.Decoder
				if _, err := d.ScanRequest([]byte(line)); err == nil || !strings.HasPrefix(err.Error(), events.ReasonWrongType) {
					t.Errorf("%s: error %v, want that a float is no id", line, err)
				}
				r, err := d.DecodeRequest([]byte(strings.Replace(line, `"request_id":`, `"request_id":"a","model":`, 1)))
				if err != nil || len(r.Features) != 2 {
					t.Fatalf("%s: %+v, %v", line, r, err)
				}
				for k, want := range []float64{rows[i].Features.X, float64(rows[i].Features.Y)} {
					v := &r.Features[k].Value
					if v.Kind != events.ValueDouble || math.Float64bits(v.Float) != math.Float64bits(want) {
						t.Errorf("%s: feature %s is %+v, want the double %v", line, r.Features[k].Name, *v, want)
					}
				}
			}
		})
	}
}

// pointed is a number as people write a float.
func pointed(f float64) string {
	text := fmt.Sprint(f)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

// TestNoIDs: what is no number is no id, and not one that is missing: an outcome without
// its item would count for every item.
func TestNoIDs(t *testing.T) {
	const schema = `{"type":"record","name":"outcome","fields":[{"name":"request_id","type":"string"},{"name":"type","type":"string"},{"name":"ts","type":"long"},
		{"name":"item_id","type":["null","double"]},{"name":"value","type":"double"}]}`
	type row struct {
		ID    string   `parquet:"request_id" avro:"request_id"`
		Type  string   `parquet:"type" avro:"type"`
		TS    int64    `parquet:"ts" avro:"ts"`
		Item  *float64 `parquet:"item_id,optional" avro:"item_id"`
		Value float64  `parquet:"value" avro:"value"`
	}
	var rows []row
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		rows = append(rows, row{"r", "click", 1796000000000, &f, f})
	}
	rows = append(rows, row{"r", "click", 1796000000000, nil, 1})
	var asParquet, asAvro bytes.Buffer
	if err := parquet.Write(&asParquet, rows); err != nil {
		t.Fatal(err)
	}
	e, err := ocf.NewEncoder(schema, &asAvro)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"Parquet": asParquet.Bytes(), "Avro": asAvro.Bytes()} {
		t.Run(name, func(t *testing.T) {
			text, err := lines(t, file)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
				var d jsonevent.Decoder
				_, _, err := d.DecodeOutcome([]byte(line))
				if missing := rows[i].Item == nil; missing != (err == nil) || !missing && !strings.HasPrefix(err.Error(), events.ReasonWrongType) {
					t.Errorf("%s: error %v", line, err)
				}
			}
		})
	}
}
