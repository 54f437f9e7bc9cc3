package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/monitor"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// describer puts what is known of a request into words.
type describer struct {
	cfg    *config.Config
	rules  *joiner.Rules
	report *engine.RequestReport
	rows   []export.Row
	began  []events.Position // where reading began
}

var phaseNames = map[joiner.Phase]string{
	joiner.PhaseOpen: "open", joiner.PhaseCorrectable: "correctable", joiner.PhaseRemembered: "remembered", joiner.PhaseForgotten: "forgotten",
}

func (t *describer) describe() *Explanation {
	s := t.report
	x := &Explanation{
		RequestID: s.ID, Outcomes: []outcomeDescription{}, Labels: []labelDescription{}, Written: []rowDescription{}, Answers: []string{},
		Watermark: watermarkDescription{
			Joiner: s.Stats.Watermark.String(), Request: s.Stats.Sources[events.KindRequest].String(), Outcome: s.Stats.Sources[events.KindOutcome].String(),
		},
	}
	for i := range t.rules.Labels {
		x.names = append(x.names, t.rules.Labels[i].Name)
	}
	t.describeOutcomes(x)
	t.describeRows(x)
	switch {
	case s.Known:
		x.Standing = phaseNames[s.Phase]
		t.describeRequest(x)
		t.describeLabels(x)
	case len(t.rows) > 0:
		x.Standing = "forgotten"
		t.describeForgotten(x)
	case len(s.Outcomes) > 0:
		x.Standing = "waiting"
		x.Answers = append(x.Answers, fmt.Sprintf("no request %q has come; %s for it.", s.ID,
			plural(len(s.Outcomes), "outcome waits")))
	default:
		x.Standing = standingUnknown
		t.describeUnknown(x)
	}
	return x
}

func (t *describer) describeOutcomes(x *Explanation) {
	for i := range t.report.Outcomes {
		h := &t.report.Outcomes[i]
		o := outcomeDescription{
			eventDescription: cameOf(&h.EventRef), Type: h.Outcome.Type, OutcomeID: h.Outcome.ID, ItemID: h.Outcome.ItemID, Fate: h.Disposition,
			Faults: h.Faults, Given: h.Given, Share: h.Outcome.Share,
		}
		if h.Outcome.HasValue {
			o.Value = &h.Outcome.Value
		}
		if t.report.Known {
			o.After = after(h.Outcome.TS.Sub(t.report.Request.TS))
		}
		x.Outcomes = append(x.Outcomes, o)
	}
}

// after says how long after its request something was.
func after(d time.Duration) string {
	if d < 0 {
		return fmt.Sprint(-d, " before the request")
	}
	return fmt.Sprint(d, " after the request")
}

func cameOf(c *engine.EventRef) eventDescription {
	return eventDescription{Stream: c.Input, Sequence: c.Origin.Seq, Event: c.Origin.Index, TS: c.TS.String()}
}

func (t *describer) describeRows(x *Explanation) {
	for i := range t.rows {
		r := &t.rows[i]
		row := rowDescription{
			Commit: r.Commit.Cut.Number, File: r.Path, Row: r.Row, ItemID: r.ItemID, Revision: r.Revision, Reason: r.Reason,
			Labels: map[string]*float64{}, Watermark: r.Commit.Cut.Progress.Watermark(t.rules.Lateness).String(),
		}
		for j := range t.rules.Labels {
			row.Labels[t.rules.Labels[j].Name] = valueOf(&r.Labels[j])
		}
		x.Written = append(x.Written, row)
	}
}

func valueOf(c *joiner.Cell) *float64 {
	if c.Null {
		return nil
	}
	return &c.Value
}

func (t *describer) describeRequest(x *Explanation) {
	s := t.report
	x.Request = &requestDescription{TS: s.Request.TS.String(), Late: s.Late, Copies: s.Copies, Closes: s.Closes.String(),
		Pieces: []eventDescription{}}
	for i := range s.Pieces {
		x.Request.Pieces = append(x.Request.Pieces, cameOf(&s.Pieces[i]))
	}
	if s.Phase == joiner.PhaseOpen {
		x.Answers = append(x.Answers, t.pending())
	}
}

// pending says what an open request waits for.
func (t *describer) pending() string {
	s := t.report
	text := fmt.Sprintf("the request is open: it closes when the watermark passes %s; it is at %s", s.Closes,
		s.Stats.Watermark)
	switch w, g := s.Stats.Watermark, &s.Stats.Progress.Guard; {
	case g.Held.On():
		h := monitor.GuardStatusOf(g)
		text += ", and held there: " + h.String()
	case w < min(s.Stats.Sources[events.KindRequest], s.Stats.Sources[events.KindOutcome]):
		text += ", waiting for evidence that outcomes are still coming"
	case s.Stats.Sources[events.KindOutcome] <= s.Stats.Sources[events.KindRequest]:
		text += ", which is how far the outcomes are known"
	default:
		text += ", which is how far the requests are known"
	}
	return text + "."
}

func (t *describer) describeLabels(x *Explanation) {
	for i := range t.report.Rows {
		row := &t.report.Rows[i]
		item := ""
		if row.Item >= 0 {
			item = t.report.Request.Items[row.Item].ID
		}
		if left := t.leftOut(row, item); left != "" {
			x.Answers = append(x.Answers, left)
		}
		for j := range t.rules.Labels {
			l := labelDescription{ItemID: item, Label: t.rules.Labels[j].Name, Rule: t.cfg.Labels[j].Says(),
				Value: valueOf(&row.Cells[j])}
			l.Why = t.why(i, j) + t.kept(row, j) + t.provisional(row, item, j) + t.former(row, item, j)
			if t.open(row, j) {
				l.Value = nil
			}
			x.Labels = append(x.Labels, l)
			x.Answers = append(x.Answers, subject(item)+l.Label+" "+l.Why)
		}
	}
}

// kept tells what the columns of a label hold.
func (t *describer) kept(row *joiner.Row, label int) string {
	l := &t.rules.Labels[label]
	values, kept := t.extraOf(row, label), l.Kept()
	if values == nil {
		return ""
	}
	values = values[len(l.Columns)-len(kept):]
	var list []string
	for i, c := range kept {
		switch v := &values[i]; v.Kind {
		case events.ValueDouble:
			list = append(list, fmt.Sprintf("%s is %v", c.Name, v.Float))
		case events.ValueBool:
			list = append(list, fmt.Sprintf("%s is %v", c.Name, v.Int != 0))
		case events.ValueString:
			list = append(list, fmt.Sprintf("%s is %q", c.Name, v.Str))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return " Of that outcome " + strings.Join(list, ", ") + "."
}

func subject(item string) string {
	if item == "" {
		return ""
	}
	return fmt.Sprintf("item %q: ", item)
}

// open reports whether a label may still become something else in the ordinary
// course of things.
func (t *describer) open(row *joiner.Row, label int) bool {
	l := &t.rules.Labels[label]
	certain := t.rules.SameID == joiner.SameFirst && l.Until == nil && l.Agg == joiner.AggAny &&
		row.Cells[label].Value == 1 &&
		!row.Cells[label].Null
	ended := t.report.Stats.Watermark > t.report.Request.TS.Add(l.Window)
	return t.report.Phase == joiner.PhaseOpen && !certain && !ended
}

func (t *describer) leftOut(row *joiner.Row, item string) string {
	switch row.LeftOut {
	case joiner.LeftOutUnseen:
		return fmt.Sprintf("%sno row: the policy for negatives (%s) leaves it out.", subject(item), t.cfg.Join.Negatives)
	case joiner.LeftOutSampled:
		return fmt.Sprintf("%sno row: it is a negative, and sampling left this request's out.", subject(item))
	}
	return ""
}

// why says in a sentence why a label is what it is.
func (t *describer) why(at, label int) string {
	row, trace := &t.report.Rows[at], &t.report.Labels[at][label]
	l, cell := &t.rules.Labels[label], &row.Cells[label]
	if l.Of != nil {
		return t.whyOfOthers(row, label)
	}
	what := fmt.Sprintf("outcome for which %s holds", oneLine(t.cfg.Labels[label].When))
	ends := t.report.Request.TS.Add(l.Window)
	switch {
	case cell.Null && len(t.report.Gaps) > 0 && row.Reason == joiner.ReasonGap:
		g := &t.report.Gaps[0]
		return fmt.Sprintf("is unknown: its window, which ends at %s, touches gap %d, from %s to %s%s.", ends, g.ID, g.From,
			g.To, noted(g.Note))
	case l.Pair != nil:
		return t.whyOfPairs(row, trace, label)
	case t.open(row, label) && trace.Inside == 0:
		return fmt.Sprintf("is not decided: no %s has come so far, and its window ends at %s.", what, ends)
	case t.open(row, label) && l.Votes != nil:
		_, said := t.votes(row, label)
		return fmt.Sprintf("is not decided: so far it has %s, and its window ends at %s.", said, ends)
	case t.open(row, label):
		return fmt.Sprintf("is not decided: %s came so far, and its window ends at %s.", plural(trace.Inside, what), ends)
	case trace.Inside == 0:
		return fmt.Sprintf("is %s: no %s came before the outcome watermark passed %s%s.", shownValue(cell), what, ends,
			t.missed(trace, label))
	}
	decider := ""
	if cell.TS != events.MinTime {
		decider = fmt.Sprintf("; the one that decides is of %s, %s", cell.TS, after(cell.TS.Sub(t.report.Request.TS)))
	}
	if l.Votes != nil {
		return t.whyOfVotes(row, label, plural(trace.Inside, what), windowOf(l), decider)
	}
	return fmt.Sprintf("is %s: %s %s%s.", shownValue(cell), plural(trace.Inside, what), windowOf(l), decider)
}

// windowOf says when outcomes count for a label.
func windowOf(l *joiner.Label) string {
	if l.From > 0 {
		return fmt.Sprintf("from %s to %s after the request", l.From, l.Window)
	}
	return fmt.Sprint("within ", l.Window)
}

// missed says what came and does not count for a label.
func (t *describer) missed(trace *joiner.Trace, label int) (text string) {
	l := &t.rules.Labels[label]
	if trace.Beyond > 0 {
		first := &t.report.Outcomes[trace.First].Outcome
		text += fmt.Sprintf("; the first came at %s, %s", first.TS, distance(first.TS, t.report.Request.TS, l))
	}
	if trace.Ended > 0 {
		text += fmt.Sprintf("; %s came after the outcome that ended the window (%s)", plural(trace.Ended, "outcome"),
			oneLine(t.cfg.Labels[label].Until))
	}
	if trace.Edited > 0 {
		text += fmt.Sprintf("; of %s later ones of the same outcome_id have replaced or taken back all",
			plural(trace.Edited, "outcome"))
	}
	return text + t.faulty(l.Name)
}

// faulty says for how many outcomes a label's condition cannot be evaluated.
func (t *describer) faulty(label string) string {
	n, reason := 0, ""
	for i := range t.report.Outcomes {
		if fault := t.report.Outcomes[i].Faults[label]; fault != "" {
			if n++; n == 1 {
				reason = fault
			}
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; for %s it cannot be evaluated: %s", plural(n, "outcome"), reason)
}

// distance says how far outside the window of a label something was.
func distance(ts, request events.Time, l *joiner.Label) string {
	switch begins, ends := request.Add(l.From), request.Add(l.Window); {
	case ts < request:
		return fmt.Sprint(request.Sub(ts), " before the request")
	case ts < begins:
		return fmt.Sprint(begins.Sub(ts), " before the window begins")
	default:
		return fmt.Sprint(ts.Sub(ends), " after the window")
	}
}

func noted(note string) string {
	if note == "" {
		return ""
	}
	return " (" + note + ")"
}

func shownValue(c *joiner.Cell) string {
	if c.Null {
		return "null"
	}
	return fmt.Sprint(c.Value)
}

// describeForgotten tells what the files have of a request whose events are gone
// from the state.
func (t *describer) describeForgotten(x *Explanation) {
	latest := map[string]*export.Row{}
	for i := range t.rows {
		latest[t.rows[i].ItemID] = &t.rows[i] // revisions come in order of commits
	}
	for i := range t.rows {
		r := &t.rows[i]
		if latest[r.ItemID] != r {
			continue
		}
		for j := range t.rules.Labels {
			l := &t.rules.Labels[j]
			text := fmt.Sprintf("%s%s is %s (%s, revision %d)", subject(r.ItemID), l.Name, shownValue(&r.Labels[j]), r.Reason,
				r.Revision)
			switch c := &r.Labels[j]; {
			case c.TS != events.MinTime:
				text += fmt.Sprintf(": decided by an outcome of %s, %s", c.TS, after(c.TS.Sub(r.RequestTS)))
			case l.Of != nil:
				text += ": " + oneLine(t.cfg.Labels[j].Says())
			case !c.Null && c.Value == 0:
				text += fmt.Sprintf(": no outcome for which %s holds came before the watermark passed %s; it was at %s in commit %d",
					oneLine(t.cfg.Labels[j].Says()), r.RequestTS.Add(l.Window), r.Commit.Cut.Progress.Watermark(t.rules.Lateness), r.Commit.Cut.Number)
			}
			x.Answers = append(x.Answers, text+".")
			x.Labels = append(x.Labels, labelDescription{ItemID: r.ItemID, Label: l.Name, Value: valueOf(&r.Labels[j]),
				Rule: t.cfg.Labels[j].Says(), Why: text})
		}
	}
	x.Answers = append(x.Answers, fmt.Sprintf("its events are no longer in the state, which has forgotten requests stamped before %s; the log may still have them.", t.report.Forgotten))
}

// describeUnknown says how sure it is that a request never came.
func (t *describer) describeUnknown(x *Explanation) {
	x.Answers = append(x.Answers,
		fmt.Sprintf("request %q is not known: it is not in the state, and no row of it was written.", t.report.ID))
	var read []string
	for i, p := range t.report.Read {
		first := uint64(1)
		if i < len(t.began) {
			first = t.began[i].Next
		}
		if p.Next > first {
			read = append(read, fmt.Sprintf("%s from message %d to %d", p.Input, first, p.Next-1))
		}
	}
	if len(read) == 0 {
		x.Answers = append(x.Answers, "nothing was read yet.")
		return
	}
	x.Answers = append(x.Answers, fmt.Sprintf("what was read is %s: had it come there and been accepted, it would be here. If it was rejected, it is in deadletter/.", strings.Join(read, " and ")))
	if t.report.Forgotten > events.MinTime {
		x.Answers = append(x.Answers, fmt.Sprintf("only of a request stamped before %s, which is forgotten by now, could the rows have been deleted since, or left out by a policy.", t.report.Forgotten))
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	first, rest, _ := strings.Cut(what, " ")
	rest = strings.Replace(rest, "waits", "wait", 1)
	return strings.TrimSuffix(fmt.Sprintf("%d %ss %s", n, first, rest), " ")
}

// oneLine is an expression as it stands in a sentence.
func oneLine(when string) string { return strings.Join(strings.Fields(when), " ") }
