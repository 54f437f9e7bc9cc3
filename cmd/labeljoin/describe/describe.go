// Package describe says what a configuration means, in a few lines for people.
package describe

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner/rule"
)

// Write says what a configuration means, for people to compare with what
// they meant.
func Write(w io.Writer, c *config.Config) {
	lines := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer lines.Flush()
	line := func(name, format string, args ...any) {
		fmt.Fprintf(lines, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("name", "%s", c.Name)
	if c.NATS.Embedded {
		line("server", "embedded, on %s port %s; %s", c.NATS.Listen, portOf(c.NATS.Port), authOf(c))
	} else {
		line("server", "%s", strings.Join(c.NATS.URL, ", "))
	}
	for i := range c.Inputs.List {
		line(c.Inputs.List[i].Name, "%s", inputOf(&c.Inputs.List[i]))
	}
	if c.HTTP.Ingest != nil {
		line("events by http", "%s", ingestOf(c))
	}
	if c.Publish != nil {
		line("label stream", "%s: a positive at once, anything else later: %s", c.Publish.Subject, told(c))
	}
	line("rows", "one per %s, to %s", c.Join.Rows, c.Output.Dir)
	line("negatives", "%s", negativesOf(&c.Join))
	if a := c.Join.Attribute; a != nil {
		line("no request_id", "an outcome without one %s", attributedTo(a))
	}
	line("state", "%s", c.State.Dir)
	longest := config.Duration(c.Longest())
	line("a request closes", "%s after its time, once events %s later have been read", longest, c.Join.Lateness)
	if stages := c.Stages(); len(stages) > 0 {
		first := config.Duration(stages[0])
		line("the first row", "comes about %s after the first request: %s", first+c.Join.Lateness, revisions(c, stages))
	} else {
		line("the first row", "comes about %s after the first request%s", longest+c.Join.Lateness, awaited(c))
	}
	line("it is remembered", "%s beyond that; late outcomes correct it for %s", config.Duration(c.Retention()),
		c.Join.Corrections)
	if c.Guard.Enabled {
		line("too few outcomes",
			"hold rows: below %v of the usual rate, if less probable than %g; without evidence a row waits %s longer",
			c.Guard.Usual, c.Guard.Tail, c.Guard.Patience)
	}
	if c.Join.Outcomes.SameID == config.SameIDLast {
		line("edits", "a later outcome of one outcome_id replaces the one before it")
	}
	if slices.ContainsFunc(c.Labels, func(l config.Label) bool { return l.IsOfVotes() }) {
		line("votes", "need an outcome_id each: of two without one that are stamped alike and say the same, one is a copy")
	}
	line("events stay out", "older than %s or more than %s in the future", c.Join.MaxAge, c.Join.MaxFuture)
	line("fingerprint", "%.12s", c.Fingerprint())
	fmt.Fprintln(lines)
	writeLabels(lines, c)
}

// writeLabels says what each label is.
func writeLabels(lines io.Writer, c *config.Config) {
	fmt.Fprintln(lines, "label\tvalue\twindow\twhen")
	for _, l := range c.Labels {
		window := l.Window.String()
		if l.From > 0 {
			window = fmt.Sprintf("%s to %s", l.From, l.Window)
		}
		if l.Until != "" {
			window += " or until " + oneLine(l.Until)
		}
		if l.Provisional > 0 {
			window += fmt.Sprintf(", provisional after %s", l.Provisional)
		}
		value := string(l.Value)
		switch {
		case l.Of != "":
			value = "of labels"
		case wire.OfRowAlone(&l, c.Join.Rows):
			value = "of the request"
		case l.Pair != nil:
			value += " of pairs"
		}
		if l.IsOfVotes() {
			value += fmt.Sprintf(" by %s, min %d", l.By, l.Min)
		}
		fmt.Fprintf(lines, "%s\t%s\t%s\t%s\n", l.Name, value, window, oneLine(l.Says()))
		for _, column := range l.Columns {
			fmt.Fprintf(lines, "  %s\t%s\t\t%s\n", column.Name, typeOf(&column), oneLine(column.Value))
		}
	}
}

func oneLine(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", " ") }

// typeOf is the type of a column that a label keeps.
func typeOf(c *config.LabelColumn) string {
	column, err := rule.CompileColumn(c.Value, rule.ColumnType(c.Type))
	if err != nil { // it was compiled before
		return string(c.Type)
	}
	return string(column.Type)
}

// told says when labels are on the label stream that are no positives.
func told(c *config.Config) string {
	var each []string
	for i := range c.Labels {
		text := fmt.Sprintf("%s after %s", c.Labels[i].Name, c.Labels[i].Window+c.Join.Lateness)
		if p := c.Labels[i].Provisional; p > 0 {
			text += fmt.Sprintf(" (provisional after %s)", p+c.Join.Lateness)
		}
		each = append(each, text)
	}
	return strings.Join(each, ", ")
}

// revisions says when a row is written, and without which labels.
func revisions(c *config.Config, stages []time.Duration) string {
	pending := func(window config.Duration) (without, provisional []string) {
		for i := range c.Labels {
			switch l := &c.Labels[i]; {
			case l.Window <= window:
			case 0 < l.Provisional && l.Provisional <= window:
				provisional = append(provisional, l.Name)
			default:
				without = append(without, l.Name)
			}
		}
		return without, provisional
	}
	var parts []string
	for i, window := range stages {
		again := "a row is written"
		if i > 0 {
			again = "again"
		}
		part := fmt.Sprintf("%s after %s", again, config.Duration(window))
		without, provisional := pending(config.Duration(window))
		if len(without) > 0 {
			part += " without " + strings.Join(without, " and ")
		}
		if len(provisional) > 0 {
			part += " with a provisional " + strings.Join(provisional, " and ")
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ") + ", and with all labels at the close"
}

// awaited says for which labels rows wait, where others are known before.
func awaited(c *config.Config) string {
	longest := config.Duration(c.Longest())
	var last, before []string
	for i := range c.Labels {
		if l := &c.Labels[i]; l.Window == longest {
			last = append(last, l.Name)
		} else {
			before = append(before, fmt.Sprintf("%s is known after %s", l.Name, l.Window))
		}
	}
	if len(before) == 0 {
		return ""
	}
	return fmt.Sprintf(": it waits for %s, though %s (emit: each writes a row without it before; a label stream tells each label at its own time)",
		strings.Join(last, ", "),
		strings.Join(before, ", "))
}

// authOf says who may connect to the embedded server.
func authOf(c *config.Config) string {
	password := "clients need the password in " + partition.EmbeddedURLPath(c.State.Dir)
	switch c.NATS.Auth {
	case config.AuthNone:
		return "every process of this machine may connect and delete events"
	case config.AuthLocal:
		return password + ", except for processes of the joiner's own user on this machine"
	}
	return password
}

func portOf(port int64) string {
	if port == 0 {
		return "chosen at the start"
	}
	return fmt.Sprint(port)
}

func inputOf(in *config.Input) string {
	text := strings.Join(in.Subject, ", ")
	if len(in.Stream) > 0 {
		text += " of stream " + strings.Join(in.Stream, ", ")
	}
	switch {
	case in.Kind == config.KindRequest || in.Kind == config.KindOutcome:
		text += ": " + in.Kind + "s"
	default:
		text += ": requests and outcomes"
	}
	if !in.Native() {
		text += ", mapped from " + in.Format
	}
	return text
}

// ingestOf says where events are taken by HTTP, from whom, and where they go.
func ingestOf(c *config.Config) string {
	in := c.HTTP.Ingest
	var who []string
	if in.TokensFile != "" {
		who = append(who, "with a token of "+in.TokensFile)
	}
	if in.TLS != nil && in.TLS.ClientCA != "" {
		who = append(who, "with a certificate signed by "+in.TLS.ClientCA)
	}
	if len(who) == 0 {
		who = append(who, "without a token")
	}
	var to []string
	for i := range c.Inputs.List {
		to = append(to, "/v1/events/"+c.Inputs.List[i].Name+" to "+in.SubjectOf(&c.Inputs.List[i]))
	}
	return fmt.Sprintf("on %s, %s: %s", in.Listen, strings.Join(who, " and "), strings.Join(to, ", "))
}

func negativesOf(j *config.Join) string {
	text := map[config.Negatives]string{
		config.NegativesAll:               "all are kept",
		config.NegativesSeen:              "kept where seen: " + j.Impression,
		config.NegativesAboveLastPositive: "kept down to the last positive position",
	}[j.Negatives]
	if j.SampleNegatives < 1 {
		text += fmt.Sprintf("; of those a share of %v, with weights", j.SampleNegatives)
	}
	return text
}

// lookTime is how long an object store may take to answer: the machine that checks a
// configuration may not reach it.
const lookTime = 3 * time.Second

// Notes says which labels take a column that a feature has in the output.
func Notes(c *config.Config) []string {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	b, err := place.Of(ctx, c, c.Output.Dir)
	if err != nil {
		return []string{fmt.Sprintf("the output %s could not be looked at: %s", c.Output.Dir, err)}
	}
	archive, err := export.OpenArchive(b, partition.Default)
	if err != nil {
		return nil // there is no output yet, or not on this machine
	}
	features, err := archive.FeatureColumns()
	if err != nil {
		return []string{fmt.Sprintf("the output %s could not be looked at: %s", c.Output.Dir, err)}
	}
	var notes []string
	for i := range c.Labels {
		columns := []string{c.Labels[i].Name, c.Labels[i].Name + "_ts"}
		for _, extra := range c.Labels[i].Columns {
			columns = append(columns, extra.Name)
		}
		columns = append(append(columns, c.Labels[i].VoteColumns()...), c.Labels[i].ProvisionalColumns()...)
		for _, column := range columns {
			if features[events.ColumnKey(column)] {
				notes = append(notes, fmt.Sprintf("label %s: files of the output %s have a feature in the column %s. From now on it holds the label, and the feature is in feature_%s: "+
					"readers of both kinds of files mix the two up. Choose another name for the label, or begin another output", c.Labels[i].Name, c.Output.Dir, column, column))
			}
		}
	}
	return notes
}
