// Command labeljoin joins what a model was asked with what happened afterwards
// into labeled Parquet, exactly once. It is where the configuration meets the
// packages that do the work; README.md is its manual.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

func main() {
	talk := stderr()
	ctx, stop := untilSignal(context.Background(), talk) // first of all: a signal ends the process before
	keepPrivate()
	code := execute(ctx, os.Args, os.Stdin, os.Stdout, talk)
	stop()
	os.Exit(code)
}

// execute runs a command line and returns the exit code. Results go to out, and
// all that is said about them to talk: where that cannot be written, nothing fails.
func execute(ctx context.Context, args []string, in io.Reader, out, talk io.Writer) int {
	app := newApp()
	talk = &terminal.SafeWriter{To: talk, Talk: true}
	results := &terminal.SafeWriter{To: out}
	app.Reader, app.Writer, app.ErrWriter = in, results, talk
	err := perform(ctx, app, args)
	if err == nil {
		err = results.Err // some that print do not look: a help page, a report of tests
	}
	if err != nil {
		fmt.Fprintln(talk, "labeljoin: "+err.Error())
	}
	return terminal.ExitCode(err)
}

// perform runs a command line of an app.
func perform(ctx context.Context, app *cli.App, args []string) error {
	args, err := commandline.Arrange(app, args, helpTopicNames())
	if err != nil {
		return err
	}
	return commandline.WrongPath(args, app.RunContext(ctx, args))
}

func newApp() *cli.App {
	app := &cli.App{
		Name:        "labeljoin",
		Usage:       "join requests and outcomes into labeled training data, exactly once",
		Description: "Start with `labeljoin demo`, which needs nothing.\n\nExit codes:\n" + terminal.ExitCodesText(),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "version", Usage: "print the version", DisableDefaultText: true},
		},
		HideVersion:               true, // the flag and the command say the same
		HideHelpCommand:           true, // arrange knows it
		DisableSliceFlagSeparator: true, // a file's name may have a comma
		Commands: []*cli.Command{
			demoCommand(), runCommand(), replayCommand(), archiveCommand(), dumpCommand(), sqlCommand(), testCommand(), tryCommand(), mapCommand(),
			configCommand(),
			statusCommand(), topCommand(), explainCommand(), verifyCommand(), diffCommand(), doctorCommand(), gapCommand(),
			deadletterCommand(),
			daysCommand(), exportCommand(), viewCommand(), featuresCommand(),
			statsCommand(), schemaCommand(), validateCommand(), healthCommand(), windowCommand(), reportCommand(), sampleCommand(),
			compactCommand(), retainCommand(),
			benchCommand(), completionCommand(), helpCommand(), noticesCommand(), versionCommand(),
			readColumnsCommand(), // hidden: replay starts it
		},
		Action: func(c *cli.Context) error {
			if c.Bool("version") {
				return printVersion(c)
			}
			return cli.ShowAppHelp(c)
		},
		OnUsageError:   onUsageError,
		ExitErrHandler: func(*cli.Context, error) {}, // execute prints errors, once
	}
	offUnlessGiven(app.Commands)
	return app
}

// offUnlessGiven keeps the help from saying of every switch that it is off by default.
func offUnlessGiven(commands []*cli.Command) {
	for _, command := range commands {
		for _, f := range command.Flags {
			if a, ok := f.(*cli.BoolFlag); ok && !a.Value {
				a.DisableDefaultText = true
			}
		}
		offUnlessGiven(command.Subcommands)
	}
}

func onUsageError(_ *cli.Context, err error, _ bool) error { return &terminal.UsageError{Err: err} }
