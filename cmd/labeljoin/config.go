package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
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
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "force", Usage: "replace FILE if it exists"},
					&cli.StringFlag{Name: "preset", Usage: "write the preset `NAME`: labeljoin config presets lists them"},
				},
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
					return initConfig(c, path)
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
				Name:         "presets",
				Usage:        "list the presets, which are configurations for known producers, or print one",
				ArgsUsage:    "[NAME]",
				OnUsageError: onUsageError,
				Action:       printPresets,
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
		info, err := os.Stat(path)
		if err == nil && info.IsDir() {
			return nil, &terminal.UsageError{Err: fmt.Errorf("%s is a directory, and a configuration is a file%s", path,
				namedOtherwise(c))}
		}
		return partition.LoadConfig(path)
	}
	cfg, err := config.Read("standard input", c.App.Reader)
	if err != nil {
		return nil, err
	}
	return partition.CheckExpressions(cfg)
}

// namedOtherwise says how a command is told of a directory, if it reads outputs.
func namedOtherwise(c *cli.Context) string {
	if slices.ContainsFunc(c.Command.Flags, func(f cli.Flag) bool { return f.Names()[0] == "from" }) {
		return ": an output is named with --from"
	}
	return ""
}

// initConfig writes the example, or a preset. Unless forced, it never replaces a file.
func initConfig(c *cli.Context, path string) error {
	src := config.Example()
	if name := c.String("preset"); name != "" {
		var err error
		if src, err = config.Preset(name); err != nil {
			return &terminal.UsageError{Err: err}
		}
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !c.Bool("force") {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &terminal.UsageError{Err: fmt.Errorf("%s exists: name another file, or replace it with --force", path)}
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = f.Write(src)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = fmt.Fprintf(c.App.Writer, "wrote %s; next: labeljoin config check %s\n", path, path)
	return err
}

// printPresets lists the presets, or prints one.
func printPresets(c *cli.Context) error {
	switch c.NArg() {
	case 0:
		for _, name := range config.Presets() {
			if _, err := fmt.Fprintf(c.App.Writer, "%-12s %s\n", name, config.PresetAbout(name)); err != nil {
				return err
			}
		}
		return nil
	case 1:
		src, err := config.Preset(c.Args().First())
		if err != nil {
			return &terminal.UsageError{Err: err}
		}
		_, err = c.App.Writer.Write(src)
		return err
	}
	return &terminal.UsageError{Err: fmt.Errorf("config presets takes one preset, and there are %d", c.NArg())}
}

// checkConfig prints what a configuration means in a few lines.
func checkConfig(out io.Writer, path string, c *config.Config, lookup func(string) (string, bool)) error {
	if path == "-" {
		path = "standard input"
	}
	w := &strings.Builder{}
	fmt.Fprintf(w, "%s is fine.\n\n", path)
	describe.Write(w, c)
	for _, m := range c.Missing(lookup) {
		fmt.Fprintf(w, "warning: %s:%d: %s: %s\n", path, m.Line, m.Path, m.Message)
	}
	for _, note := range describe.Notes(c) {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	_, err := io.WriteString(out, w.String())
	return err
}
