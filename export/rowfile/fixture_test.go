package rowfile

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

// sample is a row with its request.
type sample struct {
	req events.Request
	row joiner.Row
}

var testLabels = []joiner.Label{
	{Name: "clicked", Agg: joiner.AggAny}, {Name: "revenue", Agg: joiner.AggSum}, {Name: "n", Agg: joiner.AggCount},
}

// samples makes n rows of random shapes. kindsOf gives each feature the kinds
// of values it may have, so that many columns are homogeneous.
func samples(rng *rand.Rand, n int) []sample {
	kindsOf := map[string][]events.ValueKind{}
	for _, prefix := range []string{"f", "item"} {
		for i := range 8 {
			var ks []events.ValueKind
			for range 1 + rng.IntN(3) {
				ks = append(ks, events.ValueKind(rng.IntN(int(events.ValueJSON)+1)))
			}
			kindsOf[fmt.Sprint(prefix, i)] = ks
		}
	}
	base := rng.Int64N(4e18) - 2e18
	out := make([]sample, n)
	for i := range out {
		s := &out[i]
		s.req = events.Request{ID: fmt.Sprintf("r%d", i), TS: events.Time(base + rng.Int64N(1e12)), Features: fields(rng, "f", kindsOf)}
		if rng.IntN(2) == 0 {
			s.req.Model, s.req.ModelVersion, s.req.UserID = "m", fmt.Sprint("v", rng.IntN(3)), fmt.Sprint("u", rng.IntN(100))
		}
		s.req.HasScore, s.req.Score = rng.IntN(2) == 0, rng.NormFloat64()
		s.row = joiner.Row{Item: -1, Weight: rng.Float64(), Revision: uint32(rng.IntN(3)), Reason: joiner.Reason(rng.IntN(6))}
		if rng.IntN(3) > 0 {
			s.row.Item = rng.IntN(3)
			for j := range 3 {
				s.req.Items = append(s.req.Items, events.Item{
					ID: fmt.Sprint("i", j), Position: rng.Int64(), HasPosition: rng.IntN(2) == 0,
					Score: rng.Float64(), HasScore: rng.IntN(2) == 0, Features: fields(rng, "item", kindsOf),
				})
			}
		}
		for range testLabels {
			c := joiner.Cell{Null: rng.IntN(4) == 0, Value: float64(rng.IntN(5)), TS: events.MinTime}
			if rng.IntN(2) == 0 {
				c.TS = s.req.TS.Add(1)
			}
			s.row.Cells = append(s.row.Cells, c)
		}
	}
	return out
}

func fields(rng *rand.Rand, prefix string, kindsOf map[string][]events.ValueKind) []events.Field {
	var out []events.Field
	for _, i := range rng.Perm(8) {
		if rng.IntN(4) == 0 {
			continue
		}
		name := fmt.Sprint(prefix, i)
		ks := kindsOf[name]
		out = append(out, events.Field{Name: name, Value: value(rng, ks[rng.IntN(len(ks))])})
	}
	return out
}

func value(rng *rand.Rand, k events.ValueKind) events.Value {
	v := events.Value{Kind: k}
	switch k {
	case events.ValueBool:
		v.Int = int64(rng.IntN(2))
	case events.ValueInt:
		v.Int = []int64{0, 1, -1, math.MaxInt64, math.MinInt64, rng.Int64()}[rng.IntN(6)]
	case events.ValueDouble:
		v.Float = []float64{0, math.Copysign(0, -1), 1.5, -1e300, 1e-9, 3, rng.NormFloat64()}[rng.IntN(7)]
	case events.ValueString:
		v.Str = []string{"", "a", "x\"y\\\n", "é\u2028<&>", "null", "12", fmt.Sprint(rng.Int())}[rng.IntN(7)]
	case events.ValueJSON:
		v.Str = []string{`[{"a":1}]`, `[[1,2],[3]]`}[rng.IntN(2)]
	case events.ValueList:
		element := events.ValueKind(rng.IntN(int(events.ValueString) + 1))
		for range rng.IntN(4) {
			if rng.IntN(5) == 0 {
				element = events.ValueKind(rng.IntN(int(events.ValueString) + 1))
			}
			v.List = append(v.List, value(rng, element))
		}
	}
	return v
}
