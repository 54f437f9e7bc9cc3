package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the project's folder, seen from this package's.
const root = "../.."

// module is the prefix of the project's own packages.
const module = "github.com/labeljoin/labeljoin"

// The parts of the outside world that the rules are about, by import prefix.
var (
	nats       = []string{"github.com/nats-io/"}
	pebble     = []string{"github.com/cockroachdb/pebble"}
	parquet    = []string{"github.com/parquet-go/"}
	prometheus = []string{"github.com/prometheus/"}
)

// importRule says what a package, and those below it if so said, must do
// without: in its own code and in whatever of ours that code imports.
type importRule struct {
	pkg    string // below the module
	below  bool   // its sub-packages too
	deny   []string
	direct bool     // only imports of its own count, not what these import
	except []string // allowed all the same
	beside []string // packages below pkg that the rule does not cover, with all below them
	why    string
}

// importRules is the table of packages. A rule that is in the way is a sign
// that code stands in the wrong package.
var importRules = []importRule{
	{
		pkg: "events", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events"),
		why: "every package uses the vocabulary: it drags nothing in, and knows no other package",
	},
	{
		pkg: "events/jsonevent", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events",
			"events/jsonevent"),
		why: "an event is a function of its bytes",
	},
	{
		pkg: "events/jetstream", deny: concat(pebble, parquet, own()), except: own("events"),
		why: "a source reads; it does not know what becomes of events",
	},
	{
		pkg: "events/ingest", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events",
			"events/jsonevent", "events/ingest"),
		why: "it takes events and has a log store them; which log is the caller's",
	},
	{
		pkg: "events/formats", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events", "events/formats"),
		why: "text is made records without a server, a state or a library that trusts its input",
	},
	{
		pkg: "events/mapping", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events",
			"events/formats", "events/jsonevent"),
		why: "an event is a function of its record: there is nothing else to ask",
	},
	{
		pkg: "events/formats/packed", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events",
			"events/formats"),
		why: "a joiner reads what it writes, so it must not bring the library that trusts its input",
	},
	{
		pkg: "events/formats/columnar", deny: concat(nats, pebble, prometheus, own()), except: own("events", "events/formats",
			"events/formats/packed"),
		why: "it runs in a process of its own, which only reads a file",
	},
	{
		pkg: "events/logfile", deny: concat(nats, pebble, parquet, own("store", "export", "config", "cmd")),
		why: "files are read without any server or state",
	},
	{
		pkg: "joiner/state", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events",
			"events/jsonevent", "joiner", "joiner/guard"),
		why: "the engine and the store agree on it, so it knows neither",
	},
	{
		pkg: "joiner/guard", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events", "joiner/guard"),
		why: "the guard counts events; it knows nothing of what becomes of them",
	},
	{
		pkg: "joiner", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events",
			"events/jsonevent", "joiner", "joiner/guard"),
		why: "deciding labels is pure",
	},
	{
		pkg: "joiner/engine", below: true, deny: concat(nats, pebble, parquet, prometheus,
			own("events/jetstream", "store", "export", "config", "cmd")),
		why: "the loop names what it needs as interfaces, so that it runs over memory in tests and over anything later",
	},
	{
		pkg: "joiner/batch", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events",
			"events/jsonevent", "joiner", "joiner/gathered", "joiner/guard", "joiner/batch"),
		why: "logs that are there whole need no state, and their rows go through an interface",
	},
	{
		pkg: "joiner/gathered", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events",
			"events/jsonevent", "joiner", "joiner/gathered", "joiner/guard"),
		why: "rows are put beside each other, whoever decided them and wherever they go",
	},
	{
		pkg: "joiner/sql", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events",
			"events/jsonevent", "joiner", "joiner/guard", "joiner/rule", "joiner/sql"),
		why: "a query is text made of rules: it reads and runs nothing",
	},
	{
		pkg: "joiner/rule", deny: concat(nats, pebble, parquet, own("store", "export", "config", "cmd")),
		why: "an expression is about an outcome and nothing else",
	},
	{
		pkg: "store", below: true, deny: concat(nats, parquet,
			own("joiner/engine", "events/jetstream", "export", "config", "cmd")),
		why: "state does not know where events come from or rows go to, nor the loop that writes it",
	},
	{
		pkg: "store", below: true, direct: true, deny: prometheus, // Pebble itself imports it
		why: "what is measured is made metrics by cmd/labeljoin",
	},
	{
		pkg: "export", below: true, deny: concat(nats, prometheus, own("events/jetstream", "store", "config", "cmd")),
		why: "output does not know where rows come from",
	},
	{
		pkg: "export", below: true, direct: true, deny: pebble, except: []string{"github.com/cockroachdb/pebble/v2/vfs"},
		why: "one file system under state and output lets one simulated crash cover both; a database in the output it does not need",
	},
	{
		pkg: "config", deny: concat(nats, pebble, parquet, prometheus, own()), except: own("events", "config"),
		why: "a configuration can be checked where nothing else works; config/wire and cmd/labeljoin are where it meets the rest",
	},
	{
		pkg: "", below: true, beside: own("cmd"), deny: own("cmd"),
		why: "commands are used by people, not by packages",
	},
	room("version"),
	room("terminal"),
	room("commandline", "terminal"),
	room("diskspace"),
	room("place", "terminal"),
	room("exports", "terminal", "version", "place"),
	room("alarms", "place"),
	room("monitor", "terminal", "diskspace", "version", "exports", "alarms", "place"),
	room("partition", "terminal", "version", "diskspace", "exports", "alarms", "monitor", "place"),
	commandRoom("bench"),
	commandRoom("deadletter"),
	commandRoom("demo"),
	commandRoom("describe"),
	commandRoom("doctor"),
	commandRoom("dump"),
	commandRoom("explain"),
	commandRoom("exporter"),
	commandRoom("gap"),
	commandRoom("labeltest"),
	room("pages", "terminal", "version", "diskspace", "place", "exports", "alarms", "monitor", "partition", "explain",
		"preview"),
	commandRoom("preview"),
	commandRoom("replay"),
	commandRoom("trial"),
	commandRoom("verify"),
}

// room is the rule of a package below cmd/labeljoin: of its neighbours it imports those that are named, and no
// others.
func room(name string, neighbours ...string) importRule {
	except := make([]string, len(neighbours))
	for i, n := range neighbours {
		except[i] = "cmd/labeljoin/" + n
	}
	if len(except) > 0 {
		except = own(except...)
	}
	return importRule{
		pkg: "cmd/labeljoin/" + name, below: true, deny: own("cmd"), except: except,
		why: "the packages of the program have one direction: terminal, diskspace, monitor, partition, a command",
	}
}

// commandRoom is the rule of a package that is one command's work: it knows no other command.
func commandRoom(name string) importRule {
	return room(name, "terminal", "version", "diskspace", "place", "exports", "alarms", "monitor", "partition")
}

// pureImports is all of the standard library that the core may use: nothing
// that reads a clock, does I/O, locks or logs. Hashes tell events and rows apart; errors
// and fmt say that an event of the state is damaged, and why an event is rejected.
var pureImports = []string{
	"crypto/sha256", "encoding/hex", "errors", "fmt", "hash",
	"cmp", "encoding/base64", "encoding/binary", "hash/maphash", "iter", "maps", "math", "math/bits", "slices", "sort", "strconv", "strings", "time", "unicode/utf8",
}

func concat(lists ...[]string) []string { return slices.Concat(lists...) }

// own are packages of the project, all of them by default.
func own(packages ...string) []string {
	if len(packages) == 0 {
		return []string{module}
	}
	paths := make([]string, len(packages))
	for i, p := range packages {
		paths[i] = module + "/" + p
	}
	return paths
}

// goPackage is what `go list` says of a package.
type goPackage struct {
	ImportPath string
	Name       string
	Dir        string
	Doc        string
	Imports    []string
	Deps       []string
}

// listPackages lists the project's packages.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Dir,Doc,Imports,Deps", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var packages []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// under reports whether an import path is one of the prefixes or below one.
func under(importPath string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		rest, ok := strings.CutPrefix(importPath, p)
		return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(p, "/"))
	})
}

func (r *importRule) covers(p *goPackage) bool {
	at := strings.TrimSuffix(module+"/"+r.pkg, "/")
	if under(p.ImportPath, r.beside) {
		return false
	}
	return p.ImportPath == at || r.below && strings.HasPrefix(p.ImportPath, at+"/")
}

func TestImportRules(t *testing.T) {
	packages := listPackages(t)
	for i := range importRules {
		rule, found := &importRules[i], false
		for j := range packages {
			p := &packages[j]
			if !rule.covers(p) {
				continue
			}
			found = true
			imports := p.Deps
			if rule.direct {
				imports = p.Imports
			}
			for _, imported := range imports {
				if under(imported, rule.deny) && !slices.Contains(rule.except, imported) {
					t.Errorf("%s depends on %s: %s", p.ImportPath, imported, rule.why)
				}
			}
		}
		if !found {
			t.Errorf("a rule is about %s, which does not exist", rule.pkg)
		}
	}
}

func TestCoreIsPure(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.ImportPath != module+"/joiner" && p.ImportPath != module+"/joiner/guard" {
			continue
		}
		allowed := concat(pureImports, own("events", "events/jsonevent", "joiner/guard"))
		for _, imported := range p.Imports {
			if !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s: it decides, and does nothing else", p.ImportPath, imported)
			}
		}
		return
	}
	t.Error("there is no package joiner")
}

func TestPackageNames(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, part := range strings.Split(strings.TrimPrefix(p.ImportPath, module), "/") {
			switch part {
			case "util", "utils", "common", "helper", "helpers", "internal", "misc", "base", "pkg":
				t.Errorf("%s: %q says nothing of what belongs there", p.ImportPath, part)
			}
		}
		if want := path.Base(p.ImportPath); p.Name != want && p.Name != "main" {
			t.Errorf("%s is named %s", p.ImportPath, p.Name)
		}
	}
}

// TestTopLevel keeps the project's first impression: six folders, and the files
// that a reader expects.
func TestTopLevel(t *testing.T) {
	folders := []string{"cmd", "joiner", "events", "store", "export", "config"}
	files := []string{"go.mod", "go.sum", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"}
	for _, name := range files {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	ignored := ignoredFiles(t)
	for _, e := range entries {
		name, allowed := e.Name(), files
		if e.IsDir() {
			allowed = folders
		}
		if !strings.HasPrefix(name, ".") && !ignored(name) && !slices.Contains(allowed, name) {
			t.Errorf("%s at the top level: it belongs beside the code that owns it", name)
		}
	}
}

// ignoredFiles tells, by its path from the root, what .gitignore says is no part
// of the project. Of git's notation it knows what is used there.
func ignoredFiles(t *testing.T) func(rel string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for line := range strings.Lines(string(text)) {
		if pattern := strings.TrimSuffix(strings.TrimSpace(line), "/"); pattern != "" && pattern[0] != '#' {
			patterns = append(patterns, pattern)
		}
	}
	return func(rel string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			name := path.Base(rel)
			if pattern[0] == '/' {
				name = "/" + rel
			}
			match, err := path.Match(pattern, name)
			return match && err == nil
		})
	}
}
