package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/place"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/export/bucket"
	"github.com/labeljoin/labeljoin/export/diff"
)

func diffCommand() *cli.Command {
	return &cli.Command{
		Name:  "diff",
		Usage: "compare the rows of two outputs, column by column",
		Description: "A and B are directories of outputs or addresses of them (s3://bucket/prefix, reached as the block s3 of\n" +
			"--config says), or Parquet files, or directories of them. Rows are found by\n" +
			"request_id and item_id. Of several revisions the highest counts, and a row that was withdrawn counts\n" +
			"as absent; revision and reason are not compared unless --ignore names others. The memory is bounded.\n\n" +
			"It exits with 0 if all rows are the same, and with 3 if any differ.\n\n" +
			"With --labels it says how far labels agree instead, and exits with 0: with one output each of the labels\n" +
			"with each other, with two each with the one of its name. x=y compares x (in A) with y (in B). A label may be\n" +
			"any column, like relevant_class. Rows in which either is null are counted and not compared.\n\n" +
			"Example, live against a replay of its log:\n  labeljoin replay --requests requests.jsonl --outcomes outcomes.jsonl --out again && labeljoin diff labeled again",
		ArgsUsage: "A [B]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "the configuration `FILE` that says how an object store is reached"},
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
			&cli.BoolFlag{Name: "skew",
				Usage: "print the counters of TensorFlow Data Validation's feature skew, as JSON: A is the base, B the test"},
			&cli.StringSliceFlag{Name: "labels",
				Usage: "say how far `LABELS` agree (a,b or a=b): confusion table, Cohen's kappa, Krippendorff's alpha"},
			&cli.IntFlag{Name: "examples", Value: 3, Usage: "tell of `N` rows for each difference"},
			&cli.StringSliceFlag{Name: "ignore", Usage: "do not compare `COLUMN`; once for each (default: revision, reason)"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			labels := listOf(c, "labels")
			switch {
			case c.IsSet("labels") && len(labels) == 0:
				return &terminal.UsageError{Err: errors.New("--labels names no label")}
			case c.NArg() != 2 && (len(labels) == 0 || c.NArg() != 1):
				return &terminal.UsageError{Err: fmt.Errorf(
					"%s takes two outputs, or one with --labels: labeljoin diff A B", c.Command.HelpName)}
			}
			for _, side := range c.Args().Slice() {
				_, err := os.Stat(side)
				if errors.Is(err, fs.ErrNotExist) && !strings.HasPrefix(side, "s3://") {
					return &terminal.UsageError{Err: fmt.Errorf("there is no output and no file at %s", side)}
				}
			}
			o := diff.Options{Ignore: c.StringSlice("ignore"), Examples: c.Int("examples")}
			if !c.IsSet("ignore") {
				o.Ignore = nil
			}
			var cfg *config.Config // nil: as the environment says
			if c.IsSet("config") {
				var err error
				if cfg, err = configOf(c); err != nil {
					return err
				}
			}
			o.Place = func(address string) (bucket.Bucket, error) { return place.Of(c.Context, cfg, address) }
			if len(labels) > 0 {
				return diffLabels(c, labels, o)
			}
			result, err := diff.Compare(c.Context, c.Args().Get(0), c.Args().Get(1), o)
			if err != nil {
				return err
			}
			return tellDiff(c.App.Writer, result, c.Bool("json"), c.Bool("skew"))
		},
	}
}

// diffLabels says how far labels agree.
func diffLabels(c *cli.Context, labels []string, o diff.Options) error {
	for _, flag := range []string{"skew", "ignore"} {
		if c.IsSet(flag) {
			return &terminal.UsageError{Err: fmt.Errorf("--%s has no effect with --labels: leave one of the two out", flag)}
		}
	}
	pairs, err := diff.PairsOf(labels, c.NArg() == 1)
	if err != nil {
		return &terminal.UsageError{Err: err}
	}
	result, err := diff.CompareLabels(c.Context, c.Args().Get(0), c.Args().Get(1), pairs, o)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		e := json.NewEncoder(c.App.Writer)
		e.SetIndent("", "  ")
		return e.Encode(result)
	}
	return result.Print(c.App.Writer)
}

// tellDiff prints a result. It is an error if something differs.
func tellDiff(w io.Writer, r *diff.Result, asJSON, skew bool) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	var err error
	switch {
	case skew:
		err = e.Encode(r.Skew())
	case asJSON:
		err = e.Encode(r)
	default:
		_, err = fmt.Fprint(w, r)
	}
	if err != nil || r.Same() {
		return err
	}
	return &differError{r}
}

// differError says that two outputs differ.
type differError struct{ result *diff.Result }

// Error implements error.
func (e *differError) Error() string {
	return fmt.Sprintf("the outputs differ: %s only in A, %d only in B, %d with other values",
		terminal.Count(e.result.OnlyA, "row"), e.result.OnlyB, e.result.Differ)
}

// Refusal reports that a person has to decide.
func (e *differError) Refusal() bool { return true }
