// Package labeltest runs test files of label definitions and reports on them.
package labeltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/scenario"
)

// Notation is how configurations are written, for test files to follow.
func Notation() scenario.Notation {
	return scenario.Notation{
		Duration: func(text string) (time.Duration, error) {
			d, err := config.ParseDuration(text)
			return d.Std(), err
		},
		Nearest: config.Nearest,
	}
}

// suite is a test file together with what its configuration says.
type suite struct {
	file    *scenario.File
	options engine.Options
}

// loadSuite reads a test file and its configuration.
func loadSuite(path string) (*suite, error) {
	src, err := readTestFile(path)
	if err != nil {
		return nil, err
	}
	file, err := scenario.Parse(path, src, Notation())
	if err != nil {
		return nil, &terminal.UsageError{Err: err}
	}
	var c *config.Config
	if file.Config == "" {
		c, err = config.DecodeRules(path, src)
	} else {
		named := file.Config
		if !filepath.IsAbs(named) {
			named = filepath.Join(filepath.Dir(path), named)
		}
		c, err = config.Load(named)
	}
	if err != nil {
		return nil, &terminal.UsageError{Err: err}
	}
	rules, err := wire.Rules(c)
	if err != nil {
		return nil, &terminal.UsageError{Err: err}
	}
	// Where state and output are is the test's business.
	o, err := partition.EngineOptions(c, rules, &partition.Partition{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, &terminal.UsageError{Err: err}
	}
	feeds, err := wire.Feeds(c)
	if err != nil {
		return nil, &terminal.UsageError{Err: err}
	}
	o.Inputs = []engine.Input{{Feeds: feeds}}
	if err := file.Check(&o, Notation()); err != nil {
		return nil, &terminal.UsageError{Err: err}
	}
	return &suite{file: file, options: o}, nil
}

// readTestFile reads a little more than a test file may have: a path typed
// wrong may name a file of any size.
func readTestFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &terminal.UsageError{Err: fmt.Errorf("reading the test file: %w", err)}
	}
	defer f.Close()
	var src bytes.Buffer
	if _, err := src.ReadFrom(io.LimitReader(f, 1<<20+1)); err != nil {
		return nil, fmt.Errorf("reading the test file %s: %w", path, err)
	}
	return src.Bytes(), nil
}

// Run runs the cases of all files and prints what came of them. A file
// that is wrong does not keep the others from being run.
func Run(ctx context.Context, out io.Writer, paths []string, verbose bool) error {
	_, err := Report(ctx, out, paths, verbose)
	return err
}

// Report also returns what came of each case.
func Report(ctx context.Context, out io.Writer, paths []string, verbose bool) (*TestReport, error) {
	var wrong error
	report := &TestReport{Files: []testFile{}}
	for _, path := range paths {
		s, err := loadSuite(path)
		if err != nil {
			fmt.Fprintf(out, "FAIL  %s: cannot be run\n", path)
			wrong = errors.Join(wrong, err)
			report.Files = append(report.Files, testFile{File: path, Error: err.Error(), Cases: []testCase{}})
			continue
		}
		file, bad := testFile{File: path, Cases: []testCase{}}, 0
		for i := range s.file.Cases {
			c, err := runCase(ctx, s, &s.file.Cases[i])
			if err != nil {
				return report, err
			}
			c.Print(out, s.file.Name, verbose)
			if file.Cases = append(file.Cases, c); !c.Pass {
				bad++
			}
		}
		verdict := "ok  "
		if bad > 0 {
			verdict = "FAIL"
		}
		fmt.Fprintf(out, "%s  %s: %d of %d cases pass\n", verdict, path, len(file.Cases)-bad, len(file.Cases))
		report.Files = append(report.Files, file)
		report.Cases, report.Failed = report.Cases+len(file.Cases), report.Failed+bad
	}
	if wrong == nil && report.Failed > 0 {
		wrong = fmt.Errorf("%d of %d cases fail", report.Failed, report.Cases)
	}
	return report, wrong
}

// runCase runs a case.
func runCase(ctx context.Context, s *suite, c *scenario.Case) (testCase, error) {
	failures, err := scenario.Run(ctx, s.options, c)
	switch {
	case ctx.Err() != nil:
		return testCase{}, ctx.Err()
	case err != nil:
		failures = append(failures, scenario.Failure{Line: c.Line, Text: err.Error()})
	}
	result := testCase{Name: c.Name, Line: c.Line, Pass: len(failures) == 0}
	for _, f := range failures {
		result.Failures = append(result.Failures, testFailure{Line: f.Line, Text: f.Text})
	}
	return result, nil
}

// Print prints a case, if it fails or everything is asked for.
func (c *testCase) Print(out io.Writer, file string, verbose bool) {
	if !c.Pass {
		fmt.Fprintf(out, "FAIL  %s:%d: %s\n", file, c.Line, scenario.OneLine(c.Name))
	} else if verbose {
		fmt.Fprintf(out, "pass  %s:%d: %s\n", file, c.Line, scenario.OneLine(c.Name))
	}
	for _, f := range c.Failures {
		fmt.Fprintf(out, "  %s:%d: %s\n", file, f.Line, f.Text)
	}
}
