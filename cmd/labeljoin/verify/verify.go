// Package verify compares an output with its manifests and, if asked, with the log that it was made from.
package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
)

// DamagedError says that an output is not what was written.
type DamagedError struct{ dir string }

func (e *DamagedError) Error() string { return e.dir + " is damaged" }

// Verification is one run of the command.
type Verification struct {
	Config *config.Config // nil where only an output is given
	Dir    string         // the output's
	Since  events.Time
	Deep   bool
	JSON   bool
	Out    io.Writer // the verdict
	Talk   io.Writer
}

// Refusal reports that a person has to decide.
func (e *DamagedError) Refusal() bool { return true }

// report is what verify --json prints.
type report struct {
	export.Verdict
	Deep *deepReport `json:"deep,omitempty"`
}

// Run verifies and prints the verdict. The error is a DamagedError if something is wrong.
func (v *Verification) Run(ctx context.Context) error {
	rows, err := place.Of(ctx, v.Config, v.Dir)
	if err != nil {
		return err
	}
	archive, err := export.OpenArchive(rows, partition.Default)
	if errors.Is(err, fs.ErrNotExist) {
		return &terminal.UsageError{Err: fmt.Errorf("there is no output at %s: give --config or --from", v.Dir)}
	}
	if err != nil {
		return err
	}
	var found report
	if found.Verdict, err = v.files(ctx, archive); err != nil {
		return fmt.Errorf("verifying %s: %w", v.Dir, err)
	}
	if v.Deep && found.Sound() {
		if found.Deep, err = v.rows(ctx, archive); err != nil {
			return fmt.Errorf("verifying %s: %w", v.Dir, err)
		}
	}
	if v.JSON {
		err = json.NewEncoder(v.Out).Encode(found)
	} else {
		err = found.Print(v.Out)
	}
	if err == nil && (!found.Sound() || found.Deep != nil && !found.Deep.sound()) {
		err = &DamagedError{v.Dir}
	}
	return err
}

// files checks what is there against itself.
func (v *Verification) files(ctx context.Context, archive *export.Archive) (export.Verdict, error) {
	line, start := terminal.NewProgress(v.Talk), time.Now()
	defer line.End()
	return archive.Verify(ctx, export.VerifyOptions{Since: v.Since, Progress: func(done, total int64) {
		left := time.Duration(float64(time.Since(start)) * float64(total-done) / float64(max(done, 1)))
		line.Show(fmt.Sprintf("read %d of %d MB", done>>20, total>>20), left)
	}})
}

// rows checks it against the log.
func (v *Verification) rows(ctx context.Context, archive *export.Archive) (found *deepReport, err error) {
	scratch, err := os.MkdirTemp("", "labeljoin-verify-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	partition.TellRetired(v.Talk, v.Config, "only requests are compared that came when it was retired")
	d := deep{cfg: v.Config, archive: archive, since: v.Since, scratch: scratch, talk: v.Talk}
	return d.verify(ctx)
}

// mostForeign is how many files of other programs are named.
const mostForeign = 10

// more ends a list of which n are left out.
func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// Print writes a verdict for people.
func (v *report) Print(to io.Writer) error {
	w := &terminal.LineWriter{To: to}
	for _, f := range v.Findings {
		w.Line("%s: %s", f.Path, f.Problem)
	}
	if n := len(v.Foreign); n > 0 {
		few := v.Foreign[:min(n, mostForeign)]
		w.Line("not of labeljoin, and no reader takes it for data (%d): %s", n, strings.Join(few, ", ")+more(n-len(few)))
	}
	words := "all is as it was written"
	if n := len(v.Findings); n > 0 {
		words = terminal.Count(n, "thing") + " found wrong"
	}
	w.Line("%s, %s, %s, %d bytes: %s", terminal.Count(v.Commits, "commit"), terminal.Count(v.Files, "file"),
		terminal.Count(v.Rows, "row"), v.Bytes, words)
	if d := v.Deep; d != nil {
		d.Print(w)
	}
	return w.Err
}

func (d *deepReport) Print(w *terminal.LineWriter) {
	for _, example := range d.Examples {
		w.Line("%s", example)
	}
	words := "every row is what the log gives"
	if !d.Same() {
		words = fmt.Sprintf("not what the log gives: %d, missing: %d, too many: %d", d.Differ, d.Missing, d.Extra)
	}
	of := "of requests from " + d.From + " to " + d.To
	if d.From == events.MinTime.String() {
		of = "of requests before " + d.To
	}
	w.Line("%s %s compared: %s", terminal.Count(d.Compared, "row"), of, words)
	for _, gone := range d.Gone {
		w.Line("%s", gone)
	}
	if d.Limited != nil {
		w.Line("%s", d.Limited.say())
	}
	if d.BeyondLimit > 0 {
		w.Line("%s: limits count the events of an id that is used again together in a replay, and rejected some",
			mayDiffer(d.BeyondLimit))
	}
	if d.Excused > 0 {
		why := "events of their requests came too late to count, which a replay does not know"
		if len(d.Gone) > 0 {
			why += ", or are gone"
		}
		w.Line("%s: %s", mayDiffer(d.Excused), why)
	}
	if d.LeftOut > 0 {
		w.Line("not compared: %s that another configuration decided", terminal.Count(d.LeftOut, "row"))
	}
}

// mayDiffer says of how many rows it is no damage that they differ.
func mayDiffer(rows int64) string {
	if rows == 1 {
		return "1 more row differs and may"
	}
	return fmt.Sprintf("%d more rows differ and may", rows)
}
