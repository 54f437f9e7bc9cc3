package replay_test

import (
	"cmp"
	"context"
	"flag"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/events"
)

var resumeSeed = flag.Uint64("resumeseed", 0, "interrupt replays as this seed draws it; 0: another one each time")

// filesOf are the contents of the files below a directory, by their paths in it.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		found[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// sameFiles compares the data files of two outputs by their bytes.
func sameFiles(t *testing.T, got, want string) {
	t.Helper()
	for _, dir := range []string{"data", "deadletter"} {
		is, ought := map[string]string{}, map[string]string{}
		if _, err := os.Stat(filepath.Join(want, dir)); err == nil {
			is, ought = filesOf(t, filepath.Join(got, dir)), filesOf(t, filepath.Join(want, dir))
		}
		for name, data := range ought {
			if is[name] != data {
				t.Errorf("%s/%s has other bytes than without an interruption (%d, want %d)", dir, name, len(is[name]), len(data))
			}
		}
		if len(is) != len(ought) {
			t.Errorf("%d files in %s, want %d", len(is), dir, len(ought))
		}
	}
	for name := range filesOf(t, filepath.Join(got, "_staging")) {
		t.Errorf("%s was left in _staging", name)
	}
}

// stopAt ends the context once so many files are finished.
func stopAt(ctx context.Context, stop context.CancelFunc, dir string, files int) {
	for ctx.Err() == nil {
		if notes, _ := filepath.Glob(filepath.Join(dir, "_staging", "*.kept")); len(notes) >= files {
			stop()
			return
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// A replay that is stopped again and again, wherever that is, ends in the bytes of one that was not. So
// it does after the logs or the flags were others meanwhile.
func TestStoppedReplayGoesOn(t *testing.T) {
	logs, dir := traffic(12), t.TempDir()
	logs.requests.WriteString("no event\n")
	replayOf := func(name, more string) *replay.Replay {
		c := configured(t, filepath.Join(dir, name), more)
		c.Output.Roll.Rows = 100
		return logs.written(t, dir, c)
	}
	whole := run(t, replayOf("whole", ""))
	if whole.err != nil {
		t.Fatal(whole.err)
	}
	want := filepath.Join(dir, "whole", "out")
	seed := cmp.Or(*resumeSeed, rand.Uint64())
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("-resumeseed %d", seed)
	for _, other := range []string{"", "the logs", "the configuration"} {
		t.Run("but for "+other, func(t *testing.T) {
			name := "stopped" + other
			out, stopped, finished := filepath.Join(dir, name, "out"), 0, 0
			for range 3 {
				finished += 1 + rng.IntN(8)
				r := replayOf(name, "")
				if other == "the configuration" && stopped == 0 {
					r = replayOf(name, "labels:\n  clicked: {when: 'type == \"buy\"', window: 30m}\n")
				}
				if other == "the logs" && stopped == 0 {
					r.From = events.Time(noon.Add(90 * time.Minute).UnixNano())
					r.To = events.MaxTime
				}
				ctx, stop := context.WithCancel(t.Context())
				go stopAt(ctx, stop, out, finished)
				r.Talk, r.Data = io.Discard, io.Discard
				err := r.Run(ctx)
				stop()
				if err == nil && stopped == 0 {
					t.Skip("the replay came to its end before it was stopped")
				}
				if err == nil {
					break
				}
				if !strings.Contains(err.Error(), "the same command") {
					t.Fatal(err)
				}
				stopped++
			}
			if stopped == 3 {
				last := run(t, replayOf(name, ""))
				if last.err != nil {
					t.Fatal(last.err)
				}
				t.Logf("stopped with %d files; %d were used again", finished, last.report.Reused)
			}
			sameFiles(t, out, want)
		})
	}
}

// A replay that is refused leaves nothing, for a person has to decide first.
func TestRefusedReplayLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	logs := traffic(3)
	for range 30 {
		logs.requests.WriteString("no event\n")
	}
	c := configured(t, dir, "")
	c.Output.Roll.Rows = 100
	if got := run(t, logs.written(t, dir, c)); got.err == nil {
		t.Fatal("it was not refused")
	}
	if left := filesOf(t, filepath.Join(c.Output.Dir, "_staging")); len(left) > 0 {
		t.Errorf("%d files were left in _staging", len(left))
	}
}
