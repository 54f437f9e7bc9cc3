package verify

import (
	"fmt"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
)

// lateRules are a window of 30 minutes and corrections of an hour.
func lateRules() *joiner.Rules {
	return &joiner.Rules{Labels: []joiner.Label{{Name: "clicked", Window: 30 * time.Minute}}, Corrections: time.Hour}
}

// lateCut is a commit that has read up to a message and a part of it, of two
// streams, with its watermark.
func lateCut(requests, outcomes uint64, skip uint32, watermark events.Time) *joiner.Cut {
	cut := &joiner.Cut{Progress: joiner.Progress{Clock: joiner.NewClock(), Inputs: []events.Position{{Next: requests}, {Next: outcomes, Skip: skip}}}}
	for k := range cut.Progress.Clock.ReadThrough {
		cut.Progress.Clock.ReadThrough[k] = watermark
	}
	cut.Progress.Guard.Released = watermark
	return cut
}

// Only a request of which an event met a watermark beyond its corrections is
// excused, however many events of other requests came late.
func TestWhichRowsMayDiffer(t *testing.T) {
	at := func(minutes int) events.Time {
		return events.Time(int64(minutes) * int64(time.Minute)).Add(1_000_000 * time.Hour)
	}
	event := func(kind events.Kind, id string, minutes int) []byte {
		of := ""
		if kind == events.KindOutcome {
			of = `, "type": "click"`
		}
		return fmt.Appendf(nil, `{"request_id": %q, "ts": %q%s}`, id, at(minutes), of)
	}
	for name, c := range map[string]struct {
		kind events.Kind
		seq  uint64
		data []byte
		want bool // that the request r, stamped 0, is excused
	}{
		"an outcome in time":                      {events.KindOutcome, 5, event(events.KindOutcome, "r", 10), false},
		"an outcome that corrects":                {events.KindOutcome, 15, event(events.KindOutcome, "r", 10), false},
		"an outcome beyond corrections":           {events.KindOutcome, 25, event(events.KindOutcome, "r", 10), true},
		"of another request":                      {events.KindOutcome, 25, event(events.KindOutcome, "q", 10), false},
		"a copy in time":                          {events.KindRequest, 5, event(events.KindRequest, "r", 0), false},
		"a copy that corrects":                    {events.KindRequest, 15, event(events.KindRequest, "r", 0), false},
		"a copy beyond corrections":               {events.KindRequest, 25, event(events.KindRequest, "r", 0), true},
		"a heartbeat":                             {events.KindOutcome, 25, fmt.Appendf(nil, `{"heartbeat": %q}`, at(0)), false},
		"not JSON":                                {events.KindOutcome, 25, []byte("{"), false},
		"several events of a message, one late":   {events.KindOutcome, 25, append(append(event(events.KindOutcome, "q", 100), '\n'), event(events.KindOutcome, "r", 10)...), true},
		"the part of a message that was read":     {events.KindOutcome, 20, append(append(event(events.KindOutcome, "r", 10), '\n'), event(events.KindOutcome, "q", 10)...), false},
		"the part of it that the next commit has": {events.KindOutcome, 20, append(append(event(events.KindOutcome, "q", 10), '\n'), event(events.KindOutcome, "r", 10)...), true},
		"beyond all commits":                      {events.KindOutcome, 99, event(events.KindOutcome, "r", 10), true},
	} {
		t.Run(name, func(t *testing.T) {
			var decoders [events.Kinds]jsonevent.Decoder
			l := newLateness(lateRules(), &decoders, 2)
			l.Add(lateCut(10, 10, 0, at(20)), 0, false)
			l.Add(lateCut(20, 20, 1, at(90)), 0, false)  // exactly the close and corrections of a request at 0
			l.Add(lateCut(30, 30, 0, at(180)), 0, false) // long after
			l.see(int(c.kind), nil, &events.Message{Kind: c.kind, Seq: c.seq, Data: c.data})
			if got := l.excuse(export.RequestHash("r"), at(0)); got != c.want {
				t.Errorf("excused: %v", got)
			}
			if l.excuse(export.RequestHash("r"), at(200)) && c.seq != 99 {
				t.Error("a later use of the id is excused")
			}
		})
	}
}

// What came after the close while another configuration ran may not have counted, however
// long the corrections are now.
func TestWhichRowsMayDifferByAnotherConfiguration(t *testing.T) {
	at := func(minutes int) events.Time {
		return events.Time(int64(minutes) * int64(time.Minute)).Add(1_000_000 * time.Hour)
	}
	outcome := fmt.Appendf(nil, `{"request_id": "r", "type": "click", "ts": %q}`, at(10))
	request := fmt.Appendf(nil, `{"request_id": "r", "ts": %q}`, at(0))
	for name, c := range map[string]struct {
		seq     uint64
		outcome bool // else it is a request
		want    bool // that the request r, stamped 0, is excused
	}{
		"an outcome before the close":          {5, true, false},
		"a copy before the close":              {5, false, false},
		"an outcome after it":                  {15, true, true},
		"a copy after it":                      {15, false, true},
		"an outcome when all is as before":     {25, true, false},
		"a copy when all is as before":         {25, false, false},
		"beyond the corrections of before too": {35, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			var decoders [events.Kinds]jsonevent.Decoder
			l := newLateness(lateRules(), &decoders, 2)
			l.Add(lateCut(10, 10, 0, at(30)), 0, true)
			l.Add(lateCut(20, 20, 0, at(60)), 0, true)
			l.Add(lateCut(30, 30, 0, at(60)), 0, false)
			l.Add(lateCut(40, 40, 0, at(180)), 0, false)
			m := &events.Message{Kind: events.KindRequest, Seq: c.seq, Data: request}
			if c.outcome {
				m.Kind, m.Data = events.KindOutcome, outcome
			}
			l.see(int(m.Kind), nil, m)
			if got := l.excuse(export.RequestHash("r"), at(0)); got != c.want {
				t.Errorf("excused: %v", got)
			}
		})
	}
}

// A commit that went on in another stream, as a person decided, or elsewhere in this
// one, ends what can be read again. A stream that was restored does not.
func TestWhereTheLogCanBeReadAgain(t *testing.T) {
	for name, c := range map[string]struct {
		from, to events.Position
		gap      *events.LogGap
		want     bool
	}{
		"on":                {events.Position{Input: "S", Created: 1, Next: 5}, events.Position{Input: "S", Created: 1, Next: 9}, nil, false},
		"restored":          {events.Position{Input: "S", Created: 1, Next: 5}, events.Position{Input: "S", Created: 2, Next: 9}, nil, false},
		"another stream":    {events.Position{Input: "S", Created: 1, Next: 5}, events.Position{Input: "S", Created: 2, Next: 9}, &events.LogGap{Input: "S", Created: 2, From: 1, Next: 1}, true},
		"back":              {events.Position{Input: "S", Created: 1, Next: 5}, events.Position{Input: "S", Created: 1, Next: 2}, nil, true},
		"a hole":            {events.Position{Input: "S", Created: 1, Next: 5}, events.Position{Input: "S", Created: 1, Next: 9}, &events.LogGap{Input: "S", Created: 1, From: 5, Next: 7}, false},
		"anew":              {events.Position{Input: "S", Created: 1, Next: 5}, events.Position{Input: "S", Created: 1, Next: 9}, &events.LogGap{Input: "S", Created: 1, From: 5, Next: 7, Anew: true}, true},
		"anew, of long ago": {events.Position{Input: "S", Created: 1, Next: 8}, events.Position{Input: "S", Created: 1, Next: 9}, &events.LogGap{Input: "S", Created: 1, From: 5, Next: 7, Anew: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cut := &joiner.Cut{From: []events.Position{c.from}, Progress: joiner.Progress{Inputs: []events.Position{c.to}}}
			if c.gap != nil {
				cut.Progress.Gaps = []events.Gap{{ID: 1, Log: c.gap}}
			}
			if got := leapt(cut); got != c.want {
				t.Errorf("leapt: %v", got)
			}
		})
	}
}
