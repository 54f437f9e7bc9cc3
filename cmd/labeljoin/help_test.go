package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/labeltest"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/joiner/scenario"
)

// yamlBlocks are the code blocks of a page that are marked as YAML.
func yamlBlocks(page string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// TestPageTests runs every test file that is shown in TESTS.md.
func TestPageTests(t *testing.T) {
	dir := t.TempDir()
	labels := "join: {window: 30m}\nlabels:\n  clicked: 'type == \"click\"'\n"
	if err := os.WriteFile(filepath.Join(dir, "labeljoin.yaml"), []byte(labels), 0o600); err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlocks(scenario.Page())
	for i, block := range blocks {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			path := filepath.Join(dir, fmt.Sprintf("%d.yaml", i+1))
			if err := os.WriteFile(path, []byte(block), 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := labeltest.Run(t.Context(), &out, []string{path}, false); err != nil {
				t.Errorf("%v\n%s", err, &out)
			}
		})
	}
	if len(blocks) < 4 {
		t.Errorf("only %d test files found in the page", len(blocks))
	}
}

// TestPageConfigurations reads every configuration that is shown in a page, and
// runs every test file that is. CI runs the commands of the pages too.
func TestPageConfigurations(t *testing.T) {
	for _, name := range []string{"README.md", "cmd/labeljoin/WALKTHROUGH.md", "joiner/rule/CONDITIONS.md"} {
		t.Run(name, func(t *testing.T) {
			page, err := os.ReadFile(filepath.Join("../..", filepath.FromSlash(name)))
			if err != nil {
				t.Fatal(err)
			}
			blocks := yamlBlocks(string(page))
			dir := t.TempDir()
			for _, block := range blocks {
				file := filepath.Join(dir, "block.yaml")
				if first, _, _ := strings.Cut(block, "\n"); strings.HasPrefix(first, "# ") {
					file = filepath.Join(dir, strings.TrimPrefix(first, "# "))
				}
				if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
					t.Fatal(err)
				}
				var out bytes.Buffer
				if strings.Contains(block, "\ntests:") {
					err = labeltest.Run(t.Context(), &out, []string{file}, false)
				} else {
					_, err = partition.LoadConfig(file)
				}
				if err != nil {
					t.Errorf("%v\n%s", err, &out)
				}
			}
			if len(blocks) == 0 {
				t.Error("no configuration found in the page")
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, c := range []struct {
		name, args, prints string
		code               int
	}{
		{"a topic", "help conditions", "Conditions\n----------\n", 0},
		{"another topic", "help tests", "Tests of label definitions\n", 0},
		{"the configuration", "help config", "join.window\n", 0},
		{"a command", "help run", "labeljoin run - join live", 0},
		{"all commands", "help", "COMMANDS:", 0},
		{"a misspelled topic", "help conditon", "", terminal.ExitUsage},
		{"too much", "help run demo", "", terminal.ExitUsage},
		{"a setting", "config reference join.window", "How long after its request", 0},
		{"a block", "config reference output.roll", "output.roll.rows", 0},
		{"a misspelled setting", "config reference join.windw", "", terminal.ExitUsage},
	} {
		t.Run(c.name, func(t *testing.T) {
			app := newApp()
			var out bytes.Buffer
			app.Writer = &out
			err := perform(t.Context(), app, append([]string{"labeljoin"}, strings.Fields(c.args)...))
			if code := codeOf(err); code != c.code || !strings.Contains(out.String(), c.prints) {
				t.Errorf("code %d (%v), want %d; it prints %q, want %q in it", code, err, c.code, out.String(), c.prints)
			}
		})
	}
}

// TestHelpOfFlags: each flag has one placeholder at most, and says one default at most: none
// where it is off, or where its text says what happens without it.
func TestHelpOfFlags(t *testing.T) {
	var look func(path string, commands []*cli.Command)
	look = func(path string, commands []*cli.Command) {
		for _, command := range commands {
			for _, f := range command.VisibleFlags() {
				name := path + command.Name + " --" + f.Names()[0]
				t.Run(name, func(t *testing.T) {
					usage := f.(cli.DocGenerationFlag).GetUsage()
					if strings.Count(usage, "`") > 2 {
						t.Errorf("the first text in backticks is what the help writes after the flag, so there is one: %q", usage)
					}
					help := f.String()
					nothing := regexp.MustCompile(`\(default: (false|0s?)\)`).MatchString(help)
					if nothing || strings.Count(help, "(default") > 1 {
						t.Errorf("it says %q", help)
					}
				})
			}
			look(path+command.Name+" ", command.Subcommands)
		}
	}
	look("", newApp().Commands)
}

func codeOf(err error) int {
	if err == nil {
		return 0
	}
	return terminal.ExitCode(err)
}
