package scenario

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/joiner/engine"
)

// File is a test file.
type File struct {
	Name   string
	Config string // path of the configuration, as written; empty: the file holds it
	Cases  []Case
}

// Case is one test: steps in order.
type Case struct {
	Name   string
	Line   int
	start  events.Time
	replay *engine.Replay // nil: live
	steps  []step
}

// step is one entry of a case's events, or what is expected after all of them.
// One field is set.
type step struct {
	message *events.Message
	input   *inputName // of the message; nil: it is in labeljoin's own format
	proof   *proof
	expect  *expectation
	restart bool
	rebuild bool
	gap     *events.Gap
}

// inputName is an input of the configuration, as it stands in a test file.
type inputName struct {
	name string
	node ast.Node
}

// proof is what is known of the logs without an event that says so.
type proof struct {
	kinds []events.Kind // the sources it is about
	at    events.Time
	exact bool // a watermark: neither lateness nor a policy takes anything from it
}

// Notation is how configurations write durations and guess what a misspelled
// name was meant to be. Test files do as they do.
type Notation struct {
	Duration func(text string) (time.Duration, error)
	Nearest  func(name string, known []string) string // empty: none is near
}

// defaultStart is what offsets count from where a test does not say: a fixed
// instant, because nothing may depend on when a test runs.
const defaultStart = events.Time(1_767_225_600_000_000_000) // 2026-01-01T00:00:00Z

// maxFile is the largest test file that is read.
const maxFile = 1 << 20

// The keys of a test file. Those of the configuration are read by others.
var (
	fileKeys   = []string{"config", "tests"}
	configKeys = []string{"join", "labels", "guard", "features", "inputs", "limits"}
	caseKeys   = append([]string{"name", "start", "replay", "events"}, expectKeys...)
)

// Parse reads a test file. The error, if any, is an *Error with every problem;
// the name stands in it. It never panics, whatever src holds.
func Parse(name string, src []byte, notation Notation) (*File, error) {
	r := &reader{notation: notation}
	f := &File{Name: name}
	if root := r.parse(src); root != nil {
		r.file(root, f)
	}
	if len(r.problems) > 0 {
		return nil, &Error{Name: name, Problems: r.problems}
	}
	return f, nil
}

// Error is everything that is wrong with a test file.
type Error struct {
	Name     string
	Problems []Problem
}

// Problem is one thing that is wrong, and where: line and column from 1.
type Problem struct {
	Line, Column int
	Message      string
}

// mostShown is how many problems are worth reading at once.
const mostShown = 20

// Error has a line for each problem: file:line:column: message.
func (e *Error) Error() string {
	var lines []string
	for i, p := range e.Problems {
		if i == mostShown {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Problems)-mostShown))
			break
		}
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s", e.Name, p.Line, p.Column, p.Message))
	}
	return strings.Join(lines, "\n")
}

// Misuse reports that the test file has to be changed.
func (e *Error) Misuse() bool { return true }

func (r *reader) file(root ast.Node, f *File) {
	var config, inline, tests ast.Node
	for e := range r.entries(root, append(fileKeys[:2:2], configKeys...)) {
		switch e.name {
		case "config":
			config = e.key
			f.Config = r.text(e.value)
		case "tests":
			tests = e.value
		default:
			inline = e.key
		}
	}
	switch {
	case config != nil && inline != nil:
		r.problem(inline, "the file names a configuration and holds one: keep either")
	case config == nil && inline == nil:
		r.problem(root, "there is no configuration: name one (config: labeljoin.yaml), or write join: and labels: here")
	case config != nil && f.Config == "":
		r.problem(config, "config is empty: name a configuration")
	}
	if tests == nil {
		r.problem(root, "there are no tests: add tests: [{name: ..., events: [...], rows: [...]}]")
		return
	}
	names := map[string]int{}
	for _, n := range r.list(tests) {
		c := r.test(n)
		if first, again := names[c.Name]; again && c.Name != "" {
			r.problem(n, "two tests are called %q, the other in line %d: a failure could not say which", c.Name, first)
		}
		names[c.Name] = c.Line
		f.Cases = append(f.Cases, c)
	}
	if len(f.Cases) == 0 {
		r.problem(tests, "the list of tests is empty")
	}
}

// test reads one case. What its offsets count from is read first, wherever it
// stands.
func (r *reader) test(n ast.Node) Case {
	c := Case{Line: lineOf(n), start: defaultStart}
	r.start = defaultStart
	var rest []entry
	for e := range r.entries(n, caseKeys) {
		switch e.name {
		case "name":
			c.Name = r.text(e.value)
		case "start":
			c.start = r.instant(e.value)
			r.start = c.start
		case "replay":
			c.replay = r.replay(e.value)
		default:
			rest = append(rest, e)
		}
	}
	if c.Name == "" {
		r.problem(n, "the test has no name: say what it shows")
	}
	last := &expectation{line: c.Line}
	for _, e := range rest {
		if e.name == "events" {
			c.steps = r.events(e.value, c.replay != nil)
			continue
		}
		r.expectation(e, last)
	}
	if !last.empty() {
		c.steps = append(c.steps, step{expect: last})
	}
	r.checks(n, &c)
	return c
}

// checks makes sure that a case can fail.
func (r *reader) checks(n ast.Node, c *Case) {
	for _, s := range c.steps {
		if s.expect != nil {
			return
		}
	}
	r.problem(n, "the test expects nothing: add open, rows, counts, dead_letters or published")
}

func (r *reader) replay(n ast.Node) *engine.Replay {
	switch v := n.(type) {
	case *ast.BoolNode:
		if v.Value {
			return &engine.Replay{}
		}
		return nil
	case *ast.StringNode:
		if v.Value == "complete" {
			return &engine.Replay{Complete: true}
		}
	}
	r.problem(n, "replay is true, or complete for one whose log has no later part")
	return nil
}

// instant is an RFC 3339 time.
func (r *reader) instant(n ast.Node) events.Time {
	t, err := events.ParseTime(r.text(n))
	if err != nil {
		r.problem(n, "start: %s", err)
		return defaultStart
	}
	return t
}

// time is an offset from the start of the test or an RFC 3339 time.
func (r *reader) time(n ast.Node) events.Time {
	t, err := r.parseTime(scalarText(n))
	if err != nil {
		r.problem(n, "%s", err)
	}
	return t
}

var errTime = errors.New("a time is an offset from the test's start, like 40s, -1s or 2d, or RFC 3339")

func (r *reader) parseTime(text string) (events.Time, error) {
	if t, err := events.ParseTime(text); err == nil {
		return t, nil
	}
	if text == "" {
		return r.start, errTime
	}
	offset, err := r.notation.Duration(text)
	if err != nil {
		return r.start, fmt.Errorf("%w: %w", errTime, err)
	}
	at := r.start.Add(offset)
	if at == events.MinTime || at == events.MaxTime {
		return r.start, fmt.Errorf("%s from %s is beyond what times can be", text, r.start)
	}
	return at, nil
}
