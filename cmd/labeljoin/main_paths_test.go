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

	"github.com/labeljoin/labeljoin/cmd/labeljoin/commandline"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// pathUse is a place on a command line where a path may stand. PATH stands for the path in args.
type pathUse struct {
	args string
	file bool // it is a file, and not a directory
	made bool // it need not be there
}

// pathUses has every command that takes a path, and every flag.
func pathUses() []pathUse {
	return []pathUse{
		{args: "map PATH", file: true},
		{args: "test PATH", file: true},
		{args: "test --junit PATH tests.yaml", file: true, made: true},
		{args: "try 1>0 --event PATH", file: true},
		{args: "try 1>0 --event o.jsonl --request PATH", file: true},
		{args: "run --config PATH", file: true},
		{args: "demo --dir PATH", made: true},
		{args: "config check PATH", file: true},
		{args: "config print PATH", file: true},
		{args: "config init PATH", file: true, made: true},
		{args: "replay --requests PATH --outcomes o.jsonl --out made", file: true},
		{args: "replay --requests r.jsonl --outcomes PATH --out made", file: true},
		{args: "replay --events requests=PATH --events outcomes=o.jsonl --out made", file: true},
		{args: "replay --dump PATH --out made"},
		{args: "replay --requests r.jsonl --outcomes o.jsonl --out=PATH", made: true},
		{args: "replay --requests r.jsonl --outcomes o.jsonl --out made --gaps-of PATH"},
		{args: "replay --requests r.jsonl --outcomes o.jsonl --out made --cpuprofile PATH", file: true, made: true},
		{args: "archive --requests PATH --outcomes o.jsonl --out made", file: true},
		{args: "archive --requests r.jsonl --outcomes PATH --out made", file: true},
		{args: "archive --events requests=PATH --events outcomes=o.jsonl --out made", file: true},
		{args: "archive --dump PATH --out made"},
		{args: "archive --requests r.jsonl --outcomes o.jsonl --out PATH", made: true},
		{args: "sql --dialect spark --archive archive --gaps-of PATH"},
		{args: "dump --out PATH", made: true},
		{args: "diff PATH labeled"},
		{args: "diff labeled PATH"},
		{args: "verify --from PATH"},
		{args: "days --from PATH"},
		{args: "export --date 2026-01-01 --from PATH"},
		{args: "export --date 2026-01-01 --out PATH", made: true},
		{args: "view duckdb --from PATH"},
		{args: "features suggest --from PATH"},
		{args: "stats PATH"},
		{args: "stats --date 2026-01-01 --from PATH"},
		{args: "stats --tfdv PATH labeled/data", file: true, made: true},
		{args: "stats --html PATH labeled/data", file: true, made: true},
		{args: "schema infer --schema made PATH"},
		{args: "schema infer --schema made --date 2026-01-01 --from PATH"},
		{args: "schema infer --schema PATH labeled/data", file: true, made: true},
		{args: "schema show --schema PATH", file: true},
		{args: "schema freeze PATH"},
		{args: "schema freeze --date 2026-01-01 --from PATH"},
		{args: "schema freeze --schema PATH labeled/data", file: true},
		{args: "schema update PATH"},
		{args: "schema update --date 2026-01-01 --from PATH"},
		{args: "schema update --schema PATH labeled/data", file: true},
		{args: "validate --against labeled/data PATH"},
		{args: "validate --against labeled/data --date 2026-01-01 --from PATH"},
		{args: "validate --schema PATH labeled/data", file: true},
		{args: "validate --against PATH labeled/data"},
		{args: "validate --against labeled/data --serving PATH labeled/data"},
		{args: "validate --against labeled/data --anomalies PATH labeled/data", file: true, made: true},
		{args: "health --date 2026-01-01 --from PATH"},
		{args: "window PATH"},
		{args: "window --date 2026-01-01 --from PATH"},
		{args: "report --date 2026-01-01 --from PATH"},
		{args: "report --date 2026-01-01 --schema PATH", file: true},
		{args: "sample PATH"},
		{args: "sample --date 2026-01-01 --from PATH"},
		{args: "sample --output PATH labeled/data", file: true, made: true},
	}
}

// TestPathsOnCommandLines names paths that cannot be what they ought to be. Trying again helps none of them, so each
// command ends with 2, and says which path it is.
func TestPathsOnCommandLines(t *testing.T) {
	replayDir(t)
	putFile(t, "r.jsonl", requestLines(0, 3))
	putFile(t, "o.jsonl", clickLines(0, 3))
	putFile(t, "tests.yaml", "labels: {clicked: 'type == \"click\"'}\ntests:\n  - {name: a, events: [], rows: []}\n")
	if made := runMain(t, "replay", "--requests", "r.jsonl", "--outcomes", "o.jsonl", "--out", "labeled", "--complete"); made.code != 0 {
		t.Fatalf("%+v", made)
	}
	if inferred := runMain(t, "schema", "infer", "labeled/data"); inferred.code != 0 {
		t.Fatalf("%+v", inferred)
	}
	putFile(t, "a-file", "some text\n")
	if err := os.Mkdir("a-directory", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a-circle", "a-circle"); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("long", 100)
	for _, use := range pathUses() {
		paths := []string{long, filepath.Join("a-file", "x")}
		if !use.made {
			paths = append(paths, "gone", filepath.Join("a-circle", "x"))
		}
		if use.file {
			paths = append(paths, "a-directory")
		} else {
			paths = append(paths, "a-file")
		}
		for _, path := range paths {
			args := strings.ReplaceAll(use.args, "PATH", path)
			t.Run(args[:min(len(args), 80)], func(t *testing.T) {
				got := runMain(t, strings.Fields(args)...)
				if got.code != terminal.ExitUsage {
					t.Errorf("ends with %d\n%s", got.code, got.stderr)
				}
				if top, _, _ := strings.Cut(path, string(filepath.Separator)); !strings.Contains(got.stderr, top) {
					t.Errorf("does not name %s:\n%s", path, got.stderr)
				}
			})
		}
	}
	if _, err := os.Stat("made"); err == nil {
		t.Error("a wrong path leaves an output behind")
	}
}

// TestPathsOfConfigurations: what the configuration or a default names cannot be made, and trying again does not help.
// So each command that writes there ends with 2, names the place, and leaves nothing behind.
func TestPathsOfConfigurations(t *testing.T) {
	places := map[string]string{"a name that is too long": strings.Repeat("long", 100), "below a file": filepath.Join("a-file", "x")}
	for name, place := range places {
		for _, command := range []string{
			"run", "replay --requests r.jsonl --outcomes o.jsonl", "export --config made.yaml --date 2026-01-01",
			"schema infer --config made.yaml --date 2026-01-01 --schema " + place,
		} {
			t.Run(name+"/"+strings.Fields(command)[0], func(t *testing.T) {
				replayDir(t)
				putFile(t, "a-file", "some text\n")
				putFile(t, "r.jsonl", requestLines(0, 3))
				putFile(t, "o.jsonl", clickLines(0, 3))
				const text = "nats: {embedded: true}\nlabels: {clicked: 'type == \"click\"'}\nhttp: {listen: \"\"}\noutput: {dir: %s}\n" +
					"state: {dir: %s}\nexport: {dir: %s}\n"
				putFile(t, "labeljoin.yaml", fmt.Sprintf(text, place+"1", place+"2", place+"3"))
				putFile(t, "made.yaml", fmt.Sprintf(text, "labeled", "state", place))
				if made := runMain(t, "replay", "--requests", "r.jsonl", "--outcomes", "o.jsonl", "--config", "made.yaml", "--complete"); made.code != 0 {
					t.Fatalf("%+v", made)
				}
				before := filesBelow(t, ".")
				got := runMain(t, strings.Fields(command)...)
				if got.code != terminal.ExitUsage || !strings.Contains(got.stderr, strings.TrimSuffix(place, "/x")) {
					t.Errorf("it ends with %d, and says %s", got.code, got.stderr)
				}
				if after := filesBelow(t, "."); after != before {
					t.Errorf("before:\n%s\nafter:\n%s", before, after)
				}
			})
		}
	}
}

// TestFolderThatIsGone: a command that is started in a folder that was deleted says so.
func TestFolderThatIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	for _, command := range []string{"run", "demo", "config init", "replay --requests r --outcomes o", "bench export --dir b"} {
		t.Run(command, func(t *testing.T) {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			if err := os.Remove(dir); err != nil {
				t.Skip(err) // not on every system
			}
			got := runMain(t, strings.Fields(command)...)
			if got.code == terminal.ExitDone || !strings.Contains(got.stderr, "the folder that this command was started in is gone") {
				t.Errorf("it ends with %d, and says %s", got.code, got.stderr)
			}
		})
	}
}

// TestPathUses holds the table against the commands that there are.
func TestPathUses(t *testing.T) {
	// Not in the table: an archive that `sql` names is read by an engine, perhaps elsewhere, the benchmarks are for those
	// who work on labeljoin, and every command reads --config as `run` does.
	left := []string{"sql --archive", "bench", "read-columns", "--config"}
	uses := pathUses()
	var walk func(name string, commands []*cli.Command)
	walk = func(name string, commands []*cli.Command) {
		for _, c := range commands {
			command := strings.TrimSpace(name + " " + c.Name)
			walk(command, c.Subcommands)
			for _, place := range pathPlaces(c) {
				full := command + " " + place
				if slices.ContainsFunc(left, func(s string) bool { return strings.HasPrefix(full, s) || strings.HasSuffix(full, s) }) {
					continue
				}
				if !slices.ContainsFunc(uses, func(u pathUse) bool { return strings.HasPrefix(u.args, command+" ") && u.at(place) }) {
					t.Errorf("pathUses lacks %s", full)
				}
			}
		}
	}
	walk("", newApp().Commands)
}

// at reports whether the path is at a place: behind a flag, or an argument ("").
func (u *pathUse) at(place string) bool {
	words := strings.Fields(u.args)
	i := slices.IndexFunc(words, func(w string) bool { return strings.Contains(w, "PATH") })
	if flag, _, ok := strings.Cut(words[i], "=PATH"); ok && strings.HasPrefix(flag, "--") {
		return flag == place
	}
	if strings.HasPrefix(words[i-1], "--") {
		return words[i-1] == place
	}
	return place == ""
}

// namesPath finds the word for a path in the usage of a flag or of arguments.
var namesPath = regexp.MustCompile(`\b(FILE|FILES|DIR)\b`)

// pathPlaces are the flags of a command that take a path, and "" if an argument is one.
func pathPlaces(c *cli.Command) (places []string) {
	if c.ArgsUsage != commandline.ArgsConfig && namesPath.MatchString(c.ArgsUsage) {
		places = append(places, "")
	}
	for _, f := range c.Flags {
		documented, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		_, placeholder, _ := strings.Cut(documented.GetUsage(), "`")
		placeholder, _, _ = strings.Cut(placeholder, "`")
		if namesPath.MatchString(placeholder) {
			places = append(places, "--"+f.Names()[0])
		}
	}
	return places
}
