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

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "prove that an output is what its joiner wrote",
		Description: "Reads every manifest and every file: the chain of commits is unbroken, every file has the bytes and\n" +
			"rows that were committed, nothing else is in data/, no row is there twice, the books add up from the\n" +
			"first commit to the last. It may run beside the joiner.\n" +
			"Exit codes: 0 all is well, 3 something is not, 1 it could not look.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "out", Usage: "the output `DIR`, instead of the configuration's"},
			&cli.StringFlag{Name: "since", Usage: "leave out files of days before `DAY` (2026-11-23), which may have been deleted"},
			&cli.BoolFlag{Name: "json", Usage: "the verdict as one JSON object"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			dir := c.String("out")
			if dir == "" {
				cfg, err := loadConfig(c.String("config"))
				if err != nil {
					return err
				}
				dir = cfg.Output.Dir
			}
			var since events.Time
			if day := c.String("since"); day != "" {
				t, err := time.Parse(time.DateOnly, day)
				if err != nil {
					return &usageError{fmt.Errorf("--since %q is no day: write it like 2026-11-23", day)}
				}
				since = events.At(t)
			}
			return verify(c.Context, dir, since, c.Bool("json"), c.App.Writer, os.Stderr)
		},
	}
}

// damagedError says that an output is not what was written.
type damagedError struct{ dir string }

func (e *damagedError) Error() string { return e.dir + " is damaged" }

func verify(ctx context.Context, dir string, since events.Time, asJSON bool, out, talk io.Writer) error {
	archive, err := export.OpenArchive(vfs.Default, dir, partition)
	if errors.Is(err, fs.ErrNotExist) {
		return &usageError{fmt.Errorf("there is no output at %s: give --config or --out", dir)}
	}
	if err != nil {
		return err
	}
	line, start := newProgress(talk), time.Now()
	verdict, err := archive.Verify(ctx, export.VerifyOptions{Since: since, Progress: func(done, total int64) {
		left := time.Duration(float64(time.Since(start)) * float64(total-done) / float64(max(done, 1)))
		line.show(fmt.Sprintf("read %d of %d MB", done>>20, total>>20), left)
	}})
	line.end()
	if err != nil {
		return fmt.Errorf("verifying %s: %w", dir, err)
	}
	if asJSON {
		err = json.NewEncoder(out).Encode(verdict)
	} else {
		err = printVerdict(out, &verdict)
	}
	if err == nil && !verdict.Sound() {
		err = &damagedError{dir}
	}
	return err
}

func printVerdict(out io.Writer, v *export.Verdict) error {
	for _, f := range v.Findings {
		if _, err := fmt.Fprintf(out, "%s: %s\n", f.Path, f.Problem); err != nil {
			return err
		}
	}
	verdict := "all is as it was written"
	if n := len(v.Findings); n > 0 {
		verdict = fmt.Sprintf("%d things are wrong", n)
	}
	_, err := fmt.Fprintf(out, "%d commits, %d files, %d rows, %d bytes: %s\n", v.Commits, v.Files, v.Rows, v.Bytes, verdict)
	return err
}
