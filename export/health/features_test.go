package health_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/joiner"
)

// featureDays is how many days of features are simulated, and featureFault the hour in which a fault begins.
const (
	featureDays  = 6
	featureFault = 4*24 + 9
)

// featureHour are the counts of the rows of one hour: requests with two items each, and features that go
// up and down with the hour.
func featureHour(t *testing.T, rng *rand.Rand, at int, fault func(r *events.Request)) *health.Counter {
	t.Helper()
	labels := []string{"clicked"}
	layout, err := rowfile.NewLayout(rowfile.Config{Labels: []joiner.Label{{Name: labels[0]}}})
	if err != nil {
		t.Fatal(err)
	}
	b := layout.NewTable(nil).NewBuilder()
	c := health.NewCounter(labels, nil)
	c.Features = true
	for i := range 150 + 5*(at%24) {
		ts := events.Time(int64(at)*int64(time.Hour) + int64(i)*int64(time.Second))
		text := func(s string) events.Value { return events.Value{Kind: events.ValueString, Str: s} }
		number := func(x float64) events.Value { return events.Value{Kind: events.ValueDouble, Float: x} }
		r := &events.Request{ID: fmt.Sprint(at, "-", i), TS: ts, ModelVersion: "v1", Features: []events.Field{
			{Name: "age", Value: number(30 + 10*rng.NormFloat64())},
			{Name: "device", Value: text([]string{"phone", "phone", "tablet", "tv"}[rng.IntN(4)])},
			{Name: "latency", Value: number(math.Exp(0.3*rng.NormFloat64()) * (1 + float64(at%24)/24))},
			{Name: "day", Value: text(fmt.Sprint("day ", at/24))}, // another one every day
			{Name: "session", Value: text(fmt.Sprint(rng.Uint64()))},
		}, Items: []events.Item{{ID: "a"}, {ID: "b"}}}
		if at >= featureFault {
			fault(r)
		}
		for k := range r.Items {
			row := &joiner.Row{Item: k, Weight: 1, Cells: []joiner.Cell{{TS: events.MinTime}}}
			if _, err := b.Add(r, row); err != nil {
				t.Fatal(err)
			}
			c.Row(r, row)
		}
	}
	b.Finish()
	c.File(b)
	return c
}

// TestChangedFeaturesAreFound has a fault begin at an hour: the alarm about the feature is there when that
// hour ends, says what it is, and is the only one.
func TestChangedFeaturesAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		fault         func(r *events.Request)
		feature, says string // empty: no alarm
	}{
		"quiet": {func(*events.Request) {}, "", ""},
		"another unit": {func(r *events.Request) { r.Features[2].Value.Float *= 1000 }, "latency",
			"about 1000 times as large"},
		"a lost feature": {func(r *events.Request) { r.Features[0].Value = events.Value{} }, "age", "missing in 100"},
		"a renamed text": {func(r *events.Request) { r.Features[1].Value.Str = strings.ToUpper(r.Features[1].Value.Str) },
			"device", "divergence 1.00"},
		"a model that goes": {func(r *events.Request) { r.ModelVersion = "v2" }, "model_version", "divergence 1.00"},
	} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			rng := rand.New(rand.NewPCG(seed, 0))
			w := health.NewWatch([]string{"clicked"}, nil)
			w.Begin(0)
			for at := range featureDays * 24 {
				data, err := featureHour(t, rng, at, c.fault).Statistics(&joiner.Cut{})
				if err != nil {
					t.Fatal(err)
				}
				counts, by, err := health.Decode(data)
				if err != nil {
					t.Fatal(err)
				}
				w.Add(counts, by)
				raised := slices.DeleteFunc(w.Through(health.Hour(at+1)), func(c health.Change) bool { return c.Ended })
				switch {
				case at == featureFault && c.feature != "":
					if len(raised) != 1 || raised[0].Kind != health.KindFeature || raised[0].Feature != c.feature ||
						!strings.Contains(raised[0].Text(), c.says) {
						t.Fatalf("seed %d: the alarms of the hour are %+v, want one about %s that says %q", seed, raised, c.feature,
							c.says)
					}
				case len(raised) > 0:
					t.Fatalf("seed %d: hour %d: %s", seed, at, raised[0].Text())
				}
			}
		})
	}
}
