package columnar_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
)

// TestWaysAgree: the same events are the same, whether they come as JSON lines, as Parquet or as Avro. Most have values
// that cannot be held somewhere, in lists, objects and maps in each other.
func TestWaysAgree(t *testing.T) {
	var d jsonevent.Decoder
	p := d.NewParser()
	for seed := range uint64(200) {
		w := &ways{Rand: rand.New(rand.NewPCG(seed, 14))}
		kind, fields := events.KindRequest, w.request()
		if seed%4 == 3 {
			kind, fields = events.KindOutcome, w.outcome()
		}
		rows := w.rows(fields)
		want := strings.Split(strings.TrimSpace(string(asJSON(fields, rows))), "\n")
		for name, write := range map[string]func([]*shape, []map[string]any) ([]byte, error){"Parquet": asParquet, "Avro": asAvro} {
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) {
				file, err := write(fields, rows)
				if err != nil {
					t.Fatal(err)
				}
				all, err := lines(t, file)
				if err != nil {
					t.Fatal(err)
				}
				got := strings.Split(strings.TrimSpace(all), "\n")
				if len(got) != len(want) {
					t.Fatalf("%d events, want %d", len(got), len(want))
				}
				for i := range got {
					if g, w := meaning(t, p, kind, got[i]), meaning(t, p, kind, want[i]); g != w {
						t.Fatalf("event %d\n%s\nis %s\nwant %s\nas of\n%s", i, got[i], g, w, want[i])
					}
				}
			})
		}
	}
}

// meaning is what an event says, by a Decoder and by a Parser.
func meaning(t *testing.T, p *jsonevent.Parser, kind events.Kind, line string) string {
	t.Helper()
	var d jsonevent.Decoder
	if kind == events.KindOutcome {
		o, _, err := d.DecodeOutcome([]byte(line))
		if err != nil {
			return err.Error()
		}
		o.Hash = [32]byte{}
		o.Attrs, _ = withoutNulls(o.Attrs).(map[string]any)
		return fmt.Sprintf("%+v", o) // maps are printed in order
	}
	var parsed events.Request
	r, err := d.DecodeRequest([]byte(line))
	errOfParser := p.Request(line, &parsed)
	if fmt.Sprint(err) != fmt.Sprint(errOfParser) || err == nil && requestText(&r) != requestText(&parsed) {
		t.Errorf("%s: a Decoder says %s, %v, and a Parser %s, %v", line, requestText(&r), err, requestText(&parsed), errOfParser)
	}
	if err != nil {
		return err.Error()
	}
	return requestText(&r)
}

func requestText(r *events.Request) string {
	c := *r
	c.Features, c.Items = nil, nil
	text := fmt.Sprintf("%+v %s", c, featuresText(r.Features))
	for _, i := range r.Items {
		c := i
		c.Features = nil
		text += fmt.Sprintf(" item %+v %s", c, featuresText(i.Features))
	}
	return text
}

func featuresText(fields []events.Field) string {
	texts := map[string]string{}
	for _, f := range fields {
		texts[f.Name] = fmt.Sprintf("%+v %t", f.Value, math.Signbit(f.Value.Float))
		if f.Value.Kind == events.ValueJSON {
			d := json.NewDecoder(strings.NewReader(f.Value.Str))
			d.UseNumber()
			var v any
			err := d.Decode(&v)
			texts[f.Name] = fmt.Sprintf("JSON %+v %v", withoutNulls(v), err)
		}
	}
	text := ""
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		text += name + "=" + texts[name] + " "
	}
	return text
}

// withoutNulls is a value without members that are null: a group of Parquet has no other way to have no such member.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	case map[string]any:
		for name := range v {
			if v[name] = withoutNulls(v[name]); v[name] == nil {
				delete(v, name)
			}
		}
	}
	return v
}
