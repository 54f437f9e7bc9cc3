package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// TestPageCommands holds every command in a code block or a code span of the
// pages to the program: it exists, and so do its options. CI runs the commands
// of the quick start and of the walkthrough.
func TestPageCommands(t *testing.T) {
	fence := regexp.MustCompile("(?ms)^```\\w*\n(.*?)^```")
	span := regexp.MustCompile("`(labeljoin [a-z ]*)\n")
	line := regexp.MustCompile("(?m)(?:^    |`)((?:go run \\./cmd/)?labeljoin [a-z-][^`\n]*)")
	app := newApp()
	checked := 0
	for _, name := range []string{
		"README.md", "CONTRIBUTING.md", "cmd/labeljoin/WALKTHROUGH.md", "cmd/labeljoin/OPERATIONS.md", "cmd/labeljoin/BENCHMARKS.md",
		"config/REFERENCE.md", "joiner/SEMANTICS.md", "joiner/rule/CONDITIONS.md", "joiner/scenario/TESTS.md", "export/FORMAT.md", "store/FORMAT.md",
	} {
		page, err := os.ReadFile(filepath.Join("../..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		// A fenced block is read like an indented one; a span may go over the end of a line.
		text := fence.ReplaceAllStringFunc(string(page), func(block string) string { return strings.ReplaceAll(block, "\n", "\n    ") })
		text = span.ReplaceAllString(text, "`$1 ")
		for _, m := range line.FindAllStringSubmatch(text, -1) {
			command, _, _ := strings.Cut(m[1], " #")
			words := strings.Fields(strings.TrimPrefix(command, "go run ./cmd/"))
			checked++
			if problem := unknownWord(app, words[1:]); problem != "" {
				t.Errorf("%s: %s: %s", name, command, problem)
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d commands found", checked)
	}
}

// TestPageExitCodes holds the tables of exit codes in the pages to the program's.
func TestPageExitCodes(t *testing.T) {
	for _, name := range []string{"README.md", "cmd/labeljoin/OPERATIONS.md"} {
		page, err := os.ReadFile(filepath.Join("../..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range terminal.ExitCodes() {
			if row := fmt.Sprintf("\n| %d | %s |", e.Code, e.Means); !strings.Contains(string(page), row) {
				t.Errorf("%s has no row %q", name, strings.TrimSpace(row))
			}
		}
	}
}

// unknownWord says what of a command line the program does not know.
func unknownWord(app *cli.App, words []string) string {
	commands, flags := app.Commands, app.Flags
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "-"):
			name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
			known := slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
			if !known && name != "help" && name != "h" && name != "version" {
				return "there is no option " + word
			}
		case len(commands) > 0:
			at := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(word) })
			if at < 0 && i == 0 {
				return "there is no command " + word
			}
			if at < 0 {
				return "there is no command " + strings.Join(words[:i+1], " ")
			}
			commands, flags = commands[at].Subcommands, commands[at].Flags
		}
	}
	return ""
}
