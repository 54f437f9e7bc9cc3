package main

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/version"
)

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:         "version",
		Usage:        "print the version",
		OnUsageError: onUsageError,
		Action:       printVersion,
	}
}

func printVersion(c *cli.Context) error {
	_, err := fmt.Fprintf(c.App.Writer, "labeljoin %s %s %s/%s\n", version.Text(), runtime.Version(), runtime.GOOS,
		runtime.GOARCH)
	return err
}
