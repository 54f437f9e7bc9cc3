package lint

import (
	"path"
	"strings"
	"testing"
)

// kindsOfTestFile are the names of test files that stand beside no file: what the tests of a whole package share. A word
// may follow the kind, as in world_check_test.go.
var kindsOfTestFile = map[string]string{
	"bench":   "benchmarks of the package",
	"export":  "what the package shows to its own tests alone",
	"fixture": "what several tests of the package are set up with",
	"leak":    "TestMain, which fails for a goroutine that is left",
	"norace":  "what is so without the race detector",
	"race":    "what is so with it",
	"world":   "the world that the package's tests run in",
}

// TestFilesStandBesideWhatTheyTest: the tests of split.go stand in split_test.go, or in split_WORDS_test.go where one file
// would be too long. What tests a whole package is named after the package in the same way. A package that has no code
// but tests names its files as it likes.
func TestFilesStandBesideWhatTheyTest(t *testing.T) {
	sources := map[string]map[string]bool{} // of each folder, without .go
	files := goFiles(t)
	for _, f := range files {
		dir, name := path.Split(f.path)
		if f.isTest() || name == "doc.go" {
			continue
		}
		if sources[dir] == nil {
			sources[dir] = map[string]bool{}
		}
		sources[dir][strings.TrimSuffix(name, ".go")] = true
	}
	used := map[string]bool{}
	for _, f := range files {
		dir, name := path.Split(f.path)
		if !f.isTest() || sources[dir] == nil {
			continue
		}
		pkg := strings.TrimSuffix(f.ast.Name.Name, "_test")
		of, ok := beside(strings.TrimSuffix(name, "_test.go"), pkg, sources[dir])
		if !ok {
			t.Errorf("%s is beside no file: name it after the file that it tests, or %s_WORDS_test.go if it tests the whole package",
				f.path, pkg)
		}
		used[of] = true
	}
	for kind, what := range kindsOfTestFile {
		if !used[kind] {
			t.Errorf("no test file is called %s_test.go (%s) any more: take it out of kindsOfTestFile", kind, what)
		}
	}
}

// beside is what a test file is named after, by its name without _test.go: a file, the package, or a kind. The longest
// that fits counts.
func beside(name, pkg string, sources map[string]bool) (of string, ok bool) {
	for of = name; ; {
		if sources[of] || of == pkg || kindsOfTestFile[of] != "" {
			return of, true
		}
		i := strings.LastIndexByte(of, '_')
		if i < 0 {
			return "", false
		}
		of = of[:i]
	}
}

func TestBeside(t *testing.T) {
	sources := map[string]bool{"split": true, "parser": true, "parser_number": true}
	for name, want := range map[string]string{
		"split": "split", "split_bad": "split", "parser_number": "parser_number", "parser_number_odd": "parser_number", "parser_x": "parser",
		"jsonevent_random": "jsonevent", "jsonevent": "jsonevent", "bench": "bench", "world_check": "world",
		"random": "", "splits": "", "bad_split": "", "my_bench": "",
	} {
		t.Run(name, func(t *testing.T) {
			if of, ok := beside(name, "jsonevent", sources); of != want || ok != (want != "") {
				t.Errorf("it is beside %q (%v), want %q", of, ok, want)
			}
		})
	}
}
