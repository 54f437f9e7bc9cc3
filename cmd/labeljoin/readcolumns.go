package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events/formats/columnar"
	"github.com/labeljoin/labeljoin/events/formats/packed"
)

// readColumnsGC is how much garbage there may be beside the pages of a file, which hold no pointers: collecting costs
// little, and the process stands beside a replay whose memory is bounded.
const readColumnsGC = 25

// readColumnsCommand writes the records of a file as lines. It is a process of its own
// because a damaged file can end it.
func readColumnsCommand() *cli.Command {
	return &cli.Command{
		Name:      replay.ReadColumnsName,
		Usage:     "write the records of a Parquet or Avro file as JSON lines",
		ArgsUsage: "FILE [COLUMN...]",
		Hidden:    true,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: replay.PackFlag, Usage: "pack rows that have the fields of requests"},
			&cli.BoolFlag{Name: replay.RoomFlag, Usage: "put packed rows into the memory that is file 3"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return &terminal.UsageError{Err: fmt.Errorf("%s takes a file", c.Command.HelpName)}
			}
			if err := columnar.LimitMemory(); err != nil {
				return fmt.Errorf("bounding the memory: %w", err)
			}
			debug.SetGCPercent(readColumnsGC)
			path, out, only := c.Args().First(), terminal.Raw(c.App.Writer), c.Args().Tail()
			if !c.Bool(replay.PackFlag) {
				return columnar.Write(c.Context, path, out, only...)
			}
			var room *packed.Room
			if c.Bool(replay.RoomFlag) {
				var err error
				if room, err = packed.OpenRoom(os.NewFile(columnar.RoomFD, "room")); err != nil {
					return err
				}
			}
			return columnar.Pack(c.Context, path, out, room, only...)
		},
	}
}
