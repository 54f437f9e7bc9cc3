package systemtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// testNewColumns writes a label over old rows whose column has another type. The refusal names two ways, and each leads out.
func testNewColumns(t *testing.T, b *rig) {
	w := newOutWorld(t, b, openTraffic(t, b.broker.URL(), 0).js, "columns")
	w.change(`'type == "click"'`, `{when: 'type == "click"', value: latency}`)
	over := []string{"replay", "--from-stream", "--complete"}
	_, talk, code := w.outputs(append(slices.Clone(over), "--labels", "clicked", "--config", w.config)...)
	if code != terminal.ExitRefused || !strings.Contains(talk, "Let the joiner commit rows with this configuration first, or write the rows to a directory of their own") {
		t.Fatalf("replay --labels ends with %d: %s", code, talk)
	}
	w.do(append(slices.Clone(over), "--out", w.path("own"))...)
	if rows := w.rowsOf("own"); len(rows) != 4 {
		t.Errorf("the directory of their own has %v", rows)
	}
	w.join("c", 6)
	w.do(append(slices.Clone(over), "--labels", "clicked")...)
	w.do("verify")
	w.join("d", 8)
	w.do("verify", "--deep")
}
