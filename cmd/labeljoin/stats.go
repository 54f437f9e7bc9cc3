package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/version"
	"github.com/labeljoin/labeljoin/export/page"
	"github.com/labeljoin/labeljoin/export/stats"
)

func statsCommand() *cli.Command {
	return &cli.Command{
		Name:      "stats",
		Usage:     "say what is in the rows: counts, means, histograms and frequent values of every column",
		ArgsUsage: argsRows,
		Description: "Of a day of an output, or of any Parquet files. Of rows that were corrected the last state counts.\n" +
			"The figures are those of TensorFlow Data Validation, computed exactly.",
		Flags: append(rowFlags(),
			&cli.StringSliceFlag{Name: "slice", Usage: "the same for each value of these `COLUMNS` (a,b)"},
			&cli.StringFlag{Name: "tfdv",
				Usage: "write a `FILE` for tfdv.load_statistics, or with the ending .pb for tfdv.load_stats_binary"},
			&cli.StringFlag{Name: "html", Usage: "write a page about them into a `FILE`"},
			&cli.BoolFlag{Name: "json", Usage: "print the statistics as JSON"},
		),
		OnUsageError: onUsageError,
		Action:       runStats,
	}
}

func runStats(c *cli.Context) (err error) {
	rows, err := openRows(c.Context, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	result, err := stats.Of(c.Context, rows.Sources, stats.Options{Slices: listOf(c, "slice"), Weight: rows.Weight})
	if err != nil {
		return err
	}
	sayLeftOut(c.App.ErrWriter, result)
	if file := c.String("tfdv"); file != "" {
		data, err := stats.Encode(result.Statistics, file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	if file := c.String("html"); file != "" {
		if err := writePage(file, &page.Content{Title: rows.Title, Version: version.Text(),
			Now: result.Statistics.Datasets[0]}); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, result.Statistics)
	}
	return stats.Print(c.App.Writer, result.Statistics)
}

// sayLeftOut tells what has no statistics.
func sayLeftOut(talk io.Writer, result *stats.Result) {
	if len(result.LeftOut) > 0 {
		fmt.Fprintf(talk, "labeljoin: columns of structs, maps, nested lists and decimals have no statistics: %q\n",
			strings.Join(result.LeftOut, ", "))
	}
	for column, n := range result.Slices {
		fmt.Fprintf(talk, "labeljoin: %q has %d more values than slices are made; the smallest ones are left out\n", column,
			n)
	}
}

// printJSON prints a message in the JSON of protocol buffers, with the same
// bytes for the same message.
func printJSON(w io.Writer, m proto.Message) error {
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = w.Write(out.Bytes())
	return err
}
