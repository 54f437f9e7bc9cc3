package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/replay"
	"github.com/labeljoin/labeljoin/cmd/labeljoin/terminal"
	"github.com/labeljoin/labeljoin/events"
	"github.com/labeljoin/labeljoin/export/bucket/s3/s3test"
)

// killedReplay leaves in a scratch what a replay that was killed leaves there.
func killedReplay(t *testing.T, scratch string, files map[string]string) {
	t.Helper()
	for name, data := range files {
		path := filepath.Join(scratch, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestScratchOfAKilledReplay: a replay that writes over days takes nothing from one that was killed.
func TestScratchOfAKilledReplay(t *testing.T) {
	left := map[string]string{"request0/-": "no event\n", "request0/pipe": "no event\n", "stream/outcomes-000001.jsonl": "{}\n"}
	for _, day := range []string{"2026-03-01", "2026-03-02", "2026-03-03"} {
		left["labels/"+day] = strings.Repeat("\x01", 100*(16+2*17)) // rows that no run of now has
	}
	l, dir := traffic(2), t.TempDir()
	whole := l.written(t, dir, configured(t, dir, twoLabels))
	whole.Complete, whole.Out = true, filepath.Join(dir, "whole")
	if got := run(t, whole); got.err != nil {
		t.Fatal(got.err)
	}
	piped := func(t *testing.T, r *replay.Replay) {
		r.Files[events.KindRequest] = []string{throughPipe(t, t.TempDir(), l.requests.String())}
	}
	for name, with := range map[string]func(t *testing.T, r *replay.Replay){
		"a label over days":      func(_ *testing.T, r *replay.Replay) { r.Labels = []string{"bought", "gain"} },
		"a label from a pipe":    func(t *testing.T, r *replay.Replay) { r.Labels = []string{"bought", "gain"}; piped(t, r) },
		"days again from a pipe": func(t *testing.T, r *replay.Replay) { r.Replace = true; piped(t, r) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			old := l.written(t, dir, configured(t, dir, oneLabel))
			old.Complete = true
			if got := run(t, old); got.err != nil {
				t.Fatal(got.err)
			}
			scratch := filepath.Join(old.Out, "_replay")
			killedReplay(t, scratch, left)
			r := l.written(t, dir, configured(t, dir, twoLabels))
			r.Complete = true
			with(t, r)
			if got := run(t, r); got.err != nil {
				t.Fatal(got.err)
			}
			sameRows(t, whole.Out, r.Out)
			if _, err := os.Stat(scratch); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the scratch is left: %v", err)
			}
		})
	}
}

// throughPipe is a named pipe from which a text comes, once.
func throughPipe(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	go func() {
		if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			_, _ = f.WriteString(text)
			_ = f.Close()
		}
	}()
	return path
}

// TestScratchBesideAStore: what a replay into a store keeps meanwhile is beside the state. Replays into other outputs
// have other scratches; a second one into the same output is refused, for it would mix its files with the first one's.
func TestScratchBesideAStore(t *testing.T) {
	store, dir := s3test.New(t), t.TempDir()
	l := traffic(1)
	into := func(out string) *replay.Replay {
		r := l.written(t, dir, configured(t, dir, inStore(t, store)+oneLabel))
		r.Out, r.Complete = out, true
		return r
	}
	first := into("s3://rows/first")
	release, err := first.TakeScratch()
	if err != nil {
		t.Fatal(err)
	}
	killedReplay(t, first.Scratch(), map[string]string{"labels/x": "x"})
	if got := run(t, into("s3://rows/second")); got.err != nil {
		t.Errorf("another output: %v", got.err)
	}
	if _, err := os.Stat(filepath.Join(first.Scratch(), "labels", "x")); err != nil {
		t.Errorf("the first one's files: %v", err)
	}
	got := run(t, into("s3://rows/first"))
	if got.err == nil || terminal.ExitCode(got.err) != terminal.ExitFailed || !strings.Contains(got.err.Error(), "another process") {
		t.Errorf("the same output: %v", got.err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	if got := run(t, into("s3://rows/first")); got.err != nil {
		t.Errorf("after the first one's end: %v", got.err)
	}
}

// TestDryRunLeavesNothing, not even an empty folder among the system's temporary files.
func TestDryRunLeavesNothing(t *testing.T) {
	dir, temporary := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	r := traffic(1).written(t, dir, configured(t, dir, ""))
	r.DryRun, r.Complete = true, true
	if got := run(t, r); got.err != nil {
		t.Fatal(got.err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left: %v: %v", left, err)
	}
}
