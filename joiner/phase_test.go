package joiner_test

import (
	"crypto/sha256"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner"
)

func TestPhaseEdges(t *testing.T) {
	const window, skew, corrections = 10, 3, 5
	r := joiner.Rules{Labels: []joiner.Label{clicks(window, joiner.AggAny), clicks(1, joiner.AggAny)}, ClockSkew: skew, Corrections: corrections}
	memory := events.Time(window + skew)
	for i, c := range []struct {
		w    events.Time // after the request
		want joiner.Phase
	}{
		{-1, joiner.PhaseOpen}, {window, joiner.PhaseOpen}, {window + 1, joiner.PhaseCorrectable}, {window + corrections, joiner.PhaseCorrectable},
		{window + corrections + 1, joiner.PhaseRemembered}, {window + memory, joiner.PhaseRemembered}, {window + memory + 1, joiner.PhaseForgotten},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if got := r.Phase(t0, t0+c.w); got != c.want {
				t.Errorf("%d ns after it a request is %v, want %v", c.w, got, c.want)
			}
		})
	}
}

// anyTime favours the ends of time.
func anyTime() *rapid.Generator[events.Time] {
	return rapid.Custom(func(t *rapid.T) events.Time {
		base := rapid.SampledFrom([]int64{math.MinInt64, 0, int64(t0), math.MaxInt64}).Draw(t, "base")
		return events.Time(base).Add(time.Duration(rapid.Int64Range(-100, 100).Draw(t, "plus")))
	})
}

func anyDuration() *rapid.Generator[time.Duration] {
	return rapid.OneOf(rapid.Just(time.Duration(math.MaxInt64)), rapid.Map(rapid.IntRange(0, 60), func(n int) time.Duration { return time.Duration(n) }))
}

// TestBoundsArePhases holds the bounds that scans use against the phases that
// events are judged by, at the ends of time too.
func TestBoundsArePhases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := joiner.Rules{
			Labels:    []joiner.Label{clicks(anyDuration().Draw(t, "window"), joiner.AggAny)},
			ClockSkew: anyDuration().Draw(t, "skew"), Corrections: anyDuration().Draw(t, "corrections"),
		}
		ts, w := anyTime().Draw(t, "ts"), anyTime().Draw(t, "watermark")
		if ts == events.MinTime || ts == events.MaxTime {
			t.Skip("no timestamp of an event")
		}
		phase := r.Phase(ts, w)
		if closed := ts < r.ClosedThrough(w); w < events.MaxTime && closed != (phase != joiner.PhaseOpen) {
			t.Fatalf("at %v a request at %v is %v, and closed: %v", w, ts, phase, closed)
		}
		if forgotten := ts < r.ForgottenThrough(w); w < events.MaxTime && forgotten != (phase == joiner.PhaseForgotten) {
			t.Fatalf("at %v a request at %v is %v, and forgotten: %v", w, ts, phase, forgotten)
		}
		if w == events.MaxTime && (r.ClosedThrough(w) != w || r.ForgottenThrough(w) != w || r.OrphanedThrough(w) != w) {
			t.Fatal("the end of a log does not end everything")
		}
		if r.OrphanedThrough(w) > r.ForgottenThrough(w) || r.ForgottenThrough(w) > r.ClosedThrough(w) || r.ClosedThrough(w) > w {
			t.Fatalf("the bounds at %v are out of order", w)
		}
		later := max(w, anyTime().Draw(t, "later"))
		if r.Phase(ts, later) < phase && later < events.MaxTime {
			t.Fatalf("a request at %v goes back from %v to %v", ts, phase, r.Phase(ts, later))
		}
	})
}

// TestClock holds the watermark against its definition and never lets it go back.
func TestClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, lateness := joiner.NewClock(), anyDuration().Draw(t, "lateness")
		if c.Watermark(lateness) != events.MinTime {
			t.Fatalf("nothing is seen, and it is %v", c.Watermark(lateness))
		}
		var seen, proven [events.Kinds]events.Time
		for k := range seen {
			seen[k], proven[k] = events.MinTime, events.MinTime
		}
		for range rapid.IntRange(0, 8).Draw(t, "steps") {
			before := c.Watermark(lateness)
			k, ts := events.Kind(rapid.IntRange(0, 1).Draw(t, "kind")), anyTime().Draw(t, "ts")
			if rapid.Bool().Draw(t, "proof") {
				c.MarkRead(k, ts)
				proven[k] = max(proven[k], ts)
			} else {
				c.Observe(k, ts)
				seen[k] = max(seen[k], ts)
			}
			want := events.MaxTime
			for k := range seen {
				want = min(want, max(seen[k].Add(-lateness), proven[k]))
			}
			if now := c.Watermark(lateness); now < before || now != want {
				t.Fatalf("the watermark goes from %v to %v, want %v", before, now, want)
			}
		}
	})
}

func piece(ts events.Time, bytes string, items ...string) joiner.Piece {
	req := *request(items...)
	req.TS, req.Model = ts, bytes
	return joiner.Piece{Request: req, Hash: sha256.Sum256([]byte(bytes))}
}

func TestAssemble(t *testing.T) {
	early, late := piece(t0, "", "b", "a"), piece(t0+1, "m", "a", "c")
	early.Request.Features = []events.Field{{Name: "f", Value: events.Value{Kind: events.ValueInt, Int: 1}}}
	late.Request.Features = []events.Field{{Name: "g"}, {Name: "f"}}
	late.Request.Score, late.Request.HasScore = 0.5, true
	for _, merge := range []bool{false, true} {
		for _, order := range [][]joiner.Piece{{early, late}, {late, early}} {
			r := joiner.Rules{Merge: merge}
			got := r.Assemble(order)
			items := ""
			for _, i := range got.Items {
				items += i.ID
			}
			switch {
			case got.TS != t0 || got.Features[0].Value.Int != 1:
				t.Errorf("merge %v: the smallest piece does not lead: %+v", merge, got)
			case !merge && (items != "ba" || got.Model != "" || got.HasScore || len(got.Features) != 1):
				t.Errorf("the smallest piece is not alone: %+v", got)
			case merge && (items != "bac" || got.Model != "m" || !got.HasScore || len(got.Features) != 2 || got.Features[1].Name != "g"):
				t.Errorf("merged they are %+v", got)
			}
		}
	}
	if len(early.Request.Items) != 2 || len(early.Request.Features) != 1 {
		t.Error("merging changed a piece")
	}
	tie := (&joiner.Rules{}).Assemble([]joiner.Piece{piece(t0, "x"), piece(t0, "y")}).Model
	x, y := sha256.Sum256([]byte("x")), sha256.Sum256([]byte("y"))
	if want := map[bool]string{true: "x", false: "y"}[string(x[:]) < string(y[:])]; tie != want {
		t.Errorf("of two at the same time it is %s, want the smaller hash, %s", tie, want)
	}
}

func TestSamplingIsAShare(t *testing.T) {
	for _, rate := range []float64{0.01, 0.5, 0.9} {
		rules := joiner.Rules{Labels: []joiner.Label{clicks(time.Minute, joiner.AggAny)}, SampleRate: rate}
		kept := 0
		const n = 20_000
		for i := range n {
			req := events.Request{ID: time.Duration(i).String(), TS: t0}
			d, _ := decide(&rules, &req)
			row := d.Rows(events.MaxTime, joiner.ReasonClosed)[0]
			if row.LeftOut == joiner.LeftOutNo {
				kept++
				if row.Weight != 1/rate {
					t.Fatalf("weight %v, want %v", row.Weight, 1/rate)
				}
			}
		}
		if share, tolerance := float64(kept)/n, 5*math.Sqrt(rate*(1-rate)/n); math.Abs(share-rate) > tolerance {
			t.Errorf("of the negatives %v are kept, want %v", share, rate)
		}
		d, _ := decide(&rules, request(), click("o", 1, ""))
		if row := d.Rows(events.MaxTime, joiner.ReasonClosed)[0]; row.LeftOut != joiner.LeftOutNo || row.Weight != 1 {
			t.Errorf("a positive is sampled: %+v", row)
		}
	}
}

func TestNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for d := range joiner.Disposition(joiner.Dispositions) {
		if name := d.String(); name == "" || seen[name] {
			t.Errorf("disposition %d is called %q", d, name)
		}
		seen[d.String()] = true
	}
	if joiner.DispositionLost+1 != joiner.Dispositions {
		t.Errorf("%d dispositions are counted, there are %d", joiner.Dispositions, joiner.DispositionLost+1)
	}
}
