package joiner_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/config"
	"github.com/labeljoin/labeljoin/config/wire"
	"github.com/labeljoin/labeljoin/joiner/engine"
	"github.com/labeljoin/labeljoin/joiner/scenario"
)

// TestSemantics runs the scenarios that SEMANTICS.md names: as they are, and with
// the engine restarted after every event, which must change nothing. To run one:
//
//	go test ./joiner -run 'TestSemantics/withdrawn/and_a_later_one'
func TestSemantics(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/semantics/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no scenarios: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			t.Parallel()
			file, options := loadScenarios(t, path)
			for i := range file.Cases {
				c := &file.Cases[i]
				t.Run(c.Name, func(t *testing.T) { runScenario(t, path, options, c) })
				t.Run(c.Name+" (restarting)", func(t *testing.T) { runScenario(t, path, options, c.Restarting()) })
			}
		})
	}
}

// loadScenarios reads a scenario file, and the configuration that it holds.
func loadScenarios(t *testing.T, path string) (*scenario.File, engine.Options) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	notation := scenario.Notation{
		Duration: func(text string) (time.Duration, error) {
			d, err := config.ParseDuration(text)
			return d.Std(), err
		},
		Nearest: config.Nearest,
	}
	file, err := scenario.Parse(path, src, notation)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.DecodeRules(path, src)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := wire.Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	options, err := wire.Options(c, rules)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Check(&options, notation); err != nil {
		t.Fatal(err)
	}
	return file, options
}

func runScenario(t *testing.T, path string, options engine.Options, c *scenario.Case) {
	t.Helper()
	failures, err := scenario.Run(t.Context(), options, c)
	if err != nil {
		t.Errorf("%s:%d: %v", path, c.Line, err)
	}
	for _, f := range failures {
		t.Errorf("%s:%d: %s", path, f.Line, f.Text)
	}
}
