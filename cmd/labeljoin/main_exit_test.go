package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	iofs "io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/dump"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/explain"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/preview"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/trial"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/verify"
	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/events/jetstream"
	"github.com/labeljoin/labeljoin/events/mapping"
	"github.com/labeljoin/labeljoin/export"
	"github.com/labeljoin/labeljoin/export/archive"
	"github.com/labeljoin/labeljoin/export/bucket/s3"
	"github.com/labeljoin/labeljoin/export/diff"
	"github.com/labeljoin/labeljoin/export/health"
	"github.com/labeljoin/labeljoin/export/review"
	"github.com/labeljoin/labeljoin/export/rowfile"
	"github.com/labeljoin/labeljoin/export/sample"
	"github.com/labeljoin/labeljoin/export/schema"
	"github.com/labeljoin/labeljoin/export/shards"
	"github.com/labeljoin/labeljoin/export/stats"
	"github.com/labeljoin/labeljoin/export/tablelog"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/rule"
	"github.com/labeljoin/labeljoin/joiner/scenario"
	"github.com/labeljoin/labeljoin/joiner/sql"
	"github.com/labeljoin/labeljoin/store"
)

// codedError is an error and the exit code that it ends the program with.
type codedError struct {
	err  error
	code int
}

// codedErrors has every error type of the module.
func codedErrors() []codedError {
	cause := errors.New("cause")
	return []codedError{
		{&config.Error{}, terminal.ExitUsage},
		{&config.FileError{Err: cause}, terminal.ExitUsage},
		{&config.SettingError{Err: cause}, terminal.ExitUsage},
		{&rule.Error{}, terminal.ExitUsage},
		{&scenario.Error{}, terminal.ExitUsage},
		{&mapping.SpecError{}, terminal.ExitUsage},
		{&s3.SettingError{Err: cause}, terminal.ExitUsage},
		{&s3.UnfitError{}, terminal.ExitUsage},
		{&terminal.UsageError{Err: cause}, terminal.ExitUsage},
		{&replay.EvidenceError{}, terminal.ExitRefused},
		{&dump.GoneError{}, terminal.ExitRefused},
		{&jetstream.OptionsError{Err: cause}, terminal.ExitUsage},
		{&jetstream.SpreadError{}, terminal.ExitUsage},
		{&diff.UnknownColumnError{}, terminal.ExitUsage},
		{&diff.SideError{}, terminal.ExitUsage},
		{&rowfile.ColumnClashError{}, terminal.ExitUsage},
		{&archive.FeatureError{}, terminal.ExitUsage},
		{&archive.ExistsError{}, terminal.ExitUsage},
		{&sql.RefusedError{}, terminal.ExitUsage},
		{&rowfile.LabelClashError{}, terminal.ExitUsage},
		{&rowfile.StageTakenError{Column: "stage"}, terminal.ExitUsage},
		{&shards.WeightTakenError{}, terminal.ExitUsage},
		{&stats.OptionError{}, terminal.ExitUsage},
		{&differError{&diff.Result{}}, terminal.ExitRefused},
		{&schema.Error{}, terminal.ExitUsage},
		{&health.NoLabelsError{}, terminal.ExitUsage},
		{&sample.WrongSampleError{}, terminal.ExitUsage},
		{&anomaliesError{}, terminal.ExitAnomaly},
		{&trial.AnomaliesError{}, terminal.ExitAnomaly},
		{&preview.RejectedError{}, terminal.ExitAnomaly},
		{&review.AnomaliesError{}, terminal.ExitAnomaly},
		{&review.NoOutputError{}, terminal.ExitUsage},
		{&review.NoRowsError{}, terminal.ExitUsage},
		{&review.DayError{}, terminal.ExitUsage},
		{&review.SchemaFileError{Err: cause}, terminal.ExitUsage},

		{&engine.OutputBehindError{}, terminal.ExitRefused},
		{&engine.ForeignOutputError{}, terminal.ExitRefused},
		{&engine.InputsError{}, terminal.ExitRefused},
		{&engine.RetiredError{}, terminal.ExitRefused},
		{&engine.LeftOutError{}, terminal.ExitRefused},
		{&engine.TrimmedError{}, terminal.ExitRefused},
		{&engine.ReadGoneError{}, terminal.ExitRefused},
		{&engine.BooksError{}, terminal.ExitRefused},
		{&engine.OtherLogError{}, terminal.ExitRefused},
		{&engine.ReconfigureError{}, terminal.ExitRefused},
		{&jetstream.LogError{}, terminal.ExitRefused},
		{&jetstream.NoStreamError{Read: []string{"requests"}}, terminal.ExitRefused},
		{&shards.CorruptError{}, terminal.ExitRefused},
		{&shards.ManifestError{Err: cause}, terminal.ExitRefused},
		{&shards.LabelTakenError{}, terminal.ExitUsage},
		{&shards.ColumnError{}, terminal.ExitUsage},
		{&shards.LabelMissingError{}, terminal.ExitUsage},
		{&shards.GoneFileError{Err: cause}, terminal.ExitRefused},
		{&shards.NotReadyError{}, terminal.ExitFailed},
		{&shards.NoDayError{}, terminal.ExitFailed},
		{&shards.LockedError{Err: cause}, terminal.ExitFailed},
		{&export.ChainError{}, terminal.ExitRefused},
		{&export.MissingFileError{}, terminal.ExitRefused},
		{&export.GoneError{}, terminal.ExitRefused},
		{&export.EmptyError{}, terminal.ExitRefused},
		{&export.GapError{Err: cause}, terminal.ExitRefused},
		{&export.CorruptFileError{Err: cause}, terminal.ExitRefused},
		{&export.FencedError{}, terminal.ExitRefused},
		{&export.NewColumnsError{}, terminal.ExitRefused},
		{&verify.DamagedError{}, terminal.ExitRefused},

		// A store or a broker is away for a while, a state is a cache, another process ends, an event that cannot be
		// decoded goes to the dead letters, and a request may come yet.
		{&s3.UnreachableError{Err: cause}, terminal.ExitFailed},
		{&events.StoreError{}, terminal.ExitFailed},
		{&jetstream.NoStreamError{}, terminal.ExitFailed},
		{&store.DamagedError{Err: cause}, terminal.ExitFailed},
		{&export.LockedError{Err: cause}, terminal.ExitFailed},
		{&export.FolderError{Err: cause}, terminal.ExitUsage},
		{&tablelog.ConflictError{}, terminal.ExitFailed},
		{&events.RejectError{}, terminal.ExitFailed},
		{&explain.UnknownError{}, terminal.ExitFailed},
		{&export.MergedError{Err: errors.New("gone")}, terminal.ExitFailed},
	}
}

// uncoded are types whose code is that of the error that they wrap, or that no program ends with:
// they become a problem of the configuration, an answer by HTTP, or the story of an event.
var uncoded = []string{
	"jetstream.scrubbed", "wire.settingError", "ingest.encodingError", "rule.faultError", "s3.missing",
	"mapping.expressionError",
}

func TestExitCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range uncoded {
		seen[name] = true
	}
	for _, e := range codedErrors() {
		name := strings.TrimPrefix(reflect.TypeOf(e.err).String(), "*")
		t.Run(name, func(t *testing.T) {
			seen[name] = true
			wrapped := fmt.Errorf("commit 7: %w", errors.Join(errors.New("another"), e.err))
			for _, err := range []error{e.err, wrapped} {
				if code := terminal.ExitCode(err); code != e.code {
					t.Errorf("%v ends with %d, want %d", err, code, e.code)
				}
			}
		})
	}
	for _, name := range errorTypes(t) {
		if !seen[name] {
			t.Errorf("codedErrors lacks %s: which exit code does it have?", name)
		}
	}
	t.Run("no error", func(t *testing.T) {
		if code := terminal.ExitCode(nil); code != terminal.ExitDone {
			t.Errorf("ends with %d", code)
		}
	})
	t.Run("a file is missing that was not named", func(t *testing.T) {
		if code := terminal.ExitCode(fmt.Errorf("publish: %w", iofs.ErrNotExist)); code != terminal.ExitFailed {
			t.Errorf("ends with %d", code)
		}
	})
}

// TestExitCodesAreDocumented holds the README and the help against the table.
func TestExitCodesAreDocumented(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	help := runMain(t, "--help")
	for _, e := range terminal.ExitCodes() {
		t.Run(fmt.Sprint(e.Code), func(t *testing.T) {
			if !strings.Contains(string(readme), fmt.Sprintf("\n| %d |", e.Code)) {
				t.Error("the README does not have it")
			}
			if !strings.Contains(help.stdout, fmt.Sprintf("%4d  %s", e.Code, e.Means)) {
				t.Errorf("the help does not have it:\n%s", help.stdout)
			}
		})
	}
}

// errorTypes are the module's types that are errors, as package.Type.
func errorTypes(t *testing.T) []string {
	t.Helper()
	var types []string
	err := filepath.WalkDir("../..", func(path string, d iofs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != "Error" || fn.Recv == nil || fn.Type.Params.NumFields() != 0 {
				continue
			}
			receiver := fn.Recv.List[0].Type
			if pointer, ok := receiver.(*ast.StarExpr); ok {
				receiver = pointer.X
			}
			types = append(types, file.Name.Name+"."+receiver.(*ast.Ident).Name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(types) < 15 {
		t.Fatalf("only %d error types found", len(types))
	}
	return types
}
