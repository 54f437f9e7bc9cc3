package main

import (
	"errors"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// completionCommand is `labeljoin completion`. The scripts hold all names
// themselves, so that completing starts no process.
func completionCommand() *cli.Command {
	shells := map[string]func(io.Writer, []commandline.Completable) error{"bash": commandline.BashCompletion,
		"zsh": commandline.ZshCompletion, "fish": commandline.FishCompletion}
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script with which a shell completes commands and flags",
		ArgsUsage: "bash | zsh | fish",
		Description: "bash:  source <(labeljoin completion bash)          # in ~/.bashrc\n" +
			"zsh:   source <(labeljoin completion zsh)           # in ~/.zshrc, after compinit\n" +
			"fish:  labeljoin completion fish > ~/.config/fish/completions/labeljoin.fish",
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			script, known := shells[c.Args().First()]
			if c.NArg() != 1 || !known {
				return &terminal.UsageError{Err: errors.New("completion takes the name of a shell: bash, zsh or fish")}
			}
			return script(c.App.Writer, commandline.CompletableOf(nil, "", c.App.Commands, c.App.Flags))
		},
	}
}
