package deadletter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/events/mapping"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// judge says what would become of a dead letter if it were published now.
type judge struct {
	cfg       *config.Config
	feeds     []engine.Feed
	decoders  [events.Kinds]jsonevent.Decoder
	rules     joiner.Rules
	watermark events.Time // of the newest commit
	now       events.Time
}

func newJudge(cfg *config.Config, watermark, now events.Time) (*judge, error) {
	options, feeds, err := wire.Reading(cfg)
	if err != nil {
		return nil, err
	}
	return &judge{cfg: cfg, feeds: feeds, decoders: options.Decoders, rules: options.Rules, watermark: watermark,
		now: now}, nil
}

// The fates of a dead letter, if it were published now.
const (
	fateJoins   = "joins"   // it comes in time
	fateCorrect = "correct" // it comes late, and rows that it changes are written again
	fateBeyond  = "beyond"  // it can be read, and is too late to change a row of the live output
	fateRefused = "refused" // it would be a dead letter again
)

// fate is what would become of a dead letter.
type fate struct {
	Fate   string `json:"fate"`
	Reason string `json:"reason,omitempty"` // why it would be refused: a code
	Detail string `json:"detail"`           // in words
}

// of judges a letter.
func (j *judge) of(l *export.Letter) fate {
	input := j.input(l)
	if input < 0 {
		return fate{fateRefused, "no_input", "no input of the configuration reads its subject any more"}
	}
	codec := j.feeds[input].Codec
	if codec == nil {
		return j.event(l.Kind, l.Data)
	}
	m := events.Message{Kind: l.Kind, Seq: max(1, l.Origin.Seq), Stored: j.now, Subject: l.Subject, Data: l.Data,
		Envelope: &events.Envelope{Subject: l.Subject, Header: headerOf(l)}}
	var worst fate
	codec.Decode(&m, func(_ uint32, d events.Decoded) bool {
		one := fate{}
		if d.Reject != nil {
			one = fate{fateRefused, d.Reject.Reason, d.Reject.Detail}
		} else {
			one = j.event(d.Kind, d.Data)
		}
		if worst.Fate == "" || rank(one.Fate) > rank(worst.Fate) {
			worst = one
		}
		return worst.Fate != fateRefused
	})
	if worst.Fate == "" {
		return fate{fateRefused, "nothing", "the mapping makes no event of it"}
	}
	return worst
}

// contentOf is what a letter says: its data, or what that is when it is decompressed as its
// header says. Letters of records that were decompressed already have the header too.
func contentOf(l *export.Letter) (data []byte, compressed bool) {
	for name, values := range l.Header {
		if !strings.EqualFold(name, "Content-Encoding") || len(values) == 0 {
			continue
		}
		coding := strings.ToLower(strings.TrimSpace(values[0]))
		if out, err := mapping.Unpack(l.Data, coding); err == nil {
			return out, true
		}
	}
	return l.Data, false
}

// headerOf are the headers of a letter as they fit its data.
func headerOf(l *export.Letter) map[string][]string {
	header := map[string][]string{}
	_, compressed := contentOf(l)
	for name, values := range l.Header {
		if compressed || !strings.EqualFold(name, "Content-Encoding") {
			header[name] = values
		}
	}
	return header
}

// rank orders fates from good to bad.
func rank(name string) int {
	return map[string]int{fateJoins: 0, fateCorrect: 1, fateBeyond: 2, fateRefused: 3}[name]
}

// event judges an event in labeljoin's own format.
func (j *judge) event(kind events.Kind, data []byte) fate {
	ts, heartbeat, err := j.decoders[kind].Stamp(kind, data)
	if err != nil {
		if reject, ok := errors.AsType[*events.RejectError](err); ok {
			return fate{fateRefused, reject.Reason, reject.Detail}
		}
		return fate{fateRefused, events.ReasonNotJSON, err.Error()}
	}
	join := &j.cfg.Join
	switch {
	case ts > j.now.Add(join.MaxFuture.Std()):
		return fate{fateRefused, events.ReasonMaxFuture, fmt.Sprintf("it is stamped %s, more than %s after now", ts,
			join.MaxFuture)}
	case ts < j.now.Add(-join.MaxAge.Std()):
		return fate{fateRefused, events.ReasonMaxAge,
			fmt.Sprintf("it is stamped %s, more than %s before now: only a replay can use it",
				ts, join.MaxAge)}
	case heartbeat:
		return fate{fateJoins, "", "it is a heartbeat"}
	case kind == events.KindRequest:
		return j.request(ts)
	}
	return j.outcome(ts)
}

func (j *judge) request(ts events.Time) fate {
	switch j.rules.Phase(ts, j.watermark) {
	case joiner.PhaseOpen:
		return fate{fateJoins, "", "its request is still open"}
	case joiner.PhaseCorrectable, joiner.PhaseRemembered:
		return fate{fateCorrect, "", "its request should have closed: its rows get the reason late_request"}
	}
	return fate{fateBeyond, "", "its request is forgotten: it would be expired, and only a replay can use it"}
}

// outcome judges by the youngest request that the outcome can belong to.
func (j *judge) outcome(ts events.Time) fate {
	switch j.rules.Phase(ts.Add(j.rules.ClockSkew), j.watermark) {
	case joiner.PhaseOpen:
		return fate{fateJoins, "", "its request may still be open; if it has closed, its rows are corrected"}
	case joiner.PhaseCorrectable:
		return fate{fateCorrect, "",
			"its request has closed: it corrects rows if that is not longer ago than join.corrections"}
	}
	return fate{fateBeyond, "",
		"its request closed longer ago than join.corrections: it would be late, and only a replay can use it"}
}

// input is the place of the input that reads a letter's subject; -1 if none does. Letters of
// versions before have no subject: their kind tells, where one input has it.
func (j *judge) input(l *export.Letter) int {
	found := -1
	for i := range j.cfg.Inputs.List {
		in := &j.cfg.Inputs.List[i]
		if l.Subject != "" {
			if in.Reads(l.Subject) {
				return i
			}
			continue
		}
		if in.Brings(l.Kind.String()) {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// nameOf is the name of a letter's input; that of its stream if it is not known.
func (j *judge) nameOf(l *export.Letter) string {
	if i := j.input(l); i >= 0 {
		return j.cfg.Inputs.List[i].Name
	}
	return l.Input
}
