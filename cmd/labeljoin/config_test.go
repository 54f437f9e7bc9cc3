package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/config"
)

// runConfig runs `labeljoin config` with arguments and returns what it prints.
func runConfig(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	app := newApp()
	app.Writer, app.ErrWriter = &out, &out
	err := perform(t.Context(), app, append([]string{"labeljoin", "config"}, args...))
	return out.String(), err
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "labeljoin.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigInitCheckPrint(t *testing.T) {
	t.Chdir(t.TempDir())
	out, err := runConfig(t, "init")
	if err != nil || !strings.Contains(out, "labeljoin config check labeljoin.yaml") {
		t.Fatalf("init says %q (%v)", out, err)
	}
	if _, err := runConfig(t, "init"); codeOf(err) != terminal.ExitUsage || !strings.Contains(err.Error(), "--force") {
		t.Errorf("init a second time gives %v", err)
	}
	if err := os.WriteFile("labeljoin.yaml", []byte("broken: [a, much longer text than the example has at its beginning"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := runConfig(t, "check"); err == nil {
		t.Error("check finds nothing wrong with a broken file")
	}
	if _, err := runConfig(t, "init", "--force"); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile("labeljoin.yaml"); err != nil || !bytes.Equal(data, config.Example()) {
		t.Errorf("init --force leaves %q (%v)", data, err)
	}
	for _, args := range [][]string{{"check"}, {"check", "labeljoin.yaml"}, {"check", "--config", "labeljoin.yaml"}} {
		out, err = runConfig(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"labeljoin.yaml is fine.", "7d after its time, once events 1m later have been read", "7d beyond that; late outcomes correct it for 1h",
			"older than 30d or more than 5m in the future", `revenue  sum    7d      type == "purchase" && value > 0`, "one per item",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%v does not say %q:\n%s", args, want, out)
			}
		}
	}
	printed, err := runConfig(t, "print")
	if err != nil {
		t.Fatal(err)
	}
	again := write(t, printed)
	if out, err := runConfig(t, "print", again); err != nil || out != printed {
		t.Errorf("what print prints is printed as\n%s(%v)\nwant\n%s", out, err, printed)
	}
	if _, err := runConfig(t, "check", "a.yaml", "b.yaml"); err == nil || !strings.Contains(err.Error(), "takes one configuration") {
		t.Errorf("two files give %v", err)
	}
}

func TestConfigCheckReportsEveryExpression(t *testing.T) {
	path := write(t, `join:
  negatives: seen
  impression: 'type = "view"'
labels:
  clicked: 'typ == "click"'
  bought:
    when: now() > 1
  fine: 'type == "fine"'
`)
	out, err := runConfig(t, "check", path)
	if err == nil {
		t.Fatalf("there is nothing wrong:\n%s", out)
	}
	want := strings.ReplaceAll(`FILE:3:21: join.impression: a single = is no comparison: write == (at column 6 of the expression)
     3 |   impression: 'type = "view"'
       |                     ^
FILE:5:13: labels.clicked.when: unknown name "typ"; did you mean "type"? (at column 1 of the expression)
     5 |   clicked: 'typ == "click"'
       |             ^
FILE:7:11: labels.bought.when: unknown function "now"; there are `, "FILE", path)
	if !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the error is\n%v\nwant\n%s", err, want)
	}
	if out != "" {
		t.Errorf("and yet it prints %q", out)
	}
}

func TestConfigCheckNotesWhatIsMissingAround(t *testing.T) {
	path := write(t, `labels: {clicked: 'type == "click"'}
nats:
  token: '${LABELJOIN_TEST_TOKEN}'
  tls: {ca: none.pem}
http:
  listen: 127.0.0.1:0
  tokens_file: .
s3:
  access_key: '${LABELJOIN_TEST_KEY}'
  secret_key_file: secret
`)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "secret"), []byte("s3cr3t"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runConfig(t, "check", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		":3: nats.token: the configuration refers to ${LABELJOIN_TEST_TOKEN}, which is not set",
		":4: nats.tls.ca: " + filepath.Join(filepath.Dir(path), "none.pem") + " does not exist",
		":7: http.tokens_file: " + filepath.Dir(path) + " is a directory",
		":9: s3.access_key: the configuration refers to ${LABELJOIN_TEST_KEY}, which is not set",
	} {
		want = "warning: " + path + want
		if !strings.Contains(out, want) {
			t.Errorf("check does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "secret_key_file: /") || strings.Contains(out, "s3cr3t") {
		t.Errorf("check warns of what is there, or prints it:\n%s", out)
	}
	t.Setenv("LABELJOIN_TEST_TOKEN", "s3cr3t")
	t.Setenv("LABELJOIN_TEST_KEY", "s3cr3t")
	for _, command := range []string{"check", "print"} {
		out, err = runConfig(t, command, path)
		if err != nil || strings.Contains(out, "s3cr3t") || strings.Contains(out, "which is not set") {
			t.Errorf("%s prints (%v)\n%s", command, err, out)
		}
	}
}
