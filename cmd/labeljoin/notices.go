package main

import (
	_ "embed" // for the notices
	"io"

	"github.com/urfave/cli/v2"
)

// notices are the licences of all that is linked into the program, which each
// of them wants to travel with it. TestNotices makes them.
//
//go:embed THIRD_PARTY_NOTICES
var notices string

// noticesCommand is `labeljoin notices`.
func noticesCommand() *cli.Command {
	return &cli.Command{
		Name:         "notices",
		Usage:        "print the licences of the modules that are linked into the program",
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			_, err := io.WriteString(c.App.Writer, notices)
			return err
		},
	}
}
