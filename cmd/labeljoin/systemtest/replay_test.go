package systemtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/demo"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
)

// put writes a file into the rig's folder.
func (b *rig) put(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// rows counts the rows of an output, which may have none.
func (b *rig) rows(out string) int {
	b.t.Helper()
	files, err := filepath.Glob(b.path(out + "/data/*/*.parquet"))
	if err != nil {
		b.t.Fatal(err)
	}
	n := 0
	for _, path := range files {
		if err := demo.ReadRows(path, badColumns, func([]string, bool) bool { n++; return true }); err != nil {
			b.t.Fatal(err)
		}
	}
	return n
}

// requestsAndClicks are lines of n requests, one a second, and of clicks on every second of them.
func requestsAndClicks(n int) (requests, clicks string) {
	var r, c strings.Builder
	for i := range n {
		at := 1767225600000 + 1000*i
		fmt.Fprintf(&r, `{"request_id": "r%d", "ts": %d, "model": "m"}`+"\n", i, at)
		if i%2 == 0 {
			fmt.Fprintf(&c, `{"request_id": "r%d", "type": "click", "ts": %d}`+"\n", i, at+500)
		}
	}
	return r.String(), c.String()
}

const replayConfig = "join: {window: 10s, lateness: 1s}\nlabels: {clicked: 'type == \"click\"'}\noutput: {dir: labeled}\n"

// testReplayTwice starts a second replay into the directory of one that is not
// done: it reads a pipe.
func testReplayTwice(t *testing.T, b *rig) {
	config := b.configure("labeljoin.yaml", replayConfig)
	pipe := b.path("pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("no pipe can be made here: %v", err)
	}
	requests, clicks := requestsAndClicks(4)
	b.put("r", requests)
	b.put("o", clicks)
	first := b.start("replay", "--config", config, "--requests", pipe, "--outcomes", b.path("o"), "--complete")
	first.until("the first replay has begun", func() bool {
		_, err := os.Stat(b.path("labeled/_commits/p0000/LOCK"))
		return err == nil
	})
	second := b.start("replay", "--config", config, "--requests", b.path("r"), "--outcomes", b.path("o"), "--complete")
	if code := second.code(); code != terminal.ExitFailed || !strings.Contains(second.log.tail(1000), "in use by another process") {
		t.Errorf("the second one ends with %d: %s", code, second.log.tail(1000))
	}
	b.put("pipe", requests)
	if code := first.code(); code != 0 {
		t.Errorf("the first one ends with %d", code)
	}
	if rows := b.rows("labeled"); rows != 4 {
		t.Errorf("%d rows, want 4", rows)
	}
}

// testReplayStopped stops a replay while it writes: either it has written all,
// or nothing, and it says which.
func testReplayStopped(t *testing.T, b *rig) {
	config := b.configure("labeljoin.yaml", replayConfig)
	const n = 50_000
	requests, clicks := requestsAndClicks(n)
	b.put("r", requests+"broken\n")
	b.put("o", clicks)
	args := []string{"replay", "--config", config, "--requests", b.path("r"), "--outcomes", b.path("o"), "--complete"}
	for _, c := range []struct {
		name, begun string
		by          os.Signal
	}{
		{"while it reads", "_commits/p0000/LOCK", syscall.SIGINT},
		{"while it writes", "_staging/p0000-*", syscall.SIGINT},
		{"by a terminal that closes", "_commits/p0000/LOCK", syscall.SIGHUP},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := b.path("labeled")
			if err := os.RemoveAll(out); err != nil {
				t.Fatal(err)
			}
			child := b.start(args...)
			child.until("it has begun", func() bool {
				found, err := filepath.Glob(filepath.Join(out, c.begun))
				return err == nil && len(found) > 0
			})
			if err := child.signal(c.by); err != nil {
				t.Fatal(err)
			}
			code, rows, commits := child.code(), b.rows("labeled"), len(b.manifests())
			said := strings.Contains(child.log.tail(1000), "nothing was written")
			switch {
			case code == 0 && rows == n && !said:
			case code == terminal.ExitFailed && rows == 0 && said && commits == 0:
			default:
				t.Errorf("it ends with %d after %d rows in %d commits: %s", code, rows, commits, child.log.tail(1000))
			}
		})
	}
}

// testReplayUnheard replays while what it says goes into a pipe that has no reader any more.
func testReplayUnheard(t *testing.T, b *rig) {
	config := b.configure("labeljoin.yaml", replayConfig)
	requests, clicks := requestsAndClicks(4)
	b.put("r", requests)
	b.put("o", clicks)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := read.Close(); err != nil {
		t.Fatal(err)
	}
	replay := exec.Command(b.binary, "replay", "--config", config, "--requests", b.path("r"), "--outcomes", b.path("o"), "--complete")
	replay.Stderr = write
	if err := errors.Join(replay.Run(), write.Close()); err != nil {
		t.Error(err)
	}
	if rows := b.rows("labeled"); rows != 4 {
		t.Errorf("%d rows, want 4", rows)
	}
}
