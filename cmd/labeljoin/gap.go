package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/gap"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
)

func gapCommand() *cli.Command {
	return &cli.Command{
		Name:         "gap",
		Usage:        "say what became of events that are missing",
		Subcommands:  []*cli.Command{gapAddCommand(), gapRemoveCommand(), gapListCommand(), gapLogCommand()},
		OnUsageError: onUsageError,
	}
}

func gapAddCommand() *cli.Command {
	return &cli.Command{
		Name:      "add",
		ArgsUsage: commandline.ArgsConfig,
		Usage:     "declare that events of a stretch of time are missing, so that their absence is not taken for a no",
		Description: "Rows whose window touches the gap get null labels with the reason gap; an `any` that is 1 stays 1.\n" +
			"Rows that were written already are written again, as far as corrections reach. A running joiner takes\n" +
			"the gap in within seconds, another at its next start. `labeljoin gap remove` takes it back.\n\n" +
			"With --quiet it says the opposite: nothing is missing, however few outcomes there are. Labels stay as\n" +
			"they are, and the guard lets go of the stretch.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "from",
				Usage: "`TIME` of the first event that may be missing: RFC 3339, like 2026-11-23T16:40:00Z"},
			&cli.StringFlag{Name: "to", Usage: "`TIME` of the last one"},
			&cli.StringFlag{Name: "source", Value: "outcomes", Usage: "what is missing: outcomes, requests or both"},
			&cli.BoolFlag{Name: "dry-run",
				Usage: "declare nothing, and say how many of the rows that are written it would change"},
			&cli.BoolFlag{Name: "quiet", Usage: "nothing is missing: there was just little to say"},
			&cli.StringFlag{Name: "note", Usage: "why, for those who find it in the manifest"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if err := commandline.Required(c, "from", "to"); err != nil {
				return err
			}
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			g, err := gapOf(c, time.Now())
			if err != nil {
				return &terminal.UsageError{Err: err}
			}
			if c.Bool("dry-run") {
				return gap.DryRun(c.Context, cfg, g, c.App.Writer)
			}
			id, err := gap.Declare(c.Context, cfg, g)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "gap %d: %s from %s to %s\n", id, gap.What(g), g.From, g.To)
			return nil
		},
	}
}

// gapOf reads a gap from the command line. A gap in the future is a mistake:
// every row until then would be null.
func gapOf(c *cli.Context, now time.Time) (events.Gap, error) {
	g := events.Gap{Quiet: c.Bool("quiet"), Note: c.String("note")}
	for name, into := range map[string]*events.Time{"from": &g.From, "to": &g.To} {
		t, err := events.ParseTime(c.String(name))
		if err != nil {
			return g, fmt.Errorf("--%s %w", name, err)
		}
		*into = t
	}
	switch source := c.String("source"); source {
	case "outcomes":
		g.Kinds[events.KindOutcome] = true
	case "requests":
		g.Kinds[events.KindRequest] = true
	case "both":
		g.Kinds = [events.Kinds]bool{true, true}
	default:
		return g, fmt.Errorf("--source %q is not known; it is outcomes, requests or both", source)
	}
	switch {
	case g.From > g.To:
		return g, fmt.Errorf("--from %s is after --to %s: exchange them", g.From, g.To)
	case g.To > events.At(now.Add(time.Minute)):
		return g, fmt.Errorf("--to %s is in the future: what comes then is not missing yet", g.To)
	}
	return g, nil
}

func gapListCommand() *cli.Command {
	return &cli.Command{
		Name:         "list",
		ArgsUsage:    commandline.ArgsConfig,
		Usage:        "list the declared gaps, and which of them the joiner has taken in",
		Flags:        []cli.Flag{configFileFlag(), &cli.BoolFlag{Name: "json", Usage: "one JSON object a line"}},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			gaps, err := gap.List(c.Context, cfg)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				encoder := json.NewEncoder(c.App.Writer)
				for _, g := range gaps {
					if err := encoder.Encode(g); err != nil {
						return err
					}
				}
				return nil
			}
			lines := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
			fmt.Fprintln(lines, "gap\tfrom\tto\twhat\tin force\tnote")
			for _, g := range gaps {
				fmt.Fprintf(lines, "%d\t%s\t%s\t%s\t%s\t%s\n", g.ID, g.From, g.To, g.What, g.InForce, terminal.OneLine(g.Note))
			}
			return lines.Flush()
		},
	}
}

func gapLogCommand() *cli.Command {
	return &cli.Command{
		Name:      "log",
		ArgsUsage: commandline.ArgsConfig,
		Usage:     "say what the streams have lost, and with --yes go on without it",
		Description: "For a joiner that refuses to start because messages are gone: a stream was purged, trimmed, recreated,\n" +
			"rewound or restored from an older copy, single messages were deleted, or a lost state would need what the\n" +
			"stream no longer holds. It changes nothing without --yes. With it, each loss is declared as a gap of what\n" +
			"the stream carries, from the time of the message before it to that of the message after it, and the joiner\n" +
			"goes on behind it at its next start: labels whose windows touch the gap are null. Rows that were made of\n" +
			"messages that are gone now stay, as far as the gap does not touch them. `labeljoin gap remove` takes a\n" +
			"declaration back.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.BoolFlag{Name: "yes", Usage: "declare it"},
			&cli.StringFlag{Name: "note", Usage: "why, for those who find it in the manifest"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			g := gap.Losses{Config: cfg, Declare: c.Bool("yes"), Note: c.String("note"), Now: events.At(time.Now()),
				Out: &terminal.LineWriter{To: c.App.Writer}}
			return g.Run(c.Context)
		},
	}
}

func gapRemoveCommand() *cli.Command {
	return &cli.Command{
		Name:      "remove",
		ArgsUsage: "ID",
		Usage:     "take a declared gap back",
		Description: "If the joiner has not taken the gap in yet, nothing has changed and nothing does. If it has, rows that\n" +
			"the gap touches are written again with their labels and the next revision, as far as corrections reach;\n" +
			"older ones stay null. A running joiner does so within seconds, another at its next start.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "note", Usage: "why, for those who find it in the manifest"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			id, err := strconv.ParseUint(c.Args().First(), 10, 64)
			if err != nil || c.NArg() != 1 {
				return &terminal.UsageError{Err: fmt.Errorf("give the number of one gap: labeljoin gap list has them")}
			}
			cfg, err := partition.LoadConfig(c.String("config"))
			if err != nil {
				return err
			}
			return gap.Remove(c.Context, cfg, id, c.String("note"), c.App.Writer)
		},
	}
}
