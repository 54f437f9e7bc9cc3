// Command labeljoin joins what a model was asked with what happened afterwards
// into labeled Parquet, exactly once. It is where the configuration meets the
// packages that do the work; README.md is its manual.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// The exit codes, documented in the README.
const (
	exitFailed  = 1 // something did not work; trying again may help
	exitUsage   = 2 // the command line or the configuration is wrong
	exitRefused = 3 // state, output and log do not fit together: somebody has to decide
	exitStopped = 130
)

func main() { os.Exit(realMain(os.Args)) }

// realMain runs a command line and returns the exit code.
func realMain(args []string) int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	err := newApp().RunContext(ctx, args)
	if err == nil {
		return 0
	}
	var coded cli.ExitCoder
	if text := err.Error(); text != "" {
		fmt.Fprintln(os.Stderr, "labeljoin: "+text)
	}
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return exitCode(err)
}

// exitCode sorts an error by what has to be done about it.
func exitCode(err error) int {
	var (
		usage   *usageError
		problem *config.Error
		behind  *engine.OutputBehindError
		foreign *engine.ForeignOutputError
		inputs  *engine.InputsError
		books   *engine.BooksError
		trimmed *engine.TrimmedError
		log     *jetstream.LogError
		chain   *export.ChainError
		missing *export.MissingFileError
		corrupt *export.CorruptFileError
		fenced  *export.FencedError
		damaged *damagedError
		clash   *export.ColumnClashError
		label   *export.LabelClashError
	)
	switch {
	case errors.As(err, &usage), errors.As(err, &problem), errors.As(err, &clash), errors.As(err, &label),
		errors.Is(err, fs.ErrNotExist): // a file that the command line names
		return exitUsage
	case errors.As(err, &behind), errors.As(err, &foreign), errors.As(err, &inputs), errors.As(err, &books), errors.As(err, &trimmed),
		errors.As(err, &log), errors.As(err, &chain), errors.As(err, &missing), errors.As(err, &corrupt), errors.As(err, &fenced), errors.As(err, &damaged):
		return exitRefused
	}
	return exitFailed
}

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func newApp() *cli.App {
	return &cli.App{
		Name:  "labeljoin",
		Usage: "join requests and outcomes into labeled training data, exactly once",
		Description: "Start with `labeljoin demo`, which needs nothing.\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong command line or configuration,\n" +
			"3 state, output and log do not fit together, or the output is damaged, 130 stopped by a second signal.",
		Suggest:         true,
		HideVersion:     true,
		HideHelpCommand: true,
		Commands: []*cli.Command{
			demoCommand(), runCommand(), replayCommand(), testCommand(), configCommand(), explainCommand(), statusCommand(), verifyCommand(), gapCommand(), benchCommand(), helpCommand(), versionCommand(),
		},
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				return &usageError{fmt.Errorf("there is no command %q: labeljoin --help lists them", name)}
			}
			return cli.ShowAppHelp(c)
		},
		OnUsageError:   onUsageError,
		ExitErrHandler: func(*cli.Context, error) {}, // realMain prints errors, once
	}
}

func onUsageError(_ *cli.Context, err error, _ bool) error { return &usageError{err} }
