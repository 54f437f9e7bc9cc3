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

// namesToAvoid lists words that no declared name has, each with the term to use: the field has one, or the word had
// several meanings here.
var namesToAvoid = map[string]string{
	"herald":    "label stream",
	"unwritten": "outbox, or a queued row",
	"standings": "row states, or phases",
	"spotted":   "label reference",
	"unlearn":   "recompute",
	"astray":    "transient",
	"stranger":  "transient",
	"toy":       "ephemeral",
	"calm":      "rate limited",
	"beaten":    "heartbeat seen",
	"luck":      "score",
	"frozen":    "paused, or a mode",
	"mute":      "disabled",

	"teller":    "describe, or report",
	"rearrange": "add a version",
	"barren":    "empty restart",
	"dismiss":   "delete, of a consumer",
	"thaw":      "a mode",
}

// coreNamesToAvoid lists words that no name has in the packages below coreRooms, where they had several meanings.
var coreNamesToAvoid = map[string]string{
	"place":    "a request's key, an index, or a position in Order",
	"places":   "keys, or indexes",
	"patience": "a timeout; only the guard's setting is called patience",
	"held":     "stored, queued or paused; only the guard holds",
	"verdict":  "what was decided, or a condition's value",
	"verdicts": "what was decided",
	"settle":   "the act itself: fold, count, flush",
	"settled":  "decided, or permanent",
	"fresh":    "new, empty, unapplied, or at the start of a log",
	"tell":     "publish, log, or an update of the label stream",
	"told":     "published, or logged",
	"quiet":    "the kind of a gap alone; else what is meant: unmoved, caught up",
}

var coreRooms = []string{"joiner/", "store/", "events/"}

// namesAllowed are names that have such a word all the same, because users see it.
var namesAllowed = map[string]string{
	"Patience":         "the guard's setting, guard.patience",
	"slotsPerPatience": "likewise",
	"Held":             "the hold of the guard",
	"Quiet":            "what users call the kind of a gap",
	"FeaturesFrozen":   "the value frozen of features.mode",
	"ModeFrozen":       "likewise",
}

// TestNames keeps words out of the names that the code declares.
func TestNames(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		for _, id := range declaredNames(f.ast) {
			for _, w := range wordsOf(id.Name) {
				use := namesToAvoid[w]
				if use == "" && inCore(f.path) {
					use = coreNamesToAvoid[w]
				}
				if use != "" && namesAllowed[id.Name] == "" {
					t.Errorf("%s: %s: the word %q is not used in names; the term is %s", f.at(id), id.Name, w, use)
				}
			}
		}
	}
}

func inCore(path string) bool {
	return slices.ContainsFunc(coreRooms, func(room string) bool { return strings.HasPrefix(path, room) })
}

// TestEnumConstants: the constants of a type that counts with iota begin with one word that they share, so that a
// reader sees of which type they are, and so that two types of a package can have constants of one meaning.
func TestEnumConstants(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		for _, d := range f.ast.Decls {
			block, ok := d.(*ast.GenDecl)
			if !ok || block.Tok != token.CONST {
				continue
			}
			names := enumNames(block)
			for _, id := range names[min(1, len(names)):] {
				if first, own := wordsOf(names[0].Name)[0], wordsOf(id.Name)[0]; first != own {
					t.Errorf("%s: %s begins with %q and %s with %q: constants of one type share a prefix",
						f.at(id), id.Name, own, names[0].Name, first)
				}
			}
		}
	}
}

// enumNames are the constants of a block that counts with iota in a type of its own, without those that have a value
// of their own, like the number of all others.
func enumNames(block *ast.GenDecl) []*ast.Ident {
	var names []*ast.Ident
	for i, s := range block.Specs {
		spec, ok := s.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 {
			return nil
		}
		if i == 0 && (spec.Type == nil || len(spec.Values) != 1 || !usesIota(spec.Values[0])) {
			return nil
		}
		if i == 0 || len(spec.Values) == 0 {
			names = append(names, spec.Names[0])
		}
	}
	return names
}

func usesIota(x ast.Expr) (uses bool) {
	ast.Inspect(x, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		uses = uses || ok && id.Name == "iota"
		return !uses
	})
	return uses
}

// declaredNames are the names of a file's types, fields, functions, constants and variables.
func declaredNames(file *ast.File) []*ast.Ident {
	var names []*ast.Ident
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names = append(names, d.Name)
		case *ast.GenDecl:
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.TypeSpec:
					names = append(names, n.Name)
				case *ast.ValueSpec:
					names = append(names, n.Names...)
				case *ast.Field:
					names = append(names, n.Names...)
				}
				return true
			})
		}
	}
	return names
}

var camelWord = regexp.MustCompile(`[A-Z]+[a-z0-9]*|[a-z0-9]+|_`)

// wordsOf are the words of a name in camel case, in lower case.
func wordsOf(name string) []string {
	words := camelWord.FindAllString(name, -1)
	for i := range words {
		words[i] = strings.ToLower(words[i])
	}
	return words
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
	"cmd/labeljoin/bench/export.go":     true,
	"cmd/labeljoin/bench/stats.go":      true,
	"cmd/labeljoin/bench/store.go":      true,
	"cmd/labeljoin/explain/describe.go": true,
	"cmd/labeljoin/exports/options.go":  true,
	"cmd/labeljoin/main.go":             true,
	"cmd/labeljoin/monitor/control.go":  true,
	"cmd/labeljoin/monitor/refused.go":  true,
	"cmd/labeljoin/monitor/status.go":   true,
	"events/jetstream/find.go":          true,
	"events/jetstream/reader.go":        true,
	"events/jetstream/resume.go":        true,
	"events/jetstream/source.go":        true,
	"export/colfile/chunk.go":           true,
	"export/compact.go":                 true,
	"export/health/window.go":           true,
	"export/schema/self.go":             true,
	"export/shards/export.go":           true,
	"export/shards/gather.go":           true,
	"export/shards/settle.go":           true,
	"export/stats/numbers.go":           true,
	"export/tablelog/convert.go":        true,
	"export/tablelog/wire_gap.go":       true,
	"joiner/engine/commit.go":           true,
	"joiner/engine/engine.go":           true,
	"joiner/engine/fold.go":             true,
	"joiner/engine/labelstream.go":      true,
	"joiner/engine/recover.go":          true,
	"joiner/engine/run.go":              true,
}

func wideStill(path string) bool { return wide[path] }
