package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Path    string // of the setting, like join.window; empty: the document
	Line    int    // from 1; 0: the configuration was not read from text
	Column  int    // in characters, from 1
	Message string // what is wrong and the way out
}

// Error is every problem of one configuration, in the order of its lines.
type Error struct {
	Name     string // of the file; may be empty
	Problems []Problem
	lines    []string // of the source
}

// mostShown is how many problems are worth reading at once.
const mostShown = 20

// Error prints a paragraph for each problem: its place, what is wrong, and the
// line itself, with what might be a secret blanked out.
func (e *Error) Error() string {
	var out strings.Builder
	for i, p := range e.Problems {
		if i == mostShown {
			fmt.Fprintf(&out, "\nand %d more", len(e.Problems)-mostShown)
			break
		}
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(e.headline(p))
		out.WriteString(e.excerpt(p))
	}
	return out.String()
}

// Misuse reports that the configuration has to be changed.
func (e *Error) Misuse() bool { return true }

// headline is file:line:column: path: message.
func (e *Error) headline(p Problem) string {
	var parts []string
	if e.Name != "" {
		parts = append(parts, e.Name)
	}
	if p.Line > 0 {
		parts = append(parts, fmt.Sprintf("%d:%d", p.Line, p.Column))
	}
	where := strings.Join(parts, ":")
	for _, part := range []string{p.Path, p.Message} {
		if where != "" && part != "" {
			where += ": "
		}
		where += part
	}
	return where
}

// excerpt is the problem's line with a mark under its column.
func (e *Error) excerpt(p Problem) string {
	if p.Line < 1 || p.Line > len(e.lines) {
		return ""
	}
	const widest = 160 // characters of a line that are shown
	line := []rune(strings.TrimRight(strings.ReplaceAll(e.lines[p.Line-1], "\t", " "), "\r"))
	if p.Column < 1 || p.Column > len(line)+1 || p.Column > widest {
		return ""
	}
	text := blank(string(line[:min(len(line), widest)]))
	return fmt.Sprintf("\n%6d | %s\n       | %s^", p.Line, text, strings.Repeat(" ", p.Column-1))
}

// blank replaces what might be a secret written into a line: what follows a
// setting of that name and is no reference, and logins within URLs. The line
// keeps its length, so that the mark still stands under the right column.
func blank(line string) string {
	setting := regexp.MustCompile(`(?i)\b(?:token|password|pass|user|secret)["']?\s*:\s*`)
	reference := regexp.MustCompile(`^["']?\$\{\w+\}`)
	login := regexp.MustCompile(`://([^\s"']*)@`) // a password may have any of / , : @ in it
	stars := func(from, to int) {
		n := utf8.RuneCountInString(line[from:to])
		line = line[:from] + strings.Repeat("*", n) + line[to:]
	}
	// From the right, so that what is replaced moves nothing still to be looked at.
	for _, at := range slices.Backward(setting.FindAllStringIndex(line, -1)) {
		if !reference.MatchString(line[at[1]:]) {
			stars(at[1], len(line))
		}
	}
	for _, at := range slices.Backward(login.FindAllStringSubmatchIndex(line, -1)) {
		stars(at[2], at[3])
	}
	return line
}

// place is where something stands in a source; the zero value is nowhere.
type place struct{ line, column int }

// withoutEchoes leaves out of the problems that the checks found those that say again what
// another one says: what could not be read is also missing, and a default that is computed
// from a wrong setting is wrong too.
func (c *Config) withoutEchoes(unread, found []Problem) []Problem {
	echo := func(p Problem) bool {
		return slices.ContainsFunc(unread, func(q Problem) bool { return q.covers(p) })
	}
	rest := slices.DeleteFunc(found, echo)
	computed := func(p Problem) bool { return isComputed(p.Path) && !c.source.has(p.Path) }
	if own := slices.DeleteFunc(slices.Clone(rest), computed); len(own) > 0 || len(unread) > 0 {
		return own
	}
	return rest
}

// covers reports whether a problem of reading explains one that a check found.
func (p Problem) covers(found Problem) bool {
	meant := strings.Contains(p.Message, fmt.Sprintf("did you mean %q?", found.Path))
	return p.Path == found.Path || p.Path != "" && strings.HasPrefix(found.Path, p.Path+".") || meant
}

// isComputed reports whether the default of a setting depends on other settings.
func isComputed(path string) bool {
	label, window := strings.HasPrefix(path, "labels."), strings.HasSuffix(path, ".window")
	return path == "guard.patience" || path == "join.max_age" || label && window
}

// source is the text that a configuration was read from.
type source struct {
	name string
	src  []byte
	at   map[string]place // path of a setting -> where it stands
}

// has reports whether the source sets what is at path.
func (s *source) has(path string) bool {
	_, ok := s.at[path]
	return ok
}

// find is where a setting stands or, if it is not there, the nearest block
// around it.
func (s *source) find(path string) place {
	for path != "" {
		if at, ok := s.at[path]; ok {
			return at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	if s.src == nil {
		return place{}
	}
	return place{1, 1}
}

// fail makes the error of some problems.
func (s *source) fail(problems []Problem) error {
	problems = slices.Clone(problems)
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	e := &Error{Name: s.name, Problems: problems}
	if s.src != nil {
		e.lines = strings.Split(string(s.src), "\n")
	}
	return e
}

// Problem makes a problem of the setting at a path (like labels.clicked.when)
// that another package found, with its place.
func (c *Config) Problem(path, message string) Problem {
	at := c.source.find(path)
	return Problem{Path: path, Line: at.line, Column: at.column, Message: message}
}

// expressionError is an error that knows the place of what is wrong within an expression:
// the expression, and the line and the column in it, in characters, from 1.
type expressionError interface {
	error
	Within() (expression string, line, column int)
}

// ProblemOf makes a problem of the setting at a path of an error that another package
// found. If the error knows the place within an expression, and the expression stands in
// the file as it is, on one line, then that is the problem's place.
func (c *Config) ProblemOf(path string, err error) Problem {
	p := c.Problem(path, err.Error())
	e, ok := errors.AsType[expressionError](err)
	if !ok || !c.source.has(path) {
		return p
	}
	expression, line, column := e.Within()
	lines := strings.Split(string(c.source.src), "\n")
	if line != 1 || p.Line > len(lines) || strings.Contains(expression, "\n") {
		return p
	}
	text := []rune(lines[p.Line-1])
	if p.Column > len(text) {
		return p
	}
	value := text[p.Column-1:]
	if len(value) > 0 && (value[0] == '\'' || value[0] == '"') {
		value = value[1:]
		column++
	}
	if strings.HasPrefix(string(value), expression) {
		p.Column += column - 1
	}
	return p
}

// Fail makes the error that reports the problems, which Problem made; nil if
// there are none.
func (c *Config) Fail(problems ...Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return c.source.fail(problems)
}

// unknownKey says that a key is not known and which one was probably meant.
func unknownKey(key string, known []string) string {
	if near := Nearest(key, known); near != "" {
		return fmt.Sprintf("unknown setting; did you mean %q?", near)
	}
	return "unknown setting; there are " + strings.Join(known, ", ")
}

// Nearest is the known name that is fewest edits away from a name, or empty
// when none is near enough to be meant: a third of the name may be wrong, and
// one letter of any name.
func Nearest(name string, known []string) string {
	best, near := max(1, len(name)/3)+1, ""
	for _, candidate := range known {
		// No edits can make up for a difference in length.
		if len(name)-len(candidate) >= best || len(candidate)-len(name) >= best {
			continue
		}
		if d := edits(strings.ToLower(name), strings.ToLower(candidate)); d < best {
			best, near = d, candidate
		}
	}
	return near
}

// edits is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours.
func edits(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
