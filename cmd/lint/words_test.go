package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// wordsToUse lists words that are not used here, each with what to write in its place. A word has one meaning, that
// of the field where the field has one (cmd/labeljoin/WORDS.md says what words mean to users).
var wordsToUse = map[string]string{
	"nobody":    "say who does it, or that it is not done",
	"somebody":  "say who does it: a person, a producer, another process, a caller",
	"whoever":   "say who does it: a person, a producer, another process, a caller",
	"anybody":   "say who does it: a person, a producer, another process, a caller",
	"everybody": "say who does it: every user, every package",
}

// Widths of lines, in characters. A tab counts as one.
const (
	maxTextWidth = 100
	maxCodeWidth = 120
)

// TestPlainWords keeps comments, messages and documents in plain words, keys of the log such that a query can name them,
// and lines such that differences can be read.
func TestPlainWords(t *testing.T) {
	t.Run("Code", func(t *testing.T) {
		for _, f := range goFiles(t) {
			for _, group := range f.ast.Comments {
				checkWords(t, f.at(group), group.Text())
			}
			if f.isTest() {
				continue
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					checkWords(t, f.at(lit), lit.Value)
				}
				return true
			})
		}
	})
	t.Run("Documents", func(t *testing.T) {
		textFiles(t, func(name string, data []byte) {
			eachTextLine(string(data), func(number int, line string) {
				checkWords(t, fmt.Sprintf("%s:%d", name, number), line)
			})
		}, ".md")
	})
	t.Run("LogKeys", func(t *testing.T) {
		for _, f := range goFiles(t) {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					checkLogKeys(t, f, call)
				}
				return true
			})
		}
	})
	t.Run("TextWidth", func(t *testing.T) {
		textFiles(t, func(name string, data []byte) {
			eachTextLine(string(data), func(number int, line string) {
				if n := utf8.RuneCountInString(line); n > maxTextWidth && breakable(line) {
					t.Errorf("%s:%d has %d characters: text wraps at %d", name, number, n, maxTextWidth)
				}
			})
		}, ".md")
	})
	t.Run("CodeWidth", func(t *testing.T) {
		for _, f := range goFiles(t) {
			if f.isTest() || wideStill(f.path) {
				continue
			}
			number := 0
			for line := range strings.Lines(string(f.src)) {
				number++
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > maxCodeWidth && !hasLongText(line) {
					t.Errorf("%s:%d has %d characters: code wraps at %d", f.path, number, n, maxCodeWidth)
				}
			}
		}
	})
}

var word = regexp.MustCompile(`[\p{L}]+`)

func checkWords(t *testing.T, at, text string) {
	t.Helper()
	for _, w := range word.FindAllString(text, -1) {
		if use := wordsToUse[strings.ToLower(w)]; use != "" {
			t.Errorf("%s: %q: %s", at, w, use)
		}
	}
}

var logKey = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// checkLogKeys looks at the keys of a call of a logger, as far as the name of the method tells that it is one.
func checkLogKeys(t *testing.T, f *goFile, call *ast.CallExpr) {
	t.Helper()
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, sel.Sel.Name) || len(call.Args) < 3 || len(call.Args)%2 == 0 {
		return
	}
	for i := 1; i < len(call.Args); i += 2 {
		lit, ok := call.Args[i].(*ast.BasicLit)
		if !ok {
			continue
		}
		if key, err := strconv.Unquote(lit.Value); err == nil && !logKey.MatchString(key) {
			t.Errorf("%s: the key %q of a log line: write it in snake_case", f.at(lit), key)
		}
	}
}

// eachTextLine visits the lines of a Markdown page that are text: no code and no tables.
func eachTextLine(page string, visit func(number int, line string)) {
	fenced, number := false, 0
	for line := range strings.Lines(page) {
		number++
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			fenced = !fenced
		case fenced, strings.HasPrefix(line, "    "), strings.HasPrefix(line, "|"):
		default:
			visit(number, line)
		}
	}
}

var unbreakable = regexp.MustCompile("`[^`]*`|\\[[^\\]]*\\]\\([^)]*\\)")

// breakable reports whether a line of text has a space at which it can wrap within its width.
func breakable(line string) bool {
	head, _, _ := strings.Cut(unbreakable.ReplaceAllStringFunc(strings.TrimLeft(line, " -*"), func(s string) string {
		return strings.ReplaceAll(s, " ", "_")
	}), " ")
	return utf8.RuneCountInString(head) <= maxTextWidth-4
}

var longText = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.){60,}\"|`[^`]{20,}`|//\\S{60,}")

// hasLongText reports whether a line is wide because of a text in quotes, a tag or an address, which stays whole so
// that it can be searched for.
func hasLongText(line string) bool { return longText.MatchString(line) }

// wide lists the files with lines that are not wrapped yet. It only gets shorter.
var wide = map[string]bool{
	"cmd/labeljoin/bench/export.go":      true,
	"cmd/labeljoin/bench/stats.go":       true,
	"cmd/labeljoin/bench/store.go":       true,
	"cmd/labeljoin/explain/tell.go":      true,
	"cmd/labeljoin/exports/options.go":   true,
	"cmd/labeljoin/main.go":              true,
	"cmd/labeljoin/monitor/control.go":   true,
	"cmd/labeljoin/monitor/refused.go":   true,
	"cmd/labeljoin/monitor/status.go":    true,
	"cmd/labeljoin/partition/service.go": true,
	"events/jetstream/find.go":           true,
	"events/jetstream/reader.go":         true,
	"events/jetstream/resume.go":         true,
	"events/jetstream/source.go":         true,
	"export/colfile/chunk.go":            true,
	"export/compact.go":                  true,
	"export/health/window.go":            true,
	"export/schema/self.go":              true,
	"export/shards/export.go":            true,
	"export/shards/gather.go":            true,
	"export/shards/settle.go":            true,
	"export/stats/numbers.go":            true,
	"export/tablelog/convert.go":         true,
	"export/tablelog/wire_gap.go":        true,
	"joiner/engine/commit.go":            true,
	"joiner/engine/engine.go":            true,
	"joiner/engine/fold.go":              true,
	"joiner/engine/labelstream.go":       true,
	"joiner/engine/recover.go":           true,
	"joiner/engine/run.go":               true,
}

func wideStill(path string) bool { return wide[path] }
