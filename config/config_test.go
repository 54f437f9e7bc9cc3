package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

const minimal = "labels: {clicked: 'type == \"click\"'}\n"

// decodeOK decodes what must be fine.
func decodeOK(t *testing.T, src string) *Config {
	t.Helper()
	c, err := Decode("labeljoin.yaml", []byte(src))
	if err != nil {
		t.Fatalf("%v\nof\n%s", err, src)
	}
	return c
}

func TestExampleIsCleanAndPrintsBack(t *testing.T) {
	c := decodeOK(t, string(Example()))
	if got := len(c.Labels); got != 3 {
		t.Errorf("the example has %d labels", got)
	}
	again := decodeOK(t, string(c.Print()))
	if string(again.Print()) != string(c.Print()) {
		t.Errorf("printing is not stable:\n%s\n%s", c.Print(), again.Print())
	}
	// Every setting that is commented out must be one, too: uncommented in
	// groups that go together, the example is still clean.
	src := string(Example())
	for _, lines := range [][]string{
		{"# token: ${NATS_TOKEN}"}, {"# user:", "# password:"}, {"# creds:"}, {"# nkey:"}, {"# tls:"},
		{"# time_unit:", "# heartbeat:"}, {"# rows:", "# duplicates:", "# emit:"},
		{"# negatives:", "# impression:", "# sample_negatives:", "# sample_hash:"}, {"# features:",
			"#   declare: {"}, {"# rename:"}, {"# log:"}, {"# guard:"},
	} {
		changed := src
		for _, line := range lines {
			if !strings.Contains(changed, line) {
				t.Fatalf("the example has no %q any more", line)
			}
			changed = strings.Replace(changed, line, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "), 1)
		}
		if _, err := Decode("example", []byte(changed)); err != nil {
			t.Errorf("with %v: %v", lines, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	c := decodeOK(t, minimal)
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"url", c.NATS.URL[0], "nats://127.0.0.1:4222"},
		{"window", c.Labels[0].Window.Std(), 30 * time.Minute},
		{"value", c.Labels[0].Value, Any},
		{"lateness", c.Join.Lateness.Std(), time.Minute},
		{"clock_skew", c.Join.ClockSkew.Std(), time.Duration(0)},
		{"corrections", c.Join.Corrections.Std(), time.Hour},
		{"max_age", c.Join.MaxAge.Std(), 30 * 24 * time.Hour},
		{"negatives", c.Join.Negatives, NegativesAll},
		{"sampling", c.Join.SampleNegatives, 1.0},
		{"roll", c.Output.Roll.Interval.Std(), time.Minute},
		{"event_bytes", c.Limits.EventBytes, Size(1 << 20)},
		{"memory", c.Retention(), time.Hour},
		{"longest", c.Longest(), 30 * time.Minute},
	} {
		t.Run(check.what, func(t *testing.T) {
			if check.got != check.want {
				t.Errorf("%s is %v, want %v", check.what, check.got, check.want)
			}
		})
	}
	if c.Publish != nil || c.NATS.TLS != nil {
		t.Errorf("there is a label stream or TLS without being asked for: %+v %+v", c.Publish, c.NATS.TLS)
	}
	// A block with everything commented out is its default.
	blank := decodeOK(t, minimal+"join:\nnats:\n  # url: x\noutput: {roll: }\n")
	if blank.Fingerprint() != c.Fingerprint() {
		t.Error("empty blocks change the configuration")
	}
}

func TestLabelsKeepTheirOrderAndWindows(t *testing.T) {
	c := decodeOK(t, `
join: {window: 10m}
labels:
  z: 'type == "z"'
  a: {when: 'true', window: 60d, value: sum}
  on: |
    type == "m" &&
      value > 1
  "null": {when: "has_value"}
`)
	want := []Label{
		{Name: "z", When: `type == "z"`, Window: Duration(10 * time.Minute), Value: Any},
		{Name: "a", When: "true", Window: Duration(60 * 24 * time.Hour), Value: Sum},
		{Name: "on", When: "type == \"m\" &&\n  value > 1\n", Window: Duration(10 * time.Minute), Value: Any},
		{Name: "null", When: "has_value", Window: Duration(10 * time.Minute), Value: Any},
	}
	for i, l := range c.Labels {
		if !reflect.DeepEqual(l, want[i]) {
			t.Errorf("label %d is %+v, want %+v", i, l, want[i])
		}
	}
	// The default for max_age grows with what must not be called too old.
	if got, want := c.Join.MaxAge.Std(), 120*24*time.Hour; got != want {
		t.Errorf("max_age is %v, want %v", got, want)
	}
}

func TestEmbeddedServer(t *testing.T) {
	c := decodeOK(t, minimal+"nats: {embedded: true}\n")
	if len(c.NATS.URL) != 0 || c.NATS.Port != 4222 || c.NATS.Listen != "127.0.0.1" {
		t.Errorf("embedded is %+v", c.NATS)
	}
	c = decodeOK(t, minimal+"nats: {embedded: true, port: 0}\n")
	if again := decodeOK(t, string(c.Print())); again.NATS.Port != 0 {
		t.Errorf("port 0 comes back as %d", again.NATS.Port)
	}
}

func TestLoadMakesPathsAbsolute(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "labeljoin.yaml")
	src := minimal + "state: {dir: /var/lib/feed}\noutput: {dir: ../out}\nnats: {url: ['tls://a:1', 'tls://b:2'], creds: feed.creds, tls: {ca: ca.pem}}\n"
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range []struct{ got, want string }{
		{c.State.Dir, "/var/lib/feed"},
		{c.Output.Dir, filepath.Join(filepath.Dir(dir), "out")},
		{c.NATS.Creds, filepath.Join(dir, "feed.creds")},
		{c.NATS.TLS.CA, filepath.Join(dir, "ca.pem")},
		{c.NATS.TLS.Cert, ""},
	} {
		t.Run(check.got, func(t *testing.T) {
			if check.got != check.want {
				t.Errorf("path %q, want %q", check.got, check.want)
			}
		})
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); err == nil || !strings.Contains(err.Error(), "config init") {
		t.Errorf("a missing file gives %v, without the way out", err)
	}
	// Only once they are absolute do these two meet.
	src = minimal + "state: {dir: " + filepath.Join(dir, "x/state") + "}\noutput: {dir: x}\n"
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "side by side") {
		t.Errorf("a state within the output gives %v", err)
	}
}

func TestRulesInsideAnotherDocument(t *testing.T) {
	src := []byte(`
join: {window: 10m, rows: request}
labels: {clicked: 'type == "click"', bought: {when: 'type == "buy"', window: 1d}}
tests:
  - {name: x, whatever: [1, 2]}
`)
	c, err := DecodeRules("feed_test.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	if c.Labels[0].Window.Std() != 10*time.Minute || c.Join.Rows != RowsRequest || c.Join.Lateness.Std() != time.Minute {
		t.Errorf("rules are %+v %+v", c.Join, c.Labels)
	}
	// The blocks are types that a strict struct of the other document can hold.
	var document struct {
		Join     Join     `yaml:"join"`
		Labels   Labels   `yaml:"labels"`
		Features Features `yaml:"features"`
		Tests    []any    `yaml:"tests"`
	}
	if err := yaml.UnmarshalWithOptions(src, &document, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if document.Join.Window.Std() != 10*time.Minute || document.Join.Lateness.Std() != time.Minute ||
		len(document.Labels) != 2 || document.Labels[1].Name != "bought" || len(document.Tests) != 1 {
		t.Errorf("the document is %+v", document)
	}
	bad := []byte("tests: []\njoin:\n  windw: 3m\nlabels: {a: 'x'}\n")
	_, err = DecodeRules("feed_test.yaml", bad)
	if err == nil || !strings.Contains(err.Error(),
		`feed_test.yaml:3:3: join.windw: unknown setting; did you mean "window"?`) {
		t.Errorf("a wrong block gives %v", err)
	}
	err = yaml.UnmarshalWithOptions(bad, &document, yaml.Strict())
	if err == nil || !strings.Contains(err.Error(), `3:3: join.windw: unknown setting; did you mean "window"?`) {
		t.Errorf("a wrong block in a struct gives %v", err)
	}
}

func TestConfigurationMadeByAProgram(t *testing.T) {
	c := Default()
	c.NATS.Embedded = true
	c.Labels = Labels{{Name: "clicked", When: `type == "click"`}}
	c.Complete()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.Labels[0].Window != c.Join.Window || c.Labels[0].Value != Any {
		t.Errorf("the label is %+v", c.Labels[0])
	}
	c.Join.Emit = "soon"
	err := c.Validate()
	if err == nil || err.Error() != `join.emit: "soon" is not known; it is one of close, early, each` {
		t.Errorf("a wrong word gives %v", err)
	}
}

func TestShortConfiguration(t *testing.T) {
	src := `name: feed
nats: {url: "nats://127.0.0.1:4222"}        # or {embedded: true}
inputs:                                      # subjects
  requests: {subject: "requests.>"}
  outcomes: {subject: "outcomes.>"}
join: {window: 30m, lateness: 1m, clock_skew: 0s, corrections: 1h}
labels:
  clicked:  {when: 'type == "click"'}
  bought:   {when: 'type == "purchase"', window: 7d}
  revenue:  {when: 'type == "purchase"', window: 7d, value: sum}
state:  {dir: ./state}
output: {dir: ./labeled}
publish: {subject: "labels.feed"}
`
	want := decodeOK(t, src).Fingerprint()
	for what, variant := range map[string]string{
		"with Windows' line ends": strings.ReplaceAll(src, "\n", "\r\n"),
		"with a byte order mark":  "\ufeff" + src,
		"as a marked document":    "---\n" + src + "...\n",
	} {
		t.Run(what, func(t *testing.T) {
			c, err := Decode("", []byte(variant))
			if err != nil {
				t.Errorf("%s: %v", what, err)
				return
			}
			if c.Fingerprint() != want || c.Name != "feed" {
				t.Errorf("%s it is another configuration:\n%s", what, c.Print())
			}
		})
	}
}

func TestGuard(t *testing.T) {
	c := decodeOK(t, minimal)
	if got, want := c.Guard, (Guard{Enabled: true, Patience: Duration(2 * time.Hour), Tail: 1e-6, Usual: 0.5,
		Learn: 100}); got != want {
		t.Errorf("by default the guard is %+v, want %+v", got, want)
	}
	if got := decodeOK(t, "labels: {a: {when: 'true', window: 30d}}\n").Guard.Patience; got != Duration(24*time.Hour) {
		t.Errorf("beside a window of 30 days the guard waits %s", got)
	}
	for src, want := range map[string]string{
		"guard: {patience: 0s}": "guard.patience", "guard: {tail: 1}": "guard.tail", "guard: {usual: 0}": "guard.usual",
		"guard: {learn: 0}": "guard.learn", "guard: {patient: 1h}": "patient", `guard: {tail: "1e-6"}`: "not a number",
	} {
		t.Run(src, func(t *testing.T) {
			if _, err := Decode("labeljoin.yaml", []byte(minimal+src+"\n")); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s gives %v", src, err)
			}
		})
	}
	for _, text := range []string{"1e-6", "1E-6", "0.000001", "1.0e-6"} {
		if got := decodeOK(t, minimal+"guard: {tail: "+text+"}\n").Guard.Tail; got != 1e-6 {
			t.Errorf("tail: %s is read as %v", text, got)
		}
	}
}
