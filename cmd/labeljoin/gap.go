package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/joiner"
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
		ArgsUsage: argsConfig,
		Usage:     "declare that events of a stretch of time are missing, so that nobody takes their absence for a no",
		Description: "Rows whose window touches the gap get null labels with the reason gap; an `any` that is 1 stays 1.\n" +
			"Rows that were written already are written again, as far as corrections reach. A running joiner takes\n" +
			"the gap in within seconds, another at its next start. `labeljoin gap remove` takes it back.\n\n" +
			"With --quiet it says the opposite: nothing is missing, however few outcomes there are. Labels stay as\n" +
			"they are, and the guard lets go of the stretch.",
		Flags: []cli.Flag{
			configFileFlag(),
			&cli.StringFlag{Name: "from", Usage: "`TIME` of the first event that may be missing: RFC 3339, like 2026-11-23T16:40:00Z"},
			&cli.StringFlag{Name: "to", Usage: "`TIME` of the last one"},
			&cli.StringFlag{Name: "source", Value: "outcomes", Usage: "what is missing: outcomes, requests or both"},
			&cli.BoolFlag{Name: "dry-run", Usage: "declare nothing, and say how many of the rows that are written it would change"},
			&cli.BoolFlag{Name: "quiet", Usage: "nothing is missing: there was just little to say"},
			&cli.StringFlag{Name: "note", Usage: "why, for those who find it in the manifest"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if err := required(c, "from", "to"); err != nil {
				return err
			}
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			gap, err := gapOf(c, time.Now())
			if err != nil {
				return &usageError{err}
			}
			if c.Bool("dry-run") {
				return tryGap(c.Context, cfg, gap, c.App.Writer)
			}
			id, err := declareGap(cfg, gap)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "gap %d: %s from %s to %s\n", id, sourcesOf(gap), gap.From, gap.To)
			return nil
		},
	}
}

// gapOf reads a gap from the command line. A gap in the future is a mistake:
// every row until then would be null.
func gapOf(c *cli.Context, now time.Time) (joiner.Gap, error) {
	g := joiner.Gap{Quiet: c.Bool("quiet"), Note: c.String("note")}
	for name, into := range map[string]*events.Time{"from": &g.From, "to": &g.To} {
		t, err := time.Parse(time.RFC3339Nano, c.String(name))
		if err != nil {
			return g, fmt.Errorf("--%s %q is no time: write it like %s", name, c.String(name), now.UTC().Format(time.RFC3339))
		}
		*into = events.At(t)
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

func declareGap(cfg *config.Config, gap joiner.Gap) (uint64, error) {
	if _, err := vfs.Default.Stat(cfg.Output.Dir); err != nil && gap.Log == nil {
		return 0, &usageError{fmt.Errorf("there is no output at %s yet, so nothing can be missing from it: %w", cfg.Output.Dir, err)}
	}
	gaps, err := export.OpenGaps(vfs.Default, cfg.Output.Dir)
	if err != nil {
		return 0, err
	}
	id, err := gaps.Declare(gap)
	return id, errors.Join(err, keepOwner(filepath.Join(cfg.Output.Dir, "_gaps"), cfg.Output.Dir))
}

func sourcesOf(g joiner.Gap) string {
	names := ""
	for k, missing := range g.Kinds {
		if missing && names != "" {
			names += " and "
		}
		if missing {
			names += events.Kind(k).String() + "s"
		}
	}
	if g.Quiet {
		return "nothing missing of " + names
	}
	return names + " missing"
}

func gapListCommand() *cli.Command {
	return &cli.Command{
		Name:         "list",
		ArgsUsage:    argsConfig,
		Usage:        "list the declared gaps, and which of them the joiner has taken in",
		Flags:        []cli.Flag{configFileFlag(), &cli.BoolFlag{Name: "json", Usage: "one JSON object a line"}},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			cfg, err := configOf(c)
			if err != nil {
				return err
			}
			gaps, err := listGaps(cfg)
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
				fmt.Fprintf(lines, "%d\t%s\t%s\t%s\t%s\t%s\n", g.ID, g.From, g.To, g.What, g.InForce, onOneLine(g.Note))
			}
			return lines.Flush()
		},
	}
}

// listedGap is a gap as people look at it.
type listedGap struct {
	ID      uint64 `json:"id"`
	From    string `json:"from"`
	To      string `json:"to"`
	What    string `json:"what"`
	InForce string `json:"in_force"`
	Note    string `json:"note,omitempty"`
}

// listGaps lists what was declared, and since when it counts.
func listGaps(cfg *config.Config) ([]listedGap, error) {
	archive, err := export.OpenArchive(vfs.Default, cfg.Output.Dir, partition)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	last, _, err := archive.Last()
	if err != nil {
		return nil, err
	}
	gaps, err := export.OpenGaps(vfs.Default, cfg.Output.Dir)
	if err != nil {
		return nil, err
	}
	declared, err := gaps.List()
	if err != nil {
		return nil, err
	}
	var out []listedGap
	for _, g := range declared {
		l := listedGap{ID: g.ID, From: g.From.String(), To: g.To.String(), What: sourcesOf(g), Note: g.Note, InForce: "not yet"}
		if g.Removes != 0 {
			l.What = fmt.Sprintf("takes gap %d back", g.Removes)
		}
		taken := slices.IndexFunc(last.Cut.Progress.Gaps, func(t joiner.Gap) bool { return t.ID == g.ID })
		if taken >= 0 {
			l.InForce = "for requests since " + last.Cut.Progress.Gaps[taken].Since.String()
		}
		out = append(out, l)
	}
	return out, nil
}

// gapsOf is what was declared for an output; an empty dir has no gaps.
func gapsOf(dir string) ([]joiner.Gap, error) {
	if dir == "" {
		return nil, nil
	}
	archive, err := export.OpenArchive(vfs.Default, dir, partition)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &usageError{fmt.Errorf("--gaps-of %s: there is no output: %w", dir, err)}
	}
	if err != nil {
		return nil, err
	}
	gaps, err := archive.Gaps()
	if err != nil {
		return nil, fmt.Errorf("--gaps-of %s: %w", dir, err)
	}
	return gaps, nil
}
