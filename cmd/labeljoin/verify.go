package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		ArgsUsage: argsConfig,
		Usage:     "prove that an output is what its joiner wrote",
		Description: "Reads every manifest and every file: the chain of commits is unbroken, every file has the bytes and\n" +
			"rows that were committed, nothing else is in data/, no row is there twice, the books add up from the\n" +
			"first commit to the last. It may run beside the joiner.\n" +
			"Exit codes: 0 all is well, 3 something is not, 1 it could not look.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "out", Usage: "the output `DIR`, instead of the configuration's"},
			&cli.BoolFlag{Name: "deep", Usage: "read the log again, from NATS, and compare the labels of every row"},
			&cli.StringFlag{Name: "since", Usage: "leave out files of days before `DAY` (2026-11-23), which may have been deleted"},
			&cli.BoolFlag{Name: "json", Usage: "the verdict as one JSON object"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			v := verification{deep: c.Bool("deep"), json: c.Bool("json"), dir: c.String("out"), out: c.App.Writer, talk: c.App.ErrWriter}
			if v.dir == "" || v.deep {
				cfg, err := configOf(c)
				if err != nil {
					return err
				}
				if v.cfg = cfg; v.dir == "" {
					v.dir = cfg.Output.Dir
				}
			}
			if day := c.String("since"); day != "" {
				t, err := time.Parse(time.DateOnly, day)
				if err != nil {
					return &usageError{fmt.Errorf("--since %q is no day: write it like 2026-11-23", day)}
				}
				v.since = events.At(t)
			}
			return v.run(c.Context)
		},
	}
}

// damagedError says that an output is not what was written.
type damagedError struct{ dir string }

func (e *damagedError) Error() string { return e.dir + " is damaged" }

// verification is one run of the command.
type verification struct {
	cfg   *config.Config // nil where only an output is given
	dir   string         // the output's
	since events.Time
	deep  bool
	json  bool
	out   io.Writer // the verdict
	talk  io.Writer
}

// Refusal reports that a person has to decide.
func (e *damagedError) Refusal() bool { return true }

// verdict is what verify --json prints.
type verdict struct {
	export.Verdict
	Deep *deepVerdict `json:"deep,omitempty"`
}

func (v *verification) run(ctx context.Context) error {
	archive, err := export.OpenArchive(vfs.Default, v.dir, partition)
	if errors.Is(err, fs.ErrNotExist) {
		return &usageError{fmt.Errorf("there is no output at %s: give --config or --out", v.dir)}
	}
	if err != nil {
		return err
	}
	var found verdict
	if found.Verdict, err = v.files(ctx, archive); err != nil {
		return fmt.Errorf("verifying %s: %w", v.dir, err)
	}
	if v.deep && found.Sound() {
		if found.Deep, err = v.rows(ctx, archive); err != nil {
			return fmt.Errorf("verifying %s: %w", v.dir, err)
		}
	}
	if v.json {
		err = json.NewEncoder(v.out).Encode(found)
	} else {
		err = found.print(v.out)
	}
	if err == nil && (!found.Sound() || found.Deep != nil && !found.Deep.sound()) {
		err = &damagedError{v.dir}
	}
	return err
}

// files checks what is there against itself.
func (v *verification) files(ctx context.Context, archive *export.Archive) (export.Verdict, error) {
	line, start := newProgress(v.talk), time.Now()
	defer line.end()
	return archive.Verify(ctx, export.VerifyOptions{Since: v.since, Progress: func(done, total int64) {
		left := time.Duration(float64(time.Since(start)) * float64(total-done) / float64(max(done, 1)))
		line.show(fmt.Sprintf("read %d of %d MB", done>>20, total>>20), left)
	}})
}

// rows checks it against the log.
func (v *verification) rows(ctx context.Context, archive *export.Archive) (found *deepVerdict, err error) {
	scratch, err := os.MkdirTemp("", "labeljoin-verify-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	d := deep{cfg: v.cfg, archive: archive, since: v.since, scratch: scratch, talk: v.talk}
	return d.verify(ctx)
}

// print writes a verdict for people.
func (v *verdict) print(to io.Writer) error {
	w := &lineWriter{to: to}
	for _, f := range v.Findings {
		w.line("%s: %s", f.Path, f.Problem)
	}
	words := "all is as it was written"
	if n := len(v.Findings); n > 0 {
		words = fmt.Sprintf("%d things are wrong", n)
	}
	w.line("%d commits, %d files, %d rows, %d bytes: %s", v.Commits, v.Files, v.Rows, v.Bytes, words)
	if d := v.Deep; d != nil {
		d.print(w)
	}
	return w.err
}

func (d *deepVerdict) print(w *lineWriter) {
	for _, example := range d.Examples {
		w.line("%s", example)
	}
	words := "every row is what the log gives"
	if !d.Same() {
		words = fmt.Sprintf("%d rows are not what the log gives, %d are missing, %d too many", d.Differ, d.Missing, d.Extra)
	}
	w.line("%d rows of requests from %s to %s compared: %s", d.Compared, d.From, d.To, words)
	if d.Excused > 0 {
		w.line("%d more rows differ and may: events of their requests came too late to count, which a replay does not know", d.Excused)
	}
	if d.LeftOut > 0 {
		w.line("%d rows were decided by another configuration and were not compared", d.LeftOut)
	}
}
