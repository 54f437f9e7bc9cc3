package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events/formats/columnar"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tfmd"
)

func validateCommand() *cli.Command {
	return &cli.Command{
		Name:      "validate",
		Usage:     "check rows against a schema and against other rows",
		ArgsUsage: argsRows,
		Description: "Finds what TensorFlow Data Validation finds, in its words, and shows how far each column is from --against.\n" +
			"Without --schema the schema is inferred from --against.\n" +
			"Exit codes: 0 all is as it should be, 4 there are anomalies.",
		Flags: append(rowFlags(),
			&cli.StringFlag{Name: "schema", Usage: "the schema's `FILE`"},
			&cli.StringFlag{Name: "against", Usage: "rows of before: a `DAY`, yesterday (the day before --date), Parquet files, or statistics that stats --tfdv wrote"},
			&cli.StringFlag{Name: "serving",
				Usage: "rows that were served, for training-serving skew: a `DAY`, files or statistics"},
			&cli.StringFlag{Name: "environment", Usage: "the `NAME` of an environment of the schema: TRAINING, SERVING"},
			&cli.StringSliceFlag{Name: "slice", Usage: "check each value of these `COLUMNS` too"},
			&cli.StringFlag{Name: "anomalies", Usage: "write the anomalies into a `FILE`, as TFDV's message"},
			&cli.BoolFlag{Name: "json", Usage: "print the anomalies as JSON"},
		),
		OnUsageError: onUsageError,
		Action:       runValidate,
	}
}

// anomaliesError says that rows are not as they should be.
type anomaliesError struct {
	what  string
	count int
}

func (e *anomaliesError) Error() string { return e.what + ": " + schema.CountText(e.count) }

// Anomalies reports that the command did its work, and found something.
func (e *anomaliesError) Anomalies() bool { return true }

func runValidate(c *cli.Context) error {
	v, err := newValidation(c)
	if err != nil {
		return err
	}
	if err := v.load(c); err != nil {
		return err
	}
	if err := v.check(); err != nil {
		return err
	}
	return v.tell(c)
}

// validation is one run of the command.
type validation struct {
	schema        *tfmd.Schema
	before        *tfmd.DatasetFeatureStatisticsList // nil: none
	serving       *tfmd.DatasetFeatureStatisticsList // nil: none
	now           *tfmd.DatasetFeatureStatisticsList
	title         string
	environment   string
	found         *tfmd.Anomalies
	slices        map[string]*tfmd.Anomalies
	drifts        []schema.Drift
	sliceNames    []string
	sliceFindings int
}

func newValidation(c *cli.Context) (*validation, error) {
	v := &validation{environment: c.String("environment"), slices: map[string]*tfmd.Anomalies{}}
	if file := c.String("schema"); file != "" {
		s, err := review.ReadSchema(file)
		if err != nil {
			return nil, err
		}
		v.schema = s
	} else if c.String("against") == "" {
		return nil, &terminal.UsageError{Err: errors.New("validate needs --schema, --against, or both: what should the rows be like?")}
	}
	return v, nil
}

// load computes or reads the statistics.
func (v *validation) load(c *cli.Context) (err error) {
	o := stats.Options{Categorical: schema.Categorical(v.schema), Slices: listOf(c, "slice")}
	if against := c.String("against"); against != "" {
		own := o
		own.PinOwn, own.Slices = true, nil
		if v.before, err = v.other(c, against, own); err != nil {
			return fmt.Errorf("--against: %w", err)
		}
		whole, err := schema.Whole(v.before)
		if err != nil {
			return err
		}
		o.Pins = stats.PinsOf(whole)
	}
	if serving := c.String("serving"); serving != "" {
		own := o
		own.Slices, own.Pins = nil, nil
		if v.serving, err = v.other(c, serving, own); err != nil {
			return fmt.Errorf("--serving: %w", err)
		}
	}
	rows, err := openRows(c.Context, c)
	if err != nil {
		return err
	}
	v.title = rows.Title
	v.now, err = review.Statistics(c.Context, rows, o)
	return err
}

// other are the statistics of other rows: a day, files, or a file with
// statistics.
func (v *validation) other(c *cli.Context, what string, o stats.Options) (*tfmd.DatasetFeatureStatisticsList, error) {
	day, err := review.Before(c.String("date"), what)
	if err != nil {
		return nil, &terminal.UsageError{Err: errors.New("yesterday is the day before --date: give it like 2026-11-23")}
	}
	if _, err := time.Parse(time.DateOnly, day); err == nil {
		output, err := outputOf(c)
		if err != nil {
			return nil, err
		}
		rows, err := output.Day(c.Context, day, c.String("weight"))
		if err != nil {
			return nil, err
		}
		return review.Statistics(c.Context, rows, o)
	}
	if info, err := os.Stat(what); err == nil && !info.IsDir() {
		if rows, err := columnar.IsParquet(what); err != nil || !rows {
			return statisticsIn(what)
		}
	}
	rows, err := review.Paths(c.Context, what, c.String("weight"), what)
	if err != nil {
		return nil, err
	}
	return review.Statistics(c.Context, rows, o)
}

// statisticsIn reads a file with statistics.
func statisticsIn(path string) (*tfmd.DatasetFeatureStatisticsList, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list, err := stats.Decode(data)
	if err != nil {
		return nil, &terminal.UsageError{Err: fmt.Errorf("%s is neither Parquet nor statistics: %w", path, err)}
	}
	return list, nil
}

// check finds the anomalies.
func (v *validation) check() (err error) {
	if v.schema == nil {
		if v.schema, err = schema.Infer(v.before, schema.DefaultTexts, true); err != nil {
			return err
		}
	}
	v.found, err = schema.Validate(v.now, v.schema, schema.Against{Environment: v.environment, Previous: v.before,
		Serving: v.serving})
	if err != nil {
		return err
	}
	for _, d := range v.now.Datasets[1:] {
		found, err := schema.Validate(&tfmd.DatasetFeatureStatisticsList{Datasets: []*tfmd.DatasetFeatureStatistics{d}},
			v.schema, schema.Against{Environment: v.environment})
		if err != nil {
			return err
		}
		if n := schema.Count(found); n > 0 {
			v.slices[d.Name], v.sliceNames = found, append(v.sliceNames, d.Name)
			v.sliceFindings += n
		}
	}
	if v.before == nil {
		return nil
	}
	before, err := schema.Whole(v.before)
	if err != nil {
		return err
	}
	v.drifts = schema.Drifts(before, v.now.Datasets[0])
	return nil
}

// tell prints what was found.
func (v *validation) tell(c *cli.Context) error {
	if file := c.String("anomalies"); file != "" {
		data, err := schema.EncodeAnomalies(v.found)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	w := c.App.Writer
	if c.Bool("json") {
		if err := printJSON(w, v.found); err != nil {
			return err
		}
	} else if err := v.print(w); err != nil {
		return err
	}
	if n := schema.Count(v.found) + v.sliceFindings; n > 0 {
		return &anomaliesError{v.title, n}
	}
	return nil
}

func (v *validation) print(w io.Writer) error {
	if err := schema.PrintAnomalies(w, v.found); err != nil {
		return err
	}
	for _, name := range v.sliceNames {
		fmt.Fprintf(w, "\nslice %q\n", name)
		if err := schema.PrintAnomalies(w, v.slices[name]); err != nil {
			return err
		}
	}
	if schema.Count(v.found)+v.sliceFindings == 0 {
		fmt.Fprintf(w, "no anomalies in %s\n", terminal.Count(v.now.Datasets[0].NumExamples, "row"))
	}
	if len(v.drifts) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "column\tdrift\tJSD of TFDV\tL-infinity")
	for _, d := range v.drifts {
		fmt.Fprintf(t, "%q\t%s\t%s\t%s\n", d.Column, measured(d.Pinned), measured(d.JensenShannon), measured(d.LInfinity))
	}
	return t.Flush()
}

// measured writes a measure, if there is one.
func measured(x *float64) string {
	if x == nil {
		return ""
	}
	return fmt.Sprintf("%.4f", *x)
}
