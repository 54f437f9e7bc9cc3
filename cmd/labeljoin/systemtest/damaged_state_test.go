package systemtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
)

// testDamagedState damages the files of a stopped joiner's state, in every way
// in which a disk may. The commands that look say so with 1, and the next start
// rebuilds the state from the log.
func testDamagedState(t *testing.T, b *rig) {
	config := b.configure("labeljoin.yaml", explainConfig)
	f := newTraffic(t, b.broker.URL(), 0)
	base := time.Now().Add(-time.Hour).UTC()
	const n = 50
	for i := range n {
		f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"r%d","ts":%q}`, i, base.Format(time.RFC3339)))
		f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"open%d","ts":%q}`, i, base.Add(63*time.Minute).Format(time.RFC3339)))
	}
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	// Damage that is met only when a block is read ends the joiner with 1, and the
	// next start, which a supervisor makes, rebuilds the state.
	joined := func() {
		t.Helper()
		for range 2 {
			c := b.start("run", "--config", config)
			damaged := func() bool { return strings.Contains(c.log.text(), "the next start rebuilds the state") }
			c.until("the requests are joined", func() bool {
				s, ok := c.status()
				return damaged() || ok && s.Joining && s.Rows == n && s.Events["request"].Pending == n
			})
			if !damaged() { // it may still be met when what has closed is finished
				if err := c.signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			switch code := c.code(); {
			case code == terminal.ExitDone:
				return
			case code != terminal.ExitFailed || !damaged():
				t.Fatalf("it ends with %d:\n%s", code, c.log.tail(4000))
			}
		}
		t.Fatal("the state is still damaged at the second start")
	}
	joined()
	state := b.path("state/p0000")
	only := func(pattern string) string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(state, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s in %s (%v)", pattern, state, err)
		}
		return found[0]
	}
	flip := func(path string) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := len(data) / 4; i < len(data)*3/4; i++ {
			data[i] ^= 0x55
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		damage func() error
	}{
		{"the manifest is gone", func() error { return os.Remove(only("MANIFEST*")) }},
		{"a table is gone", func() error { return os.Remove(only("*.sst")) }},
		{"the manifest is cut", func() error { return os.Truncate(only("MANIFEST*"), 20) }},
		{"a table is cut", func() error { return os.Truncate(only("*.sst"), 100) }},
		{"a table is empty", func() error { return os.Truncate(only("*.sst"), 0) }},
		{"a table has other bytes", func() error { flip(only("*.sst")); return nil }},
		{"a table is a directory", func() error {
			path := only("*.sst")
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.damage(); err != nil {
				t.Fatal(err)
			}
			if out, code := b.output("explain", "--config", config, "r1"); code != terminal.ExitFailed && code != 0 {
				t.Errorf("explain ends with %d: %s", code, out)
			}
			joined()
			if _, err := os.Stat(state + ".damaged"); err != nil {
				t.Errorf("the damaged state is not kept: %v", err)
			}
			if out, code := b.output("verify", "--config", config); code != 0 || !strings.Contains(out, "all is as it was written") {
				t.Errorf("verify ends with %d: %s", code, out)
			}
		})
	}
}
