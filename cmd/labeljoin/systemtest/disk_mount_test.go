package systemtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/cmd/labeljoin/diskspace"
	"github.com/labeljoin/labeljoin/events"
)

// smallDisk mounts a file system of its own at b.path("disk"), with state and
// output on it. It takes the right to mount.
func (b *rig) smallDisk(size string) {
	b.t.Helper()
	if testing.Short() {
		b.t.Skip("full disks take their time")
	}
	dir := b.path("disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		b.t.Skipf("mounting a small disk takes root: %v", err)
	}
	b.t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			b.t.Error(err)
		}
	})
	for _, name := range []string{"state", "labeled"} {
		if err := errors.Join(os.Mkdir(filepath.Join(dir, name), 0o700), os.Symlink(filepath.Join(dir, name), b.path(name))); err != nil {
			b.t.Fatal(err)
		}
	}
}

// fill takes all the room that is left; what it returns gives it back.
func (b *rig) fill() (free func()) {
	b.t.Helper()
	path := b.path("disk/ballast")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if n, err := f.Write(block); err != nil {
			if !diskspace.NoRoom(err) {
				b.t.Fatal(err)
			}
			block = block[:min(n, len(block)/2)]
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			b.t.Fatal(err)
		}
	}
}

// cpu is the time that the child has computed.
func (c *child) cpu() time.Duration {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err := errors.Join(err, err2); err != nil {
		c.t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// fullFor is how long the small disks are full.
const fullFor = 2 * time.Second

// testDiskFullReserve fills the disk below the reserve, and testDiskFullToTheBrim
// takes the reserve away, so that writes fail.
func testDiskFullReserve(t *testing.T, b *rig)   { testDiskFull(t, b, "") }
func testDiskFullToTheBrim(t *testing.T, b *rig) { testDiskFull(t, b, "state: {reserve: 0B}\n") }

// testDiskFull fills the disk of a joiner while events flow, and frees it again.
// In the end the rows are those of a replay.
func testDiskFull(t *testing.T, b *rig, more string) {
	b.smallDisk("96m")
	config := b.configure("labeljoin.yaml", killConfig+more)
	f := newTraffic(t, b.broker.URL(), 1)
	c := b.start("run", "--config", config)
	c.joins()
	ctx, quiet := context.WithCancel(t.Context())
	published := make(chan error, 1)
	go func() { published <- f.run(ctx, steady(150)) }()
	for round := range 2 {
		commits := len(b.manifests())
		c.until("commits are made", func() bool { return len(b.manifests()) > commits })
		free := b.fill()
		c.until("it pauses", func() bool { return strings.Count(c.log.text(), "reading pauses") == round+1 })
		before := c.cpu()
		time.Sleep(fullFor)
		t.Logf("in %v with a full disk it computed for %v", fullFor, c.cpu()-before)
		if code, text := c.get("readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "reading pauses") {
			t.Errorf("readyz while the disk is full: %d %s", code, text)
		}
		_, metrics := c.get("metrics")
		if !strings.Contains(metrics, `labeljoin_paused{name="feed",reason="disk"} 1`) {
			t.Error("the metrics do not say that reading pauses")
		}
		t.Log(grepLine(metrics, "labeljoin_disk_full_retries_total{"))
		free()
		c.until("it goes on", func() bool { return strings.Count(c.log.text(), "reading goes on") == round+1 })
	}
	quiet()
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	b.closeAll(c, f)
	c.stop()
	b.replay(f, config)
	b.checkKilled(f)
	for line := range strings.Lines(c.log.text()) {
		if strings.Contains(line, `"WARN"`) || strings.Contains(line, `"ERROR"`) {
			// Some of the traffic is rejected, which is said once a minute and reason.
			expected := []string{"reading pauses", "can lose messages", "events were rejected"}
			if !slices.ContainsFunc(expected, func(text string) bool { return strings.Contains(line, text) }) {
				t.Errorf("not calm: %s", line)
			}
		}
	}
}

func grepLine(text, prefix string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// testDiskFullEmbedded lets an embedded server meet the full disk: it turns its
// streams off, and is brought back when there is room.
func testDiskFullEmbedded(t *testing.T, b *rig) {
	b.smallDisk("96m")
	port := freePort(t)
	config := b.path("labeljoin.yaml")
	text := fmt.Sprintf("name: feed\nnats: {embedded: true, port: %d}\nhttp: {listen: 127.0.0.1:0}\nlog: {format: json}\nstate: {dir: state}\n%s", port, killConfig)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := b.start("run", "--config", config)
	c.joins()
	f := openTraffic(t, fmt.Sprintf("nats://127.0.0.1:%d", port), 2)
	f.burst("a")
	commits := len(b.manifests())
	c.until("commits are made", func() bool { return len(b.manifests()) > commits })
	free := b.fill()
	c.until("it pauses", func() bool { return strings.Contains(c.log.text(), "reading pauses") })
	for range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := f.js.Publish(ctx, trafficSubjects[events.KindOutcome], fmt.Appendf(nil, `{"heartbeat":%d,"pad":%q}`, time.Now().UnixMilli(), strings.Repeat("x", 100<<10)), jetstream.WithRetryAttempts(0))
		cancel()
		if err != nil {
			t.Logf("publishing to a full disk: %v", err)
			break
		}
	}
	before := c.cpu()
	time.Sleep(fullFor)
	t.Logf("in %v with a full disk it computed for %v", fullFor, c.cpu()-before)
	free()
	c.until("it goes on", func() bool { return strings.Contains(c.log.text(), "reading goes on") })
	c.until("the server takes messages", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := f.js.Publish(ctx, trafficSubjects[events.KindOutcome], fmt.Appendf(nil, `{"heartbeat":%d}`, time.Now().UnixMilli()))
		return err == nil
	})
	f.burst("b")
	b.closeAll(c, f)
	c.stop()
	rows := b.revisions("labeled", killColumns)
	if len(rows) != 200 {
		t.Errorf("%d rows, want 200", len(rows))
	}
	for key, revisions := range rows {
		if len(revisions) != 1 || revisions[0][4] != "1" {
			t.Errorf("%s: %v", key, revisions)
		}
	}
}

// burst publishes a hundred clicked requests at once.
func (f *traffic) burst(prefix string) {
	f.t.Helper()
	for n := range 100 {
		now := time.Now().UnixMilli()
		f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"%s%d","ts":%d}`, prefix, n, now))
		f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":"%s%d","ts":%d,"type":"click"}`, prefix, n, now))
	}
	if err := f.settle(); err != nil {
		f.t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
