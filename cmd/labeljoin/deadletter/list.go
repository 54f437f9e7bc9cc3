package deadletter

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
)

// counted is how many dead letters there are of an input for a reason.
type counted struct {
	Input   string         `json:"input"`
	Kind    string         `json:"kind"`
	Reason  string         `json:"reason"`
	Letters int            `json:"letters"`
	Retried int            `json:"retried"` // published again
	Now     map[string]int `json:"now"`     // what would become of the others
	First   string         `json:"first"`   // when the oldest was stored; empty: not known
	Last    string         `json:"last"`
	Example string         `json:"example"` // the newest, as show takes it
	Detail  string         `json:"detail"`  // of that one

	oldest, newest events.Time
}

// List writes counts by input and reason.
func List(ctx context.Context, cfg *config.Config, w Wanted, now time.Time, asJSON bool, out io.Writer) error {
	o, err := open(ctx, cfg, now)
	if err != nil {
		return err
	}
	counts, seen := map[string]*counted{}, map[string]bool{}
	err = o.letters(w, func(l *export.Letter) error {
		seen[l.Input] = true
		name := o.judge.nameOf(l)
		key := name + " " + l.Kind.String() + " " + l.Reason
		c := counts[key]
		if c == nil {
			c = &counted{Input: name, Kind: l.Kind.String(), Reason: l.Reason, Now: map[string]int{}, oldest: l.Stored}
			counts[key] = c
		}
		c.Letters++
		c.oldest, c.newest = min(c.oldest, l.Stored), max(c.newest, l.Stored)
		c.Example, c.Detail = l.ID(), l.Detail
		if o.retried[l.ID()] {
			c.Retried++
		} else {
			c.Now[o.judge.of(l).Fate]++
		}
		return nil
	})
	if err := cmp.Or(err, o.known(w, seen)); err != nil {
		return err
	}
	list := slices.SortedFunc(maps.Values(counts), func(a, b *counted) int {
		return cmp.Or(cmp.Compare(a.Input, b.Input), cmp.Compare(b.Letters, a.Letters), cmp.Compare(a.Reason, b.Reason))
	})
	for _, c := range list {
		if c.oldest != events.MinTime {
			c.First, c.Last = c.oldest.String(), c.newest.String()
		}
	}
	if asJSON {
		return eachJSON(out, list)
	}
	return writeCounts(out, cfg, list)
}

func eachJSON[T any](out io.Writer, list []T) error {
	encoder := json.NewEncoder(out)
	for _, one := range list {
		if err := encoder.Encode(one); err != nil {
			return err
		}
	}
	return nil
}

func writeCounts(out io.Writer, cfg *config.Config, list []*counted) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "there are no dead letters; a running joiner writes new ones with its next commit")
		return err
	}
	lines := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(lines, "input\tkind\treason\tletters\tretried\tcan be read now\tnewest\texample\tdetail")
	readable := 0
	for _, c := range list {
		can := c.Now[fateJoins] + c.Now[fateCorrect] + c.Now[fateBeyond]
		readable += can
		text := fmt.Sprint(can)
		if n := c.Now[fateBeyond]; n > 0 {
			text += fmt.Sprintf(" (%d beyond corrections)", n)
		}
		fmt.Fprintf(lines, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\n", c.Input, c.Kind, c.Reason, c.Letters, c.Retried, text,
			cmp.Or(c.Last, "-"), c.Example, terminal.OneLine(c.Detail))
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nThey are in %s.\n", filepath.Join(cfg.Output.Dir, "deadletter"))
	if readable > 0 {
		fmt.Fprintln(out, "labeljoin deadletter retry publishes again what can be read now.")
	}
	return nil
}

// shown is a dead letter with what would become of it.
type shown struct {
	ID      string              `json:"id"`
	Input   string              `json:"input"`
	Stream  string              `json:"stream"`
	Seq     uint64              `json:"seq"`
	Index   uint32              `json:"index"`
	Kind    string              `json:"kind"`
	Reason  string              `json:"reason"`
	Detail  string              `json:"detail"`
	Stored  string              `json:"stored,omitempty"`
	Subject string              `json:"subject,omitempty"`
	Headers map[string][]string `json:"headers,omitempty"`
	Retried bool                `json:"retried"`
	Now     fate                `json:"now"`
	Data    string              `json:"data"`
}

// Show writes dead letters, the newest first, at most so many.
func Show(ctx context.Context, cfg *config.Config, w Wanted, most int, now time.Time, asJSON bool,
	out io.Writer) error {
	if w.ID != "" {
		if _, _, err := export.ParseLetterID(w.ID); err != nil {
			return &terminal.UsageError{Err: err}
		}
	}
	o, err := open(ctx, cfg, now)
	if err != nil {
		return err
	}
	var list []shown
	seen := map[string]bool{}
	err = o.letters(w, func(l *export.Letter) error {
		seen[l.Input] = true
		data, _ := contentOf(l)
		s := shown{ID: l.ID(), Input: o.judge.nameOf(l), Stream: l.Input, Seq: l.Origin.Seq, Index: l.Origin.Index,
			Kind: l.Kind.String(), Reason: l.Reason, Detail: l.Detail, Subject: l.Subject, Headers: l.Header,
			Retried: o.retried[l.ID()], Now: o.judge.of(l), Data: string(data)}
		if l.Stored != events.MinTime {
			s.Stored = l.Stored.String()
		}
		if list = append(list, s); most > 0 && len(list) > most {
			list = list[1:]
		}
		return nil
	})
	if err := cmp.Or(err, o.known(w, seen)); err != nil {
		return err
	}
	slices.Reverse(list)
	if asJSON {
		return eachJSON(out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "there is no such dead letter")
		return err
	}
	text := &terminal.LineWriter{To: out}
	for i := range list {
		list[i].write(text)
	}
	return text.Err
}

// write writes a letter for people.
func (s *shown) write(to *terminal.LineWriter) {
	to.Line("%s  %s of input %s: %s", s.ID, s.Kind, s.Input, s.Reason)
	to.Line("  why     %s", terminal.OneLine(s.Detail))
	to.Line("  read    message %d of stream %s, event %d%s%s", s.Seq, s.Stream, s.Index, prefixed(", subject ", s.Subject),
		prefixed(", stored ", s.Stored))
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		for _, value := range s.Headers[name] {
			to.Line("  header  %s: %s", terminal.OneLine(name), terminal.OneLine(value))
		}
	}
	again := ""
	if s.Retried {
		again = "; it was published again"
	}
	to.Line("  now     %s%s: %s%s", s.Now.Fate, prefixed(", ", s.Now.Reason), terminal.OneLine(s.Now.Detail), again)
	const most = 2000
	data := s.Data
	if len(data) > most {
		data = data[:most] + fmt.Sprintf("... (%d bytes, --json has all)", len(s.Data))
	}
	to.Line("  event   %s", terminal.OneLine(data))
}

func prefixed(before, text string) string {
	if text == "" {
		return ""
	}
	return before + terminal.OneLine(text)
}
