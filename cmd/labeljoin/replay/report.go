package replay

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
	"github.com/labeljoin/labeljoin/joiner/batch"
	"github.com/labeljoin/labeljoin/joiner/gathered"
)

// rowSink writes the rows that are wanted, and counts them by day.
type rowSink struct {
	stage      rowWriter // nil: nothing is written
	from, to   events.Time
	strict     bool
	rows       int64
	some       gathered.Rows // of those at hand, where not all are wanted
	days       map[int64]*dayReport
	incomplete map[string]int64 // rows with that reason, by day
	ofOthers   []bool           // by label: it is made of other labels
	labels     []labelReport
	last       *dayReport // of lastDay
	lastDay    int64
}

// dayReport is what a replay has of a day.
type dayReport struct {
	Day       string `json:"day"`
	Requests  int64  `json:"requests"`
	Rows      int64  `json:"rows"`
	Positives int64  `json:"positives"` // rows with a label that an outcome decided
	Outcomes  int64  `json:"outcomes"`
	Orphans   int64  `json:"orphans"`
}

func (s *rowSink) day(n int64) *dayReport {
	if s.last != nil && s.lastDay == n {
		return s.last
	}
	d := s.days[n]
	if d == nil {
		d = &dayReport{Day: time.Unix(n*86400, 0).UTC().Format(time.DateOnly)}
		s.days[n] = d
	}
	s.last, s.lastDay = d, n
	return d
}

// Rows implements batch.Sink.
func (s *rowSink) Rows(rows *gathered.Rows) error {
	wanted := 0
	for _, r := range rows.List {
		if s.wants(r.Request) {
			wanted++
			s.count(r.Request, r.Row)
		}
	}
	if wanted < len(rows.List) {
		s.some.Begin()
		rows.Complete(0, len(rows.List))
		for _, r := range rows.List {
			if s.wants(r.Request) {
				s.some.List = append(s.some.List, r)
			}
		}
		rows = &s.some
	}
	if s.stage == nil || wanted == 0 {
		return nil
	}
	return s.stage.Rows(rows)
}

func (s *rowSink) wants(req *events.Request) bool { return req.TS >= s.from && req.TS < s.to }

// count counts a row for the report.
func (s *rowSink) count(req *events.Request, row *joiner.Row) {
	d := s.day(batch.DayOf(req.TS))
	s.rows++
	d.Rows++
	positive := false
	for i := range row.Cells {
		c := &row.Cells[i]
		positive = positive || c.TS != events.MinTime && !s.ofOthers[i]
		s.labels[i].count(c)
	}
	if positive {
		d.Positives++
	}
	if row.Reason == joiner.ReasonIncomplete {
		s.incomplete[d.Day]++
	}
}

// labelReport is what a replay has of a label.
type labelReport struct {
	Label    string `json:"label"`
	Positive int64  `json:"positive"` // rows in which it is neither 0 nor null
	Negative int64  `json:"negative"` // rows in which it is 0
	Null     int64  `json:"null"`
	Outcomes int64  `json:"outcomes"` // that count for it in some row
}

func (l *labelReport) count(c *joiner.Cell) {
	switch {
	case c.Null:
		l.Null++
	case c.Value == 0:
		l.Negative++
	default:
		l.Positive++
	}
}

// DeadLetter implements batch.Sink.
func (s *rowSink) DeadLetter(d *events.DeadLetter) error {
	if s.strict {
		return &EvidenceError{fmt.Sprintf("%s line %d: %s: %s (--strict)", d.Input, d.Origin.Seq, d.Reason, d.Detail)}
	}
	if s.stage == nil {
		return nil
	}
	return s.stage.DeadLetter(d)
}

// report is what a replay did.
type report struct {
	Out      string                      `json:"out,omitempty"`
	Written  bool                        `json:"written"`
	Rows     int64                       `json:"rows"`
	Passes   int                         `json:"passes"`
	Reused   int                         `json:"files_reused,omitempty"` // that a run which was stopped had made
	Events   map[string]map[string]int64 `json:"events"`                 // by kind and what became of them
	Damaged  []string                    `json:"damaged"`
	Rejected []rejectedFileReport        `json:"rejected,omitempty"` // of which a line was
	Empty    []string                    `json:"empty,omitempty"`    // files without an event
	Replaced []export.DayChange          `json:"replaced,omitempty"`
	Unknown  int64                       `json:"rows_of_no_request,omitempty"` // with --labels: they have null
	LeftOut  int64                       `json:"rows_not_there,omitempty"`     // with --labels: positive, and in no day
	// Incomplete are the rows of which a label is null because the log ends before its window does.
	Incomplete int64         `json:"rows_incomplete,omitempty"`
	Days       []dayReport   `json:"days"`
	Labels     []labelReport `json:"labels"`
	// Fields are those that nothing here knows, by kind of event and name; OtherFields those of
	// which no name was kept.
	Fields      map[string]map[string]int64 `json:"unknown_fields,omitempty"`
	OtherFields map[string]int64            `json:"other_unknown_fields,omitempty"`
	ledger      joiner.Ledger
}

// rejectedFileReport is what was rejected of a file.
type rejectedFileReport struct {
	File  string `json:"file"`
	Lines int64  `json:"lines"`
	Of    int64  `json:"of"`
	First string `json:"first"` // the first of them, with its line
}

// filesOf says which files had no event, or had lines that were rejected.
func (p *report) filesOf(seen *evidence, log *logFiles) {
	for i := range log.files {
		f := &log.files[i]
		named := f.Flag + " " + f.Path
		if f.messages == 0 && f.Path != os.DevNull {
			p.Empty = append(p.Empty, named)
		}
		if r := seen.rejected[f.key(log.kind)]; r != nil {
			p.Rejected = append(p.Rejected, rejectedFileReport{File: named, Lines: r.lines, Of: f.messages, First: r.first})
		}
	}
}

func (r *Replay) reportOf(result *batch.Result, sink *rowSink, seen *evidence) *report {
	p := &report{
		Out: r.Out, Written: sink.stage != nil, Rows: result.Ledger.Rows, Passes: result.Passes,
		Events: map[string]map[string]int64{}, Damaged: []string{}, Days: []dayReport{}, Labels: []labelReport{},
		ledger: result.Ledger,
	}
	if !p.Written {
		p.Out = ""
	}
	for k := range result.Ledger.Kinds {
		counts := map[string]int64{"read": result.Ledger.Kinds[k].Read}
		for d, n := range result.Ledger.Kinds[k].Disposed {
			if n > 0 {
				counts[joiner.Disposition(d).String()] = n
			}
		}
		p.Events[events.Kind(k).String()] = counts
		for _, err := range r.logs[k].damaged {
			p.Damaged = append(p.Damaged, err.Error())
		}
		p.filesOf(seen, r.logs[k])
	}
	for i, l := range sink.labels {
		l.Outcomes = result.Coverage.Labels[i].Outcomes
		p.Labels = append(p.Labels, l)
	}
	p.addFields(&result.Unknown)
	for n, requests := range result.Coverage.Requests {
		sink.day(n).Requests = requests
	}
	for n, outcomes := range result.Outcomes {
		sink.day(n).Outcomes = outcomes
	}
	for n, orphans := range result.Orphans {
		sink.day(n).Orphans = orphans
	}
	for _, n := range slices.Sorted(maps.Keys(sink.days)) {
		p.Days = append(p.Days, *sink.days[n])
	}
	for _, n := range sink.incomplete {
		p.Incomplete += n
	}
	return p
}

// addFields adds the fields that nothing here knows.
func (p *report) addFields(unknown *[events.Kinds]joiner.Fields) {
	for k := range unknown {
		kind, f := events.Kind(k).String(), &unknown[k]
		for _, c := range f.Named {
			if p.Fields == nil {
				p.Fields = map[string]map[string]int64{}
			}
			if p.Fields[kind] == nil {
				p.Fields[kind] = map[string]int64{}
			}
			p.Fields[kind][c.Name] = c.Count
		}
		if f.Other > 0 {
			if p.OtherFields == nil {
				p.OtherFields = map[string]int64{}
			}
			p.OtherFields[kind] = f.Other
		}
	}
}

// mostNames is how many unknown fields are named to a person; --json has more.
const mostNames = 10

// tellFields names the fields that nothing here knows.
func (r *Replay) tellFields(p *report) {
	for _, kind := range slices.Sorted(maps.Keys(p.Fields)) {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(p.Fields[kind])) {
			names = append(names, fmt.Sprintf("%q (%d)", name, p.Fields[kind][name]))
		}
		more := ""
		if n := len(names) - mostNames; n > 0 {
			names, more = names[:mostNames], fmt.Sprintf(" and %d more (--json names them)", n)
		}
		fmt.Fprintf(r.Talk, "unknown fields of %ss, ignored: %s%s\n", kind, strings.Join(names, ", "), more)
	}
}

// tellLabels says what each label is in the rows.
func (r *Replay) tellLabels(p *report) error {
	t := tabwriter.NewWriter(r.Talk, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "label\tpositive\tnegative\tnull\toutcomes\t")
	for _, l := range p.Labels {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t\n", l.Label, l.Positive, l.Negative, l.Null, l.Outcomes)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

// mostFiles is how many files are named to a person; --json has all.
const mostFiles = 10

// tellFiles names the files that a person should look at.
func (r *Replay) tellFiles(p *report) {
	for _, damage := range p.Damaged {
		fmt.Fprintf(r.Talk, "damaged: %s\n", damage)
	}
	for _, f := range p.Rejected[:min(mostFiles, len(p.Rejected))] {
		fmt.Fprintf(r.Talk, "rejected: %d of %d lines of %s, the first in %s\n", f.Lines, f.Of, f.File, f.First)
	}
	if more := len(p.Rejected) - mostFiles; more > 0 {
		fmt.Fprintf(r.Talk, "rejected: lines of %d more files (--json names them)\n", more)
	}
	for _, f := range p.Empty[:min(mostFiles, len(p.Empty))] {
		fmt.Fprintf(r.Talk, "empty: %s\n", f)
	}
	if more := len(p.Empty) - mostFiles; more > 0 {
		fmt.Fprintf(r.Talk, "empty: %d more files (--json names them)\n", more)
	}
}

// mostDays is how many days are shown to a person; --json has all.
const mostDays = 40

// tell says what was done: to a program as JSON, and to a person in words.
func (r *Replay) tell(p *report) error {
	if r.AsJSON {
		e := json.NewEncoder(r.Data)
		e.SetIndent("", "  ")
		return e.Encode(p)
	}
	terminal.PrintLedger(r.Talk, &p.ledger)
	r.tellFields(p)
	r.tellFiles(p)
	if p.Passes > 1 {
		fmt.Fprintf(r.Talk, "the logs were read in %d passes, for want of memory (--memory)\n", p.Passes)
	}
	if p.Reused > 0 {
		fmt.Fprintf(r.Talk, "used again, of a run that was stopped: %s\n", terminal.Count(p.Reused, "file"))
	}
	fmt.Fprintln(r.Talk)
	if err := r.tellLabels(p); err != nil {
		return err
	}
	t := tabwriter.NewWriter(r.Talk, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "day\trequests\trows\tpositives\toutcomes\torphans\t")
	for i, d := range p.Days {
		if i == mostDays {
			fmt.Fprintf(t, "%d more\t\t\t\t\t\t\n", len(p.Days)-i)
			break
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t\n", d.Day, d.Requests, d.Rows, d.Positives, d.Outcomes, d.Orphans)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, d := range p.Replaced {
		if len(r.Labels) > 0 {
			fmt.Fprintf(r.Talk, "\n%s was written over %s: %s", strings.Join(r.Labels, ", "), d.Day,
				terminal.Count(d.After, "row"))
			continue
		}
		fmt.Fprintf(r.Talk, "\n%s was replaced: %s before, %d now", d.Day, terminal.Count(d.Before, "row"), d.After)
	}
	if p.Unknown > 0 {
		fmt.Fprintf(r.Talk, "\nof no request in the logs, and therefore null: %s", terminal.Count(p.Unknown, "row"))
	}
	if p.LeftOut > 0 {
		fmt.Fprintf(r.Talk, "\nwith an outcome for these labels, but not in the days, where a policy left them out: %s; "+
			"--replace writes them", terminal.Count(p.LeftOut, "row"))
	}
	if p.Incomplete > 0 {
		fmt.Fprintf(r.Talk, "\n%d of %d rows have the reason incomplete: labels whose windows reach past the last outcome are null in them; "+
			"--complete says that no outcome is missing after it", p.Incomplete, p.Rows)
	}
	if !p.Written {
		_, err := fmt.Fprintf(r.Talk, "\nnothing was written (--dry-run)\n")
		return err
	}
	_, err := fmt.Fprintf(r.Talk, "\nrows are in %s\n", filepath.Join(r.Out, "data"))
	return err
}
