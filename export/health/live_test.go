package health_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/joiner"
)

// TestCommitsAddUp: rows that are cut into commits anywhere have the counts of one commit, added up
// in any order.
func TestCommitsAddUp(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	labels, by := []string{"clicked"}, []string{"model_version", "device", "item_kind"}
	whole := health.NewCounter(labels, by)
	parts := []*health.Counter{health.NewCounter(labels, by), health.NewCounter(labels, by), health.NewCounter(labels, by)}
	for i := range 2000 {
		req := &events.Request{ID: fmt.Sprint(i), TS: events.Time(rng.Int64N(5) * int64(time.Hour)),
			ModelVersion: []string{"", "v1", "v2"}[rng.IntN(3)],
			Features: []events.Field{{Name: "device", Value: events.Value{Kind: events.ValueString,
				Str: []string{"phone", "tv"}[rng.IntN(2)]}}},
			Items: []events.Item{{ID: "x", Score: rng.Float64(), HasScore: true,
				Features: []events.Field{{Name: "kind", Value: events.Value{Kind: events.ValueInt, Int: int64(rng.IntN(3))}}}}}}
		row := &joiner.Row{Item: 0, Cells: []joiner.Cell{{TS: events.MinTime, Null: rng.IntN(9) == 0}},
			Revision: uint32(rng.IntN(10) / 9)}
		if rng.IntN(4) == 0 {
			row.Cells[0] = joiner.Cell{Value: 1, TS: req.TS.Add(time.Duration(rng.Int64N(1e12)))}
		}
		whole.Row(req, row)
		parts[rng.IntN(3)].Row(req, row)
	}
	want, err := whole.Statistics(&joiner.Cut{})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		sum := health.NewTable(labels)
		for _, p := range parts {
			data, err := p.Statistics(&joiner.Cut{})
			if err != nil {
				t.Fatal(err)
			}
			read, _, err := health.Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			sum.Join(read)
		}
		got, err := health.Encode(sum, by)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("seed %d: %v: got\n%s\nwant\n%s", seed, err, got, want)
		}
	}
	table, _, err := health.Decode(want)
	if err != nil {
		t.Fatal(err)
	}
	if names := table.Slices(); !slices.Contains(names, "device=phone") || !slices.Contains(names, "item_kind=2") ||
		!slices.Contains(names, "model_version=v1") {
		t.Errorf("the slices are %q", names)
	}
	if c := table.Sum(health.All, 0, 5); c.Rows+c.Corrected != 2000 || c.Corrected == 0 || c.Scored != c.Rows {
		t.Errorf("the counts are %+v", c)
	}
}

// TestScoresThatAreNoProbabilities are not held against labels.
func TestScoresThatAreNoProbabilities(t *testing.T) {
	c := health.NewCounter([]string{"clicked"}, nil)
	for _, score := range []float64{0.5, 12} {
		c.Row(&events.Request{Score: score, HasScore: true}, &joiner.Row{Item: -1, Cells: []joiner.Cell{{Value: 1, TS: 5}}})
	}
	data, err := c.Statistics(&joiner.Cut{})
	if err != nil {
		t.Fatal(err)
	}
	table, _, err := health.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if c := table.Sum(health.All, 0, 1); c.Rows != 2 || c.Scored != 0 || c.Hits[0] != 0 {
		t.Errorf("the counts are %+v", c)
	}
}

// TestWatchSaysOnce: a label that dies for one device is said once, in its first hour, and once more
// when it is back.
func TestWatchSaysOnce(t *testing.T) {
	seed := rand.Uint64()
	const begin, end = 17*24 + 13, 17*24 + 20
	m := month{rng: rand.New(rand.NewPCG(seed, 1)), fault: func(at health.Hour, device string, h *hourly) {
		if device == "phone" && at >= begin && at < end {
			h.rate = 0
		}
	}}
	m.run()
	w := health.NewWatch([]string{"clicked"}, []string{"device"})
	w.Begin(firstHour)
	said := map[string]health.Hour{}
	late := health.NewWatch([]string{"clicked"}, []string{"device"}) // judges several hours at once
	late.Begin(firstHour)
	var now, later []health.Change
	for h := firstHour; h < firstHour+monthHours; h++ {
		part := health.NewTable([]string{"clicked"})
		for k, c := range m.t.Cells {
			if k.Hour == h {
				part.Add(k, c)
			}
		}
		w.Add(part, []string{"device"})
		now = append(now, w.Through(h+1)...)
		if late.Add(part, []string{"device"}); (h-firstHour)%9 == 8 || h == firstHour+monthHours-1 {
			later = append(later, late.Through(h+1)...)
		}
	}
	for _, c := range now {
		key := fmt.Sprint(map[bool]string{true: "ended", false: "raised"}[c.Ended], " ", c.Kind, " ", c.Slice)
		if _, twice := said[key]; twice {
			t.Errorf("seed %d: %s is said twice", seed, key)
		}
		said[key] = c.Hour - firstHour
	}
	if !reflect.DeepEqual(now, later) {
		t.Errorf("seed %d: several hours at once say\n%v\nwant\n%v", seed, later, now)
	}
	if at, ok := said["raised rate device=phone"]; !ok || at != begin {
		t.Errorf("seed %d: raised at %d, want %d; said %v", seed, at, begin, said)
	}
	if at, ok := said["ended rate device=phone"]; !ok || at != end {
		t.Errorf("seed %d: ended at %d, want %d", seed, at, end)
	}
	if now := w.Now(); len(now) > 0 {
		t.Errorf("seed %d: %v goes on", seed, texts(now))
	}
}

// BenchmarkCounter counts a row, without slices and with one.
func BenchmarkCounter(b *testing.B) {
	for name, by := range map[string][]string{"all": nil, "slice": {"device"}} {
		b.Run(name, func(b *testing.B) {
			c := health.NewCounter([]string{"clicked", "bought"}, by)
			req := &events.Request{TS: 1e18, Score: 0.25, HasScore: true,
				Features: []events.Field{{Name: "country"}, {Name: "device",
					Value: events.Value{Kind: events.ValueString, Str: "phone"}}}}
			row := &joiner.Row{Item: -1, Cells: []joiner.Cell{{Value: 1, TS: 1e18 + 1e9}, {TS: events.MinTime}}}
			b.ReportAllocs()
			for b.Loop() {
				c.Row(req, row)
			}
		})
	}
}
