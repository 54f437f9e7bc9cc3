package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/describe"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
)

// defaultConfigPath is where the commands look when they are told nothing.
const defaultConfigPath = "labeljoin.yaml"

// configCommand is `labeljoin config`.
func configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "write, check or show a configuration",
		Subcommands: []*cli.Command{
			{
				Name:      "init",
				Usage:     "write a commented configuration to start from",
				ArgsUsage: "[FILE]",
				Flags:     []cli.Flag{&cli.BoolFlag{Name: "force", Usage: "replace FILE if it exists"}},
				Action: func(c *cli.Context) error {
					path := defaultConfigPath
					switch c.NArg() {
					case 0:
					case 1:
						path = c.Args().First()
					default:
						return &terminal.UsageError{Err: fmt.Errorf("config init writes one file, and there are %d: %s", c.NArg(),
							strings.Join(c.Args().Slice(), ", "))}
					}
					return initConfig(c.App.Writer, path, c.Bool("force"))
				},
			},
			{
				Name:      "check",
				Usage:     "say what is wrong with a configuration, or what it means",
				ArgsUsage: commandline.ArgsConfig,
				Flags:     []cli.Flag{configFileFlag()},
				Action: func(c *cli.Context) error {
					cfg, err := configOf(c)
					if err != nil {
						return err
					}
					return checkConfig(c.App.Writer, c.String("config"), cfg, os.LookupEnv)
				},
			},
			{
				Name:         "reference",
				Usage:        "print what every setting means, or one SETTING or block, like join.window or join",
				ArgsUsage:    "[SETTING]",
				OnUsageError: onUsageError,
				Action:       printReference,
			},
			{
				Name:      "print",
				Usage:     "print a configuration with every default spelled out and paths absolute; secrets stay references",
				ArgsUsage: commandline.ArgsConfig,
				Flags:     []cli.Flag{configFileFlag()},
				Action: func(c *cli.Context) error {
					cfg, err := configOf(c)
					if err != nil {
						return err
					}
					_, err = c.App.Writer.Write(cfg.Print())
					return err
				},
			},
		},
	}
}

// configFileFlag is for commands that are about a configured joiner.
func configFileFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", Value: defaultConfigPath,
		Usage: "the configuration `FILE`; - is standard input"}
}

// configOf loads the configuration that a command line names.
func configOf(c *cli.Context) (*config.Config, error) {
	if path := c.String("config"); path != "-" {
		return partition.LoadConfig(path)
	}
	cfg, err := config.Read("standard input", c.App.Reader)
	if err != nil {
		return nil, err
	}
	return partition.CheckExpressions(cfg)
}

// initConfig writes the example. Unless forced, it never replaces a file.
func initConfig(out io.Writer, path string, force bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !force {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: name another file, or replace it with labeljoin config init --force %s: %w", path,
			path, err)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = f.Write(config.Example())
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = fmt.Fprintf(out, "wrote %s; next: labeljoin config check %s\n", path, path)
	return err
}

// checkConfig prints what a configuration means in a few lines.
func checkConfig(out io.Writer, path string, c *config.Config, lookup func(string) (string, bool)) error {
	if path == "-" {
		path = "standard input"
	}
	w := &strings.Builder{}
	fmt.Fprintf(w, "%s is fine.\n\n", path)
	describe.Write(w, c)
	for _, note := range describe.Notes(c, lookup) {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	_, err := io.WriteString(out, w.String())
	return err
}
