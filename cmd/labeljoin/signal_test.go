package main

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/labeljoin/labeljoin/events"
)

// testSecondProcess starts a second joiner on the directories of a first: on
// both, on the output alone, on the state alone. It is refused, with a word on
// what to do, and the first goes on.
func testSecondProcess(t *testing.T, b *rig) {
	c := b.start("run", "--config", b.configure("labeljoin.yaml", badConfig))
	c.joins()
	for name, more := range map[string]string{
		"both.yaml":   badConfig,
		"output.yaml": badConfig + "state: {dir: other}\n",
		"state.yaml":  strings.Replace(badConfig, "output: {", "output: {dir: other, ", 1),
	} {
		second := b.start("run", "--config", b.configure(name, more))
		if code := second.code(); code != exitFailed {
			t.Errorf("%s: exit code %d, want %d", name, code, exitFailed)
		}
		if text := second.log.text(); !strings.Contains(text, "in use by another process") {
			t.Errorf("%s: it says\n%s", name, text)
		}
	}
	c.stop()
}

// testTerminated stops a joiner that would not commit for an hour: SIGTERM
// makes it commit what has closed, and end well.
func testTerminated(t *testing.T, b *rig) {
	config := b.configure("labeljoin.yaml", strings.Replace(badConfig, "interval: 100ms", "interval: 1h", 1))
	c := b.start("run", "--config", config)
	c.joins()
	f := openTraffic(t, b.broker.URL(), 0)
	now := time.Now().UnixMilli()
	f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"good","ts":%d}`, now))
	f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":"good","ts":%d,"type":"click"}`, now))
	f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"open","ts":%d}`, now+200_000))
	if err := f.settle(); err != nil {
		t.Fatal(err)
	}
	closed := time.UnixMilli(now).Add(time.Second)
	c.until("the request is closed", func() bool {
		s, ok := c.status()
		watermark, err := time.Parse(time.RFC3339Nano, s.Watermark)
		return ok && err == nil && watermark.After(closed) && s.Events["request"].Read == 2
	})
	if n := len(b.manifests()); n != 0 {
		t.Fatalf("%d commits before it was stopped", n)
	}
	c.stop()
	rows := b.revisions("labeled", badColumns)
	if len(b.manifests()) != 1 || len(rows) != 1 || len(rows["good/<null>"]) != 1 || rows["good/<null>"][0][4] != "1" {
		t.Errorf("%d commits, rows %v", len(b.manifests()), rows)
	}
}

// testTerminatedTwice stops a joiner that cannot get rid of its labels, since
// their stream is gone and it may not create another: the first signal waits
// for it, the second does not.
func testTerminatedTwice(t *testing.T, b *rig) {
	f := openTraffic(t, b.broker.URL(), 0)
	const stream = "labels"
	if _, err := f.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: stream, Subjects: []string{"labels.feed"}}); err != nil {
		t.Fatal(err)
	}
	c := b.start("run", "--config", b.configure("labeljoin.yaml", badConfig+"publish: {subject: labels.feed}\n"))
	c.joins()
	if err := f.js.DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"good","ts":%d}`, now))
	f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":"good","ts":%d,"type":"click"}`, now))
	c.says("labels are not stored")
	if err := c.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.says("once more stops at once")
	if err := c.signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := c.code(); code != exitStopped {
		t.Errorf("exit code %d, want %d", code, exitStopped)
	}
}

// testServerAway takes the server away and brings it back. Nothing is lost, and
// the log says little about it.
func testServerAway(t *testing.T, b *rig) {
	address, err := url.Parse(b.broker.URL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	c := b.start("run", "--config", b.configure("labeljoin.yaml", badConfig+"publish: {subject: labels.feed, create: true}\n"))
	c.joins()
	f := openTraffic(t, b.broker.URL(), 0)
	sent := 0
	send := func() {
		for range 50 {
			now := time.Now().UnixMilli()
			f.now(events.KindRequest, fmt.Sprintf(`{"request_id":"r%d","ts":%d}`, sent, now))
			f.now(events.KindOutcome, fmt.Sprintf(`{"request_id":"r%d","ts":%d,"type":"click"}`, sent, now))
			sent++
		}
		if err := f.settle(); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 2 {
		send()
		if err := b.broker.Close(); err != nil {
			t.Fatal(err)
		}
		c.until("it notices", func() bool { return strings.Count(c.log.text(), "reconnecting for ever") > n })
		time.Sleep(2 * time.Second) // several attempts to reconnect
		b.broker = b.startBroker(port)
		c.until("it is back", func() bool { return strings.Count(c.log.text(), "nats reconnected") > n })
	}
	send()
	b.closeAll(c, f)
	c.stop()
	rows := b.revisions("labeled", badColumns)
	for i := range sent {
		if key := fmt.Sprintf("r%d/<null>", i); len(rows[key]) == 0 || rows[key][len(rows[key])-1][4] != "1" {
			t.Errorf("%s is not labeled: %v", key, rows[key])
		}
	}
	if len(rows) != sent {
		t.Errorf("%d rows, want %d", len(rows), sent)
	}
	lines := 0
	for line := range strings.Lines(c.log.text()) {
		if !strings.Contains(line, `"msg":"committed"`) {
			lines++
		}
	}
	if lines > 40 {
		t.Errorf("%d lines about two outages:\n%s", lines, c.log.tail(8000))
	}
	t.Logf("%d lines", lines)
}
