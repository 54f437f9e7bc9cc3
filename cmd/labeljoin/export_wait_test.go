package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/partition"
	"github.com/labeljoin/labeljoin/export/bucket"
)

// TestOthersExportWhileOneWaits: `export --wait` may wait for hours, and others export meanwhile, such as the
// running joiner.
func TestOthersExportWhileOneWaits(t *testing.T) {
	replayDir(t)
	cfg, err := partition.LoadConfig("labeljoin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := partition.Open(vfs.Default, partition.ID{}, cfg, rulesFor(t, cfg), cfg.State.Dir,
		bucket.NewDir(vfs.Default, cfg.Output.Dir), discardLog())
	if err := errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	said, talk := io.Pipe()
	waiting := make(chan int)
	go func() { // ends when ctx does, and is waited for
		code := execute(ctx, []string{"labeljoin", "export", "--date", "2026-01-01", "--wait"}, strings.NewReader(""),
			io.Discard, talk)
		_ = talk.Close()
		waiting <- code
	}()
	lines := bufio.NewReader(said)
	line, err := lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "waiting: ") {
		t.Errorf("says %q (%v)", line, err)
	}
	if code, _, talk := runLine(t, "export", "--date", "2026-01-01"); code != 1 || !strings.Contains(talk, "has no rows") {
		t.Errorf("another export ends with %d: %s", code, talk)
	}
	stop()
	_, _ = io.Copy(io.Discard, lines)
	<-waiting
}
