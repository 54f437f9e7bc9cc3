// Package trial shows what an expression says of events, and why.
package trial

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jsonevent"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// Options say what is tried on what.
type Options struct {
	Expression string
	Outcomes   []byte    // one event or several, as in a message
	Request    []byte    // the request of all of them; empty: one that says nothing
	Item       string    // whose row it is; empty: that of each outcome's own item, or the first
	JSON       bool      // one object a line, for programs
	Notes      io.Writer // is told what is missing
}

// Told is what is said of one outcome.
type Told struct {
	Event int         `json:"event"` // from 1
	Whole rule.Said   `json:"expression"`
	Parts []rule.Said `json:"parts,omitempty"` // those joined by and, each by itself
	Names []rule.Said `json:"names,omitempty"` // that it looks at
	Wrong string      `json:"rejected,omitempty"`

	heartbeat bool // which is no outcome, and as it should be
}

// AnomaliesError says that the expression was tried, and does not count for some events
// though it should say something of each.
type AnomaliesError struct{ Events, Rejected, Faulty int }

// Error implements error.
func (e *AnomaliesError) Error() string {
	return fmt.Sprintf("%s tried: %d rejected, %d without a result that counts", terminal.Count(e.Events, "event"),
		e.Rejected, e.Faulty)
}

// Anomalies reports that the command did its work, and events are not as they should be.
func (e *AnomaliesError) Anomalies() bool { return true }

// Write tries the expression on each outcome. The error is an *AnomaliesError if there are
// events that are no outcomes, or outcomes that it says nothing of.
func Write(w io.Writer, o *Options) error {
	trial, err := rule.Try(o.Expression)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(o.Outcomes)) == 0 {
		return &terminal.UsageError{Err: errors.New("there is no event to try the expression on")}
	}
	var d jsonevent.Decoder
	req := events.Request{}
	if len(o.Request) > 0 {
		if req, err = d.DecodeRequest(o.Request); err != nil {
			return &terminal.UsageError{Err: fmt.Errorf("the request is none: %w", err)}
		}
	} else if trial.Row && o.Item == "" {
		fmt.Fprintln(o.Notes, "there is no request, so all of it is missing: give one with --request FILE")
	}
	at := slices.IndexFunc(req.Items, func(i events.Item) bool { return i.ID == o.Item })
	if o.Item != "" && at < 0 {
		return &terminal.UsageError{Err: fmt.Errorf("the request lists no item %q", o.Item)}
	}
	var found AnomaliesError
	for _, data := range d.Split(o.Outcomes) {
		found.Events++
		told := tell(trial, found.Events, data, &req, at)
		switch {
		case told.heartbeat:
		case told.Wrong != "":
			found.Rejected++
		case !counts(&told.Whole):
			found.Faulty++
		}
		if err := write(w, o, told, data); err != nil {
			return err
		}
	}
	if found.Rejected+found.Faulty > 0 {
		return &found
	}
	return nil
}

// tell tries the expression on one outcome.
func tell(trial *rule.Trial, n int, data []byte, req *events.Request, item int) Told {
	var d jsonevent.Decoder
	out, info, err := d.DecodeOutcome(data)
	switch {
	case err != nil:
		return Told{Event: n, Wrong: err.Error()}
	case info.Heartbeat:
		return Told{Event: n, Wrong: "it is a heartbeat", heartbeat: true}
	}
	if own := slices.IndexFunc(req.Items, func(i events.Item) bool { return i.ID == out.ItemID }); item < 0 && own >= 0 {
		item = own
	} else if item < 0 && len(req.Items) > 0 && out.ItemID == "" {
		item = 0
	}
	t := Told{Event: n}
	t.Whole, t.Parts, t.Names = trial.Of(&out, req, item)
	return t
}

func write(w io.Writer, o *Options, t Told, data []byte) error {
	if o.JSON {
		return json.NewEncoder(w).Encode(t)
	}
	if t.Wrong != "" {
		_, err := fmt.Fprintf(w, "event %d is no outcome: %s\n  %.200s\n", t.Event, t.Wrong, data)
		return err
	}
	fmt.Fprintf(w, "event %d: %s\n", t.Event, inWords(&t.Whole))
	for i := range t.Parts {
		fmt.Fprintf(w, "  %-40s  %s\n", t.Parts[i].Source, inWords(&t.Parts[i]))
	}
	for i := range t.Names {
		name := &t.Names[i]
		text := "is " + name.Result
		if name.Fault != "" {
			text = "cannot be looked at: " + name.Fault
		} else if name.Kind != name.Result {
			text += ", a " + name.Kind
		}
		fmt.Fprintf(w, "  %s %s\n", name.Source, text)
	}
	return nil
}

// counts reports whether a label can take what is said: a truth, or a number.
func counts(s *rule.Said) bool {
	return s.Fault == "" && (s.Result == "true" || s.Result == "false" || s.Kind == "number")
}

// inWords is what is said, in words.
func inWords(s *rule.Said) string {
	switch {
	case s.Fault != "":
		return "cannot be evaluated, so it does not count: " + s.Fault
	case s.Result == "true":
		return "yes"
	case s.Result == "false":
		return "no"
	case counts(s):
		return s.Result
	}
	return fmt.Sprintf("neither true nor false nor a number, so it does not count: it is %s", s.Result)
}
