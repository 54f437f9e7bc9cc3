package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The house's measures, in lines. Tests are exempt: a table is as long as it is.
const (
	maxFileLines = 500
	maxFuncLines = 80
)

// goFile is a source file of the project.
type goFile struct {
	path string // from the root, with slashes
	src  []byte
	fset *token.FileSet
	ast  *ast.File
}

func (f *goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// at is where a node stands, for messages.
func (f *goFile) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.fset.Position(n.Pos()).Line)
}

// textFiles calls visit with every file of the project that has one of the
// endings, and its bytes. Generated protobuf code is left out: its style is the
// generator's.
func textFiles(t *testing.T, visit func(name string, data []byte), endings ...string) {
	t.Helper()
	ignored := ignoredFiles(t)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		rel = filepath.ToSlash(rel)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (rel == ".git" || ignored(rel)):
			return filepath.SkipDir
		case d.IsDir() || ignored(rel) || strings.HasSuffix(rel, ".pb.go") || !slices.Contains(endings, filepath.Ext(name)):
			return nil
		}
		data, err := os.ReadFile(name)
		visit(rel, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// goFiles parses the project's source.
func goFiles(t *testing.T) []*goFile {
	t.Helper()
	var files []*goFile
	textFiles(t, func(name string, src []byte) {
		f := &goFile{path: name, src: src, fset: token.NewFileSet()}
		var err error
		if f.ast, err = parser.ParseFile(f.fset, name, src, parser.ParseComments); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}, ".go")
	if len(files) < 50 {
		t.Fatalf("only %d source files found: is %s the project's root?", len(files), root)
	}
	return files
}

func TestFormat(t *testing.T) {
	for _, f := range goFiles(t) {
		formatted, err := format.Source(f.src)
		if err != nil {
			t.Errorf("%s: %v", f.path, err)
		} else if !bytes.Equal(formatted, f.src) {
			t.Errorf("%s is not formatted: gofmt -w %s", f.path, f.path)
		}
	}
}

func TestVet(t *testing.T) {
	if testing.Short() {
		t.Skip("go vet compiles everything")
	}
	cmd := exec.Command("go", "vet", "./...")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go vet: %v\n%s", err, out)
	}
}

func TestSizes(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		if n := bytes.Count(f.src, []byte{'\n'}); n > maxFileLines {
			t.Errorf("%s has %d lines: where is the seam inside?", f.path, n)
		}
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1; n > maxFuncLines {
				t.Errorf("%s: %s has %d lines", f.at(fn), fn.Name, n)
			}
		}
	}
}

// clocks lists the files that may look at the machine's clock, each with what
// keeps rows from depending on it. Everywhere else time is an argument.
var clocks = map[string]string{
	"cmd/labeljoin/bench/measure.go":       "a benchmark measures time",
	"cmd/labeljoin/alarms/follow.go":       "new commits are looked for every few seconds; what they say of labels is a function of them",
	"cmd/labeljoin/top.go":                 "a status is shown again every few seconds",
	"cmd/labeljoin/diskspace/disk.go":      "the room on a disk is looked at every second; reading pauses, and no row changes",
	"cmd/labeljoin/diskspace/fs.go":        "a write that found no room is tried again every second",
	"cmd/labeljoin/monitor/refused.go":     "what was rejected is said once a minute",
	"cmd/labeljoin/pages/days.go":          "a page says when it was computed, and is computed again a minute later",
	"cmd/labeljoin/monitor/lag.go":         "how far a stream has grown is asked every few seconds, for a metric",
	"cmd/labeljoin/monitor/metrics_run.go": "a watermark's lag is behind the clock of who looks",
	"joiner/engine/commit.go":              "how long a commit took, for a metric",
	"joiner/engine/stage.go":               "how long a commit took, for a metric",
	"cmd/labeljoin/bench/live.go":          "the same, of a live joiner",
	"cmd/labeljoin/bench/http.go":          "the same, of events by HTTP",
	"cmd/labeljoin/deadletter.go":          "what is shown of dead letters is what would become of them now",
	"cmd/labeljoin/bench/latency.go":       "the same, of its answers",
	"cmd/labeljoin/bench/store.go":         "the same, of its state",
	"cmd/labeljoin/bench/replay.go":        "the same, of a replay",
	"cmd/labeljoin/bench/attribute.go":     "the backlog that it publishes is of the last minutes",
	"cmd/labeljoin/partition/gc.go":        "the garbage collector's room is looked after ten times a second",
	"cmd/labeljoin/exports/daily.go":       "how often is looked whether a day is complete; which days are is a function of event time",
	"cmd/labeljoin/exports/compact.go":     "the same, of days whose files are merged",
	"cmd/labeljoin/exporter/exporter.go":   "when an export was made stands in its manifest, and it waits for a day; no row depends on it",
	"cmd/labeljoin/days.go":                "whether a day that waits is overdue",
	"cmd/labeljoin/monitor/home.go":        "the same, on a page",
	"cmd/labeljoin/verify/verify.go":       "the time that is left of a long reading",
	"cmd/labeljoin/gap.go":                 "a gap in the future is a mistake in the command line",
	"cmd/labeljoin/doctor/doctor.go":       "the machine's clock is compared with the broker's, and no row is made",
	"cmd/labeljoin/demo/demo.go":           "a demo takes as long as it was told, and waits for what it shows",
	"cmd/labeljoin/terminal/progress.go":   "a status line with the time that is left",
	"cmd/labeljoin/demo/recommender.go":    "a simulated recommender publishes in real time",
	"joiner/engine/run.go":                 "a commit is due some time after its first row: when files are cut, not what is in them",
	"events/ingest/notices.go":             "what happened to events by HTTP is said once a minute",
	"cmd/labeljoin/partition/ingest.go":    "an event by HTTP is refused by the bounds that the joiner judges by the broker's time",
	"events/jetstream/ratelimitedlog.go":   "how long to wait before asking the broker again",
	"events/jetstream/connlog.go":          "when to replace a connection to which a subscription was refused",
	"events/jetstream/resume.go":           "how long to wait before reading on",
	"events/jetstream/source.go":           "when to ask the broker again whether anything is pending; the answer's time is the broker's",
	"export/bucket/s3/call.go":             "an object store that is away is asked again after a while",
	"cmd/labeljoin/partition/rows.go":      "an object store is asked for declared gaps now and then",
	"events/jetstream/clock_linux.go":      "a clock for waiting that goes on while the machine sleeps",
	"events/jetstream/clock_other.go":      "the same for systems that have none",
}

// clockFuncs are the functions of package time that look at the machine's clock.
var clockFuncs = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTicker", "NewTimer"}

func TestClocks(t *testing.T) {
	used := map[string]bool{}
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && isPackage(sel.X, "time") && slices.Contains(clockFuncs, sel.Sel.Name) {
				used[f.path] = true
				if clocks[f.path] == "" {
					t.Errorf("%s: time.%s: rows must not depend on the machine's clock; time is an argument", f.at(sel), sel.Sel.Name)
				}
			}
			return true
		})
	}
	for path := range clocks {
		if !used[path] {
			t.Errorf("%s looks at no clock any more: take it off the list", path)
		}
	}
}

// isPackage reports whether an expression is the name of a package, as far as
// its name tells.
func isPackage(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// settable lists the package-level variables that something other than their
// declaration may set.
var settable = map[string]string{
	"cmd/labeljoin/version/version.go: release": "the linker sets it where a release is built",
}

// TestNoGlobals allows sentinel errors and tables that are never written to: two
// joiners in one process, or two tests, share nothing that can change.
func TestNoGlobals(t *testing.T) {
	byPackage := map[string][]*goFile{}
	for _, f := range goFiles(t) {
		if !f.isTest() {
			byPackage[filepath.Dir(f.path)] = append(byPackage[filepath.Dir(f.path)], f)
		}
	}
	for _, files := range byPackage {
		globals := map[string]bool{}
		for _, f := range files {
			for _, decl := range f.ast.Decls {
				checkInit(t, f, decl)
				checkVars(t, f, decl, globals)
			}
		}
		for _, f := range files {
			checkWrites(t, f, globals)
		}
	}
}

func checkInit(t *testing.T, f *goFile, decl ast.Decl) {
	if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
		t.Errorf("%s: init runs whether it is wanted or not: make it a function that is called", f.at(fn))
	}
}

// embeds reports whether the compiler gives a variable the text of a file.
func embeds(gen *ast.GenDecl) bool {
	return gen.Doc != nil && slices.ContainsFunc(gen.Doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// checkVars collects the package-level variables into globals.
func checkVars(t *testing.T, f *goFile, decl ast.Decl, globals map[string]bool) {
	gen, ok := decl.(*ast.GenDecl)
	if !ok || gen.Tok != token.VAR {
		return
	}
	for _, spec := range gen.Specs {
		v := spec.(*ast.ValueSpec)
		for _, name := range v.Names {
			if name.Name == "_" || settable[f.path+": "+name.Name] != "" {
				continue
			}
			globals[name.Name] = true
			if len(v.Values) == 0 && !embeds(gen) {
				t.Errorf("%s: %s has no value yet, so it will be set somewhere: give it to the code that needs it", f.at(name),
					name.Name)
			}
		}
	}
}

// checkWrites looks for anything that changes a package-level variable. It goes
// by names: a local that hides such a variable is found too, and better renamed.
func checkWrites(t *testing.T, f *goFile, globals map[string]bool) {
	written := func(x ast.Expr) {
		if id := rootOf(x); id != nil && globals[id.Name] {
			t.Errorf("%s: %s is a variable of the package, and this changes it", f.at(x), id.Name)
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, x := range n.Lhs {
				written(x)
			}
		case *ast.IncDecStmt:
			written(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				written(n.X)
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") && len(n.Args) > 0 {
				written(n.Args[0])
			}
		}
		return true
	})
}

// rootOf is the variable that an expression is a part of, if it is of one.
func rootOf(x ast.Expr) *ast.Ident {
	for {
		switch e := x.(type) {
		case *ast.Ident:
			return e
		case *ast.IndexExpr:
			x = e.X
		case *ast.SelectorExpr:
			x = e.X
		case *ast.StarExpr:
			x = e.X
		case *ast.ParenExpr:
			x = e.X
		default:
			return nil
		}
	}
}

// TestParquetWritersAreNotReused guards against parquet-go issue 602, open in
// v0.32.0: after Reset, later files lose the names of their columns in
// path_in_schema, and some readers refuse them.
func TestParquetWritersAreNotReused(t *testing.T) {
	for _, f := range goFiles(t) {
		imports := slices.ContainsFunc(f.ast.Imports, func(i *ast.ImportSpec) bool {
			name, err := strconv.Unquote(i.Path.Value)
			return err == nil && name == "github.com/parquet-go/parquet-go"
		})
		if !imports {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Reset" {
				t.Errorf("%s: a Parquet writer is not to be reset: make a new one", f.at(call))
			}
			return true
		})
	}
}

func TestNothingIsLeftOpen(t *testing.T) {
	// Spelled so that this file does not find itself.
	open := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`)
	failing := regexp.MustCompile(`"[^"\n]*\bfailed ` + `to\b`)
	machine := regexp.MustCompile(`(^|[^a-zA-Z0-9_.)}>-])/(home|Users|root|tmp|work)/[a-z]`)
	textFiles(t, func(name string, data []byte) {
		for i, line := range strings.Split(string(data), "\n") {
			if open.MatchString(line) {
				t.Errorf("%s:%d: left open: %s", name, i+1, strings.TrimSpace(line))
			}
			if failing.MatchString(line) && !strings.HasSuffix(name, "_test.go") {
				t.Errorf("%s:%d: an error names the thing and the way out: %s", name, i+1, strings.TrimSpace(line))
			}
			if machine.MatchString(line) {
				t.Errorf("%s:%d: a path of one machine: %s", name, i+1, strings.TrimSpace(line))
			}
		}
	}, ".go", ".md", ".py", ".sql", ".yaml", ".txt", ".txtar", "")
}
