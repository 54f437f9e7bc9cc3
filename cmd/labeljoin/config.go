package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

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
					path, err := configPath(c)
					if err != nil {
						return err
					}
					return initConfig(c.App.Writer, path, c.Bool("force"))
				},
			},
			{
				Name:      "check",
				Usage:     "say what is wrong with a configuration, or what it means",
				ArgsUsage: "[FILE]",
				Flags:     []cli.Flag{configFlag()},
				Action: func(c *cli.Context) error {
					path, err := configPath(c)
					if err != nil {
						return err
					}
					return checkConfig(c.App.Writer, path, os.LookupEnv)
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
				ArgsUsage: "[FILE]",
				Flags:     []cli.Flag{configFlag()},
				Action: func(c *cli.Context) error {
					path, err := configPath(c)
					if err != nil {
						return err
					}
					return printConfig(c.App.Writer, path)
				},
			},
		},
	}
}

// configFlag lets check and print be called like run.
func configFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", Usage: "the same as FILE", DefaultText: defaultConfigPath}
}

// configPath is the one file that a command is about.
func configPath(c *cli.Context) (string, error) {
	paths := c.Args().Slice()
	if flag := c.String("config"); flag != "" {
		paths = append(paths, flag)
	}
	switch len(paths) {
	case 0:
		return defaultConfigPath, nil
	case 1:
		return paths[0], nil
	}
	return "", fmt.Errorf("%s takes one file, and there are %d (%s): options come before the file", c.Command.FullName(), len(paths), strings.Join(paths, ", "))
}

// initConfig writes the example. Unless forced, it never replaces a file.
func initConfig(out io.Writer, path string, force bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !force {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: name another file, or replace it with labeljoin config init --force %s: %w", path, path, err)
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

// printConfig prints the configuration that a file stands for.
func printConfig(out io.Writer, path string) error {
	c, err := loadConfig(path)
	if err != nil {
		return err
	}
	_, err = out.Write(c.Print())
	return err
}

// checkConfig prints what a configuration means in a few lines.
func checkConfig(out io.Writer, path string, lookup func(string) (string, bool)) error {
	c, err := loadConfig(path)
	if err != nil {
		return err
	}
	w := &strings.Builder{}
	fmt.Fprintf(w, "%s is fine.\n\n", path)
	describe(w, c)
	for _, note := range notesOf(c, lookup) {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	_, err = io.WriteString(out, w.String())
	return err
}
