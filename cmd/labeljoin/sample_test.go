package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// TestSampleHidesWhatLabelsKeep: raters do not see the columns that labels keep, wherever the configuration is read
// from; and one that cannot be read is no silent reason to show them.
func TestSampleHidesWhatLabelsKeep(t *testing.T) {
	t.Chdir(t.TempDir())
	writeDay(t, "out", "2026-11-21", []dayRow{{RequestID: "a", ItemID: "x", Device: "secret", Reason: "closed"}})
	files := filepath.Join("out", "data")
	const keeps = `output: {dir: out}
labels: {clicked: {when: 'type == "click"', columns: {device: {value: attrs.device, type: string}}}}
`
	for _, c := range []struct {
		name, file, stdin string // the file labeljoin.yaml, if any
		args              []string
		code              int
		shown             bool
		says              string
	}{
		{name: "from standard input", stdin: keeps, args: []string{"--config", "-", "--date", "2026-11-21"}},
		{name: "from the usual file", file: keeps, args: []string{files}},
		{name: "none", args: []string{files}, shown: true, says: "no configuration at labeljoin.yaml, so it is not known"},
		{name: "none, but columns", args: []string{"--columns", "device", files}, shown: true},
		{name: "a named one that is not there", args: []string{"--config", "gone.yaml", files}, code: terminal.ExitUsage,
			says: "no configuration at gone.yaml"},
		{name: "a broken one", file: "labels: [", args: []string{files}, code: terminal.ExitUsage, says: "labeljoin.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.file != "" {
				putFile(t, "labeljoin.yaml", c.file)
				t.Cleanup(func() { _ = os.Remove("labeljoin.yaml") })
			}
			var out, talk bytes.Buffer
			code := execute(t.Context(), append([]string{"labeljoin", "sample"}, c.args...), strings.NewReader(c.stdin), &out,
				&talk)
			if code != c.code || strings.Contains(out.String(), "secret") != c.shown || !strings.Contains(talk.String(), c.says) ||
				c.says == "" && strings.Contains(talk.String(), "not known") {
				t.Errorf("exit code %d\n%s%s", code, out.String(), talk.String())
			}
			if c.code == 0 && !strings.Contains(out.String(), `"request_id":"a"`) {
				t.Errorf("there is no task: %s", out.String())
			}
		})
	}
}

// TestSampleSaysWhatItChoosesAmong: where no row can be chosen, it is said which ones could.
func TestSampleSaysWhatItChoosesAmong(t *testing.T) {
	type scored struct {
		RequestID string   `parquet:"request_id"`
		ItemID    string   `parquet:"item_id"`
		Score     *float64 `parquet:"score,optional"`
		Revision  int32    `parquet:"revision"`
		Reason    string   `parquet:"reason"`
	}
	t.Chdir(t.TempDir())
	putFile(t, "labeljoin.yaml", "output: {dir: out}\nlabels: {clicked: 'true'}\n")
	if err := parquet.WriteFile("rows.parquet", []scored{{RequestID: "a", Reason: "closed"}}); err != nil {
		t.Fatal(err)
	}
	got := runMain(t, "sample", "--by", "uncertainty", "rows.parquet")
	if want := "0 of 0 rows: --by uncertainty chooses among rows with a score"; got.code != 0 || !strings.Contains(got.stderr, want) {
		t.Errorf("it ends with %d, and does not say %q: %s", got.code, want, got.stderr)
	}
}
