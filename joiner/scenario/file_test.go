package scenario_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/joiner/scenario"
)

// notation stands for that of configurations, which has its own tests.
func notation() scenario.Notation {
	return scenario.Notation{
		Duration: time.ParseDuration,
		Nearest: func(name string, known []string) string {
			for _, k := range known {
				if strings.EqualFold(name, k) || name+"s" == k || name == k+"s" {
					return k
				}
			}
			return ""
		},
	}
}

func TestWhatIsWrongWithAFile(t *testing.T) {
	test := func(lines string) string { return "config: c.yaml\ntests:\n  - name: t\n    open: []\n" + lines }
	for _, c := range []struct{ src, want string }{
		{"", "f.yaml:1:1: the file is empty"},
		{"tests: [", "f.yaml:1:8: this is not YAML"},
		{"config: c.yaml", "there are no tests"},
		{"tests: [{name: t, open: []}]", "there is no configuration"},
		{"config: c.yaml\njoin: {}\ntests: [{name: t, open: []}]", "f.yaml:2:1: the file names a configuration and holds one"},
		{"config: ''\ntests: [{name: t, open: []}]", "f.yaml:1:1: config is empty"},
		{"config: c.yaml\ntests: []", "the list of tests is empty"},
		{"config: c.yaml\ntest: []", `f.yaml:2:1: unknown name "test"; did you mean "tests"?`},
		{"config: c.yaml\ntests: [{open: []}]", "the test has no name"},
		{"config: c.yaml\ntests: [{name: t}]", "the test expects nothing"},
		{"config: c.yaml\ntests: [{name: t, open: []}, {name: t, open: []}]", `two tests are called "t"`},
		{"config: c.yaml\ntests: [{name: t, open: []}]\n---\na: 1", "a second document begins here"},
		{"config: &a c.yaml\ntests: [{name: t, open: []}]", "f.yaml:1:9: anchors, aliases and tags"},
		{"config: \xff", "not UTF-8"},
		{"config: " + strings.Repeat("[", 300), "nested more than 200 deep"},
		{strings.Repeat("# comment\n", 200_000), "at most 1 MiB"},
		{test("    start: noon\n"), `f.yaml:5:12: start: "noon" is no time`},
		{test("    start: 1500-01-01T00:00:00Z\n"), `f.yaml:5:12: start: "1500-01-01T00:00:00Z" is beyond`},
		{test("    row: []\n"), `f.yaml:5:5: unknown name "row"; did you mean "rows"?`},
		{test("    open: []\n"), "open is there twice"},
		{test("    replay: maybe\n"), "replay is true, or complete"},
		{test("    events: {}\n"), "a mapping is not a list"},
		{test("    events: [{}]\n"), "an entry is one of [request outcome"},
		{test("    events: [{request: {}, outcome: {}}]\n"), "an entry is one of [request outcome"},
		{test("    events: [{requests: {}}]\n"), `f.yaml:5:15: unknown name "requests"; did you mean "request"?`},
		{test("    events: [{request: {request_ids: r}}]\n"), `f.yaml:5:25: unknown name "request_ids"; did you mean "request_id"?`},
		{test("    events: [{request: {request_id: r, ts: 5}}]\n"), "f.yaml:5:44: a time is an offset"},
		{test("    events: [{request: {request_id: r, ts: 2200000h}}]\n"), "beyond what times can be"},
		{test("    events: [{request: {request_id: [], ts: 0s}}]\n"), "a list is not text"},
		{test("    events: [{request: {request_id: r, score: .inf}}]\n"), "not a value that JSON has"},
		{test("    events: [{outcome: {request_id: r, valeu: 3}}]\n"), `unknown name "valeu"; there are request_id, type`},
		{test("    events: [{request: {request_id: r, items: [{id: a}]}}]\n"), `unknown name "id"`},
		{test("    events: [{raw: x}]\n"), "raw needs kind"},
		{test("    events: [{raw: x, kind: click}]\n"), `unknown name "click"; there are request, outcome`},
		{test("    events: [{watermark: 1m, stored: 2m}]\n"), "stored means nothing beside watermark"},
		{test("    events: [{request: {request_id: r}, kind: request}]\n"), "kind means nothing beside request"},
		{test("    events: [{heartbeat: {source: requests}}]\n"), "a heartbeat needs its ts"},
		{test("    events: [{heartbeat: {source: request, ts: 0s}}]\n"), `did you mean "requests"?`},
		{test("    events: [{caught_up: {}}]\n"), "caught_up needs at"},
		{test("    events: [{end: false}]\n"), "the only value it takes is true"},
		{test("    events: [{end: true}, {watermark: 1m}]\n"), "end: true says that nothing follows"},
		{test("    replay: true\n    events: [{restart: true}]\n"), "a replay has events only"},
		{test("    events: [{expect: {}}]\n"), "nothing is expected"},
		{test("    counts: {joind: 1}\n"), `unknown name "joind"`},
		{test("    counts: {joined: -1}\n"), `"-1" is not a count`},
		{test("    counts: {joined: many}\n"), `"many" is not a count`},
		{test("    counts: {requests: {rows: 1}}\n"), `unknown name "rows"`},
		{test("    rows: [r1]\n"), `"r1" is not a mapping`},
	} {
		t.Run(c.src, func(t *testing.T) {
			_, err := scenario.Parse("f.yaml", []byte(c.src), notation())
			var known *scenario.Error
			if !errors.As(err, &known) {
				t.Errorf("%.80q: error %v is not ours", c.src, err)
				return
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.80q gives\n%v\nwhich does not say\n%s", c.src, err, c.want)
			}
		})
	}
}

func TestAllProblemsAreReported(t *testing.T) {
	_, err := scenario.Parse("f.yaml", []byte("config: c.yaml\ntests:\n  - nam: t\n    row: []\n    events: [{end: 1}]\n"), notation())
	var known *scenario.Error
	if !errors.As(err, &known) || len(known.Problems) != 5 {
		t.Errorf("want nam, row, end, no name and no expectation, got %v", err)
	}
}

func TestColumnsAreChecked(t *testing.T) {
	src := `config: c.yaml
tests:
  - name: t
    events:
      - request: {request_id: r, ts: 0s, features: {country: NZ}, items: [{item_id: a, features: {price: 1}}]}
    rows: [{country: NZ, item_price: 1, clicked: 1, clicked_ts: 0s, weight: 1}, {clickeds: 1}, {clicked_ts: soon}]
    published: [{phase: close, clicked: 1}, {weight: 1}]
`
	f, err := scenario.Parse("f.yaml", []byte(src), notation())
	if err != nil {
		t.Fatal(err)
	}
	err = f.Check(options(), notation())
	var known *scenario.Error
	if !errors.As(err, &known) || len(known.Problems) != 3 {
		t.Fatalf("want three problems, got %v", err)
	}
	for _, want := range []string{
		`f.yaml:6:82: unknown name "clickeds"; did you mean "clicked"?`,
		`f.yaml:6:97: clicked_ts: a time is an offset`,
		`f.yaml:7:46: unknown name "weight"; there are request_id, request_ts, item_id, phase, revision, clicked, clicked_ts`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say\n%s", err, want)
		}
	}
}

// semantics are the project's own scenarios.
func semantics(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../testdata/semantics/*.yaml")
	if err != nil || len(files) < 15 {
		t.Fatalf("found %d scenario files: %v", len(files), err)
	}
	return files
}

// TestEveryScenarioIsNamed holds that SEMANTICS.md names every scenario file
// and no other, and that there are as many cases as one should hope for.
func TestEveryScenarioIsNamed(t *testing.T) {
	page, err := os.ReadFile("../SEMANTICS.md")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	named := strings.Count(string(page), "](testdata/semantics/")
	files := semantics(t)
	for _, path := range files {
		base := filepath.Base(path)
		if link := "[" + base + "](testdata/semantics/" + base + ")"; strings.Count(string(page), link) != 1 {
			t.Errorf("SEMANTICS.md has %d links %s, want 1", strings.Count(string(page), link), link)
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		days := notation()
		days.Duration = func(text string) (time.Duration, error) {
			if n, isDays := strings.CutSuffix(text, "d"); isDays {
				text = n + "h" // what it means does not matter here
			}
			return time.ParseDuration(text)
		}
		f, err := scenario.Parse(path, src, days)
		if err != nil {
			t.Error(err)
			continue
		}
		cases += len(f.Cases)
	}
	if named != len(files) {
		t.Errorf("SEMANTICS.md links to %d scenario files, there are %d", named, len(files))
	}
	if cases < 100 {
		t.Errorf("there are %d cases, at least 100 were there before", cases)
	}
}

// FuzzTestFile holds that no file makes Parse or Check panic, and that every
// error says where.
func FuzzTestFile(f *testing.F) {
	for _, path := range semantics(f) {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte("config: c\ntests: [{name: t, events: [{raw: |\n  x\n, kind: request}], rows: [{? [a] : 1}]}]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := scenario.Parse("f.yaml", src, notation())
		if err == nil {
			err = file.Check(options(), notation())
		}
		if err == nil {
			return
		}
		var known *scenario.Error
		if !errors.As(err, &known) || len(known.Problems) == 0 {
			t.Fatalf("error %v is not ours", err)
		}
		for _, p := range known.Problems {
			if p.Line < 1 || p.Column < 1 || p.Message == "" {
				t.Errorf("problem without a place or a message: %+v", p)
			}
		}
	})
}
